import type { Death, Message, QueuePolicy, Target, Why } from '../../job.ts'
import type { ForwardOp, Put, Refusal, Result } from '../store.ts'
import { areGates, gatesOf } from './gate.ts'
import type { Commit } from './commit.ts'
import { isName, refuse } from './refuse.ts'
import { depart, displace, dropClaim, notLeaving, openHead, openSuccessor, place, placeNew } from './place.ts'
import { join, newRow, overwrite, room, setExpiry } from './put.ts'
import type { QueueRow } from './queue.ts'
import { anew, groupOf, more, nextFence, type Row } from './row.ts'
import { find } from './settle.ts'
import { setPri } from './turn.ts'

/** Ways of dying that a job's record of dead-lettering keeps; an operator's move is none. */
const DEATHS: readonly Why[] = ['rejected', 'expired', 'maxlen', 'exhausted', 'invalid', 'failed']

export function forward(commit: Commit, op: ForwardOp): Result {
  const row = find(commit, op.job)
  if (typeof row === 'string') return refuse(row)
  return op.stay ? edit(commit, row, op) : move(commit, row, op)
}

/** The row stays where it is, and becomes another. */
function edit(commit: Commit, row: Row, { to: [target], body, envelope, gates }: ForwardOp): Result {
  if (target?.queue !== row.queue.name || row.state === 'reserved' || !areGates(gates)) return refuse('unsupported')
  const { maxSize } = row.queue.policy ?? {}
  if (body && maxSize !== undefined && body.length > maxSize) return refuse('too big')
  const at = target.at ?? (row.state === 'delayed' ? row.at : 0)
  const buried = row.state === 'buried'
  const { size } = row
  if (buried) commit.table.leave(row)
  else displace(commit, row)
  overwrite(row, body, envelope)
  if (gates) row.gates = gatesOf(gates)
  if (row.dead) row.queue.leavingBytes += row.size - size
  if (target.pri !== undefined) setPri(row, target.pri)
  if (target.at !== undefined) row.delay = Math.max(0, target.at - commit.now)
  if (buried) commit.table.enter(row)
  else place(commit, row, at)
  return { ok: true, do: 'forward', per: [{ ok: true, id: row.id, state: row.state }], dead: commit.dead }
}

/** Takes a row to the targets: the first that accepts gets the job itself, the others copies with ids of their own. */
export function move(commit: Commit, row: Row, op: Pick<ForwardOp, 'to' | 'why' | 'envelope' | 'body'>): Result {
  if (op.to.length === 0) {
    depart(commit, row, { as: 'cancelled' })
    return { ok: true, do: 'forward', per: [], dead: commit.dead }
  }
  const size = op.body?.length ?? row.size
  const queues = op.to.map((target) => accepting(commit, row, target, size))
  if (queues.every((queue) => typeof queue === 'string')) return refuse(queues[0] as Refusal)

  const body = op.body ?? (op.to.length > 1 ? commit.table.bodyOf(row) : undefined)
  const { pri, queue: from, group } = row
  // What it is in the first queue says nothing of the others.
  const groups = groupsOf(row)
  displace(commit, row)
  notLeaving(commit, row)
  const deaths = DEATHS.includes(op.why) ? died(row, op.why, commit.now) : row.more?.deaths
  const per: Put[] = []
  let itself = true
  for (const [i, queue] of queues.entries()) {
    const target = op.to[i] as Target
    if (typeof queue === 'string') {
      per.push(refuse(queue))
      continue
    }
    if (itself) {
      moveTo(commit, row, queue, target, op.why)
      overwrite(row, op.body, op.envelope)
    }
    const moved = itself ? row : copy(commit, row, queue, { pri, ...target }, body as Uint8Array, groups)
    if (deaths) more(moved).deaths = deaths
    ;(itself ? place : placeNew)(commit, moved, target.at ?? 0)
    itself = false
    per.push({ ok: true, id: moved.id, state: moved.state })
  }
  if (group !== undefined && (from !== row.queue || row.group === undefined)) openHead(commit, from, group)
  commit.news.add(row, 'moved', { from: from.name.slice(from.name.indexOf('/') + 1) })
  return { ok: true, do: 'forward', per, dead: commit.dead }
}

function accepting(commit: Commit, row: Row, target: Target, size: number): QueueRow | Refusal {
  let queue = commit.table.queue(target.queue)
  if (!queue) {
    if (!target.create) return 'no queue'
    if (!isName(target.queue)) return 'unsupported'
    queue = commit.table.createQueue(target.queue, commit.now)
  }
  return (queue !== row.queue && room(commit, queue, size)) || queue
}

function moveTo(commit: Commit, row: Row, queue: QueueRow, target: Target, why: Why): void {
  const from = row.queue
  if (from !== queue) {
    // A unique key holds in the queue that it was put into, and nobody else would give it back there.
    openSuccessor(commit, row)
    dropClaim(commit, row, 'gone')
    delete row.more?.unique
    delete row.more?.after
    from.gone++
    from.bytes -= row.size
    queue.puts++
    queue.bytes += row.size
    row.queue = queue
    // Who had it there has nothing to say here.
    row.n = nextFence(row, commit.table.epoch)
  }
  join(row, groupOf(row), groupsOf(row))
  row.rank = commit.table.next()
  if (target.pri !== undefined) row.pri = target.pri
  if (why === 'asked') anew(row)
  else if (from !== queue) limitFromHere(row)
  row.delay = target.at === undefined ? 0 : Math.max(0, target.at - commit.now)
  if (target.rank === 'due') more(row).rankWhenDue = true
  delete row.more?.drop
  delete row.more?.retained
  delete row.more?.why
  const put = row.put
  row.put = commit.now
  setExpiry(row, target.ttl)
  row.put = put
}

/**
 * Limits of reserves and failures count from here on: else nobody could take what died of them elsewhere. What comes back to where it died before counts
 * all, so that two queues that send to each other don't try it for ever.
 */
function limitFromHere(row: Row): void {
  const { reserves, failures } = row
  if (row.more?.deaths?.some(({ queue }) => queue === row.queue.name)) delete row.more.before
  else if (reserves + failures > 0) more(row).before = { reserves, failures }
}

/** Who was promised no order gets none from a queue that doesn't say so: dead letters of a fair queue don't wait for each other. */
function groupsOf(row: Row): QueuePolicy['groups'] {
  return row.fair === undefined ? 'ordered' : 'fair'
}

function copy(
  commit: Commit,
  row: Row,
  queue: QueueRow,
  target: Target,
  body: Uint8Array,
  groups: QueuePolicy['groups'],
): Row {
  const msg: Message = { body, lease: row.lease }
  if (row.envelope) msg.envelope = row.envelope
  if (row.gates) msg.gates = [...row.gates]
  if (row.more?.name !== undefined) msg.name = row.more.name
  const twin = newRow(commit, queue, commit.table.next(), target, msg)
  join(twin, groupOf(row), groups)
  twin.put = row.put
  twin.reserves = row.reserves
  limitFromHere(twin)
  return twin
}

/** The record of dead-lettering: newest first, one line for each queue and reason (RabbitMQ's x-death). */
function died(row: Row, why: Why, at: number): Death[] {
  const deaths = row.more?.deaths ?? []
  const queue = row.queue.name
  const count = deaths.find((death) => death.queue === queue && death.why === why)?.count ?? 0
  return [{ queue, why, count: count + 1, at }, ...deaths.filter((death) => death.queue !== queue || death.why !== why)]
}
