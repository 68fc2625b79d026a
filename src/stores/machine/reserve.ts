import type { JobId, Ms, Queue, Reserved, Terms } from '../../job.ts'
import type { ReserveOp, Result } from '../store.ts'
import { begin, closedGate, count, isQueueClosed, park, queueOpens, settleGates } from './admission.ts'
import { aside, drop, exhausted, timeOut } from './give-back.ts'
import type { Commit } from './commit.ts'
import { refuse } from './refuse.ts'
import { depart, displace, dropClaim, notLeaving, openGroup } from './place.ts'
import type { QueueRow } from './queue.ts'
import { groupOf, NEVER, nextFence, type Row } from './row.ts'

export function reserve(commit: Commit, op: ReserveOp): Result {
  if (typeof op.from === 'number') return reserveOne(commit, op, op.from)
  const jobs: Reserved[] = []
  const heads: Heads = new Array<undefined>(op.from.length).fill(undefined)
  let bytes = op.bytes
  let row = first(commit, op.from, heads)
  while (row) {
    if (jobs.length > 0 && row.size > bytes) break
    bytes -= row.size
    // One that is gone at once opens its group: what follows it is ready, and waits its turn.
    const following = op.run && !op.gone && row.group !== undefined ? row : undefined
    jobs.push(take(commit, row, op))
    if (jobs.length >= op.max || bytes <= 0) break
    row = (following && next(commit, following)) ?? first(commit, op.from, heads)
  }
  if (jobs.length > 0) return { ok: true, do: 'reserve', jobs, dead: commit.dead }
  const soonest = nextReady(commit, op.from)
  return soonest === undefined ? refuse('empty') : { ok: false, why: 'empty', next: soonest }
}

/** The head of each queue, as far as it was looked for; 'none': there is none that may be taken. */
type Heads = (Row | 'none' | undefined)[]

/** The most urgent job over all queues that aren't paused and haven't reached their limits. */
function first(commit: Commit, from: Queue[], heads: Heads): Row | undefined {
  for (;;) {
    if (commit.opened.size > 0) {
      settleGates(commit)
      heads.fill(undefined)
    }
    let best: Row | undefined
    for (let i = 0; i < from.length; i++) {
      let head = heads[i]
      // Of many queues only that is looked at again whose job was taken, or whose next one has to pass a gate that may have closed.
      if (!head || (head !== 'none' && (head.state !== 'ready' || head.gates)))
        head = heads[i] = headOf(commit, from[i] as Queue) ?? 'none'
      if (head === 'none') continue
      if (!best || head.pri < best.pri || (head.pri === best.pri && age(head) < age(best))) best = head
    }
    // What met a closed gate, or left, may have made room for one that comes before.
    if (commit.opened.size === 0) return best
  }
}

function headOf(commit: Commit, name: Queue): Row | undefined {
  const queue = commit.table.queue(name)
  if (!queue || queue.pausedUntil > commit.now || (queue.policy && isQueueClosed(commit, queue))) return undefined
  return ready(commit, queue)
}

/** What orders the heads of several queues: a turn means something in its own queue only. */
function age(row: Row): number {
  return row.turn ? row.id : row.rank
}

function ready(commit: Commit, queue: QueueRow): Row | undefined {
  for (;;) {
    const head = commit.table.head(queue)
    if (!head) return undefined
    if (!takable(commit, head)) continue
    const gate = closedGate(commit, head)
    if (gate === undefined) return head
    if (park(commit, head, gate)) continue
    commit.wake(queue)
    return undefined
  }
}

/** What may not be taken any more leaves on the spot. */
function takable(commit: Commit, row: Row): boolean {
  if (row.expires !== 0 && row.expires <= commit.now) drop(commit, row, 'expired')
  else if ((row.more || row.queue.policy) && row.reserves > 0 && !row.more?.counts?.kicks && exhausted(row)) {
    displace(commit, row)
    aside(commit, row, 'exhausted')
  } else return true
  return false
}

/** The next of a group, if nothing stands between. */
function next(commit: Commit, row: Row): Row | undefined {
  const following = commit.table.groups.next(row)
  if (following?.state !== 'waiting' || closedGate(commit, following) !== undefined) return undefined
  if (row.queue.policy && isQueueClosed(commit, row.queue)) return undefined
  return takable(commit, following) ? following : undefined
}

function reserveOne(commit: Commit, op: ReserveOp, id: JobId): Result {
  const row = commit.table.get(id)
  if (!row) return refuse('gone')
  if (row.state === 'reserved') {
    if (row.at > commit.now) return refuse('not held')
    timeOut(commit, row)
    if (!commit.table.get(id)) return refuse('gone')
  }
  const head = row.group !== undefined && commit.table.groups.head(row.queue, row.group)
  if (head && row.state !== 'buried' && head !== row) return refuse('not held')
  const job = take(commit, row, op)
  if (row.group !== undefined) openGroup(commit, row.queue, row.group)
  return { ok: true, do: 'reserve', jobs: [job], dead: commit.dead }
}

function take(commit: Commit, row: Row, op: ReserveOp): Reserved {
  const { table, now } = commit
  const { queue } = row
  const body = table.bodyOf(row)
  displace(commit, row)
  notLeaving(commit, row)
  row.state = 'reserved'
  row.n = nextFence(row, table.epoch)
  row.reserves++
  row.first ||= now
  row.at = deadline(row, op.lease, now)
  if (op.lease.session !== undefined) table.holder(op.lease.session).add(row)
  if (row.more?.unique) dropClaim(commit, row, 'reserved')
  delete row.more?.after
  count(commit, row, 1)
  if (row.gates || queue.policy?.rate) begin(commit, row)
  table.enter(row)
  const reserved: Reserved = {
    id: row.id,
    n: row.n,
    queue: queue.name,
    body,
    pri: row.pri,
    reserves: row.reserves,
    failures: row.failures,
    redelivered: row.reserves > 1,
    put: row.put,
    first: row.first,
    rank: row.rank,
  }
  if (row.at !== NEVER) reserved.until = row.at
  if (row.envelope) reserved.envelope = row.envelope
  const group = groupOf(row)
  if (group !== undefined) reserved.group = group
  if (row.more) {
    if (row.more.name !== undefined) reserved.name = row.more.name
    if (row.more.deaths) reserved.deaths = row.more.deaths
  }
  if (op.gone) depart(commit, row, { as: 'done' })
  return reserved
}

function deadline(row: Row, lease: Terms, now: Ms): Ms {
  if (lease.ms === undefined) return NEVER
  return now + (lease.ms === 'own' ? row.lease : lease.ms)
}

/** The soonest moment at which one of these queues may have a job by the passing of time alone. */
function nextReady(commit: Commit, from: Queue[]): Ms | undefined {
  let soonest = Infinity
  for (const name of from) {
    const queue = commit.table.queue(name)
    if (!queue) continue
    if (queue.pausedUntil > commit.now) soonest = Math.min(soonest, queue.pausedUntil)
    if (queue.policy?.rate) soonest = Math.min(soonest, queueOpens(commit, queue))
    if (queue.delayed > 0 || queue.reserved > 0 || queue.waiting > 0)
      soonest = Math.min(soonest, Math.max(commit.table.soonest(commit.now), commit.now + 1))
  }
  return soonest >= NEVER ? undefined : soonest
}
