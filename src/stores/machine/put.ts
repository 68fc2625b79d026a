import type { Bytes, Message, Ms, QueuePolicy, Target, Unique } from '../../job.ts'
import type { Put, PutOp, Refusal, Restored, Result } from '../store.ts'
import { count } from './admission.ts'
import { areGates, gatesOf } from './gate.ts'
import { drop } from './give-back.ts'
import type { Commit } from './commit.ts'
import { isName, refuse } from './refuse.ts'
import { cancel } from './settle.ts'
import { displace, notLeaving, place, placeNew } from './place.ts'
import type { QueueRow } from './queue.ts'
import { counts, more, Row } from './row.ts'
import type { Claim } from './table.ts'
import { setPri } from './turn.ts'

/** What a job gets that names none and whose queue has no default. */
const PRIORITY = 65536
const LEASE: Ms = 60_000

export function put(commit: Commit, op: PutOp): Result {
  const per = op.to.map((target) => putOne(commit, target, op.msg, op.restore))
  if (!per.some(({ ok }) => ok)) return refuse(per[0] && !per[0].ok ? per[0].why : 'no queue')
  return { ok: true, do: 'put', per, dead: commit.dead }
}

function putOne(commit: Commit, target: Target, msg: Message, restore: Restored | undefined): Put {
  if (msg.parent !== undefined || msg.children || !areGates(msg.gates)) return refused('unsupported')
  if (msg.group !== undefined && !isName(msg.group)) return refused('unsupported')
  if (msg.unique && !msg.unique.key.isWellFormed()) return refused('unsupported')
  if (commit.full) return refused('full')
  let queue = commit.table.queue(target.queue)
  if (!queue) {
    if (!target.create) return refused('no queue')
    if (!isName(target.queue)) return refused('unsupported')
    queue = commit.table.createQueue(target.queue, commit.now)
  }
  if (restore && commit.table.get(restore.id)) return refused('conflict')
  if (msg.unique) {
    const answer = claimed(commit, queue, target, msg, msg.unique)
    if (answer) return answer
  }
  const refusal = room(commit, queue, msg.body.length)
  if (refusal) return refused(refusal)
  if (msg.unique?.on === 'supersede') {
    const running = holderOf(commit, queue, claimKey(msg.unique, msg.group))
    if (running?.state === 'reserved') cancel(commit, { do: 'cancel', job: running.id })
  }

  const id = restore ? restore.id : commit.table.next()
  if (restore) commit.table.above(id)
  const row = newRow(commit, queue, id, target, msg)
  let at = row.delay ? commit.now + row.delay : 0
  if (target.at !== undefined) at = target.at
  if (restore) bringBack(row, restore)
  if (msg.unique) {
    const key = claimKey(msg.unique, msg.group)
    const { unique } = msg
    const first = unique.on === 'keep' ? undefined : holderOf(commit, queue, key)
    if (first?.state === 'reserved') more(row).after = first.id
    if (typeof unique.for === 'number') commit.housekeeping.keep()
    more(row).unique = { key, waiting: unique.for === 'waiting' }
    commit.table.claims.set(queue, key, {
      id,
      for: typeof unique.for === 'number' ? commit.now + unique.for : unique.for,
    })
  }
  if (restore?.buried) {
    row.state = 'buried'
    row.at = commit.table.nextBurial()
    more(row).why = 'asked'
    count(commit, row, 1)
    commit.table.insert(row)
  } else placeNew(commit, row, at)
  return { ok: true, id, state: row.state }
}

/** A row for a message in a queue, in no order yet. Its `delay` is what the target or the queue asks for. */
export function newRow(commit: Commit, queue: QueueRow, id: number, target: Target, msg: Message): Row {
  const { policy } = queue
  const row = new Row(
    id,
    queue,
    target.pri ?? policy?.pri ?? PRIORITY,
    id,
    msg.lease ?? policy?.lease ?? LEASE,
    commit.now,
    msg.body,
    msg.body.length,
  )
  if (target.at !== undefined) row.delay = Math.max(0, target.at - commit.now)
  else if (policy?.delay) row.delay = policy.delay
  if (msg.envelope) row.envelope = msg.envelope
  join(row, msg.group)
  row.gates = gatesOf(msg.gates)
  if (msg.name !== undefined) more(row).name = msg.name
  if (msg.maxFailures !== undefined) more(row).maxFailures = msg.maxFailures
  if (msg.maxReserves !== undefined) more(row).maxReserves = msg.maxReserves
  if (msg.backoff) more(row).backoff = msg.backoff
  if (msg.result !== undefined) more(row).result = msg.result
  if (target.rank === 'due') more(row).rankWhenDue = true
  setExpiry(row, target.ttl)
  queue.puts++
  queue.bytes += row.size
  return row
}

/**
 * Makes a row one of a group, as its queue's policy has groups.
 * @param otherwise what groups are to it where the policy doesn't say
 */
export function join(row: Row, group: string | undefined, otherwise: QueuePolicy['groups'] = 'ordered'): void {
  const fair = (row.queue.policy?.groups ?? otherwise) === 'fair'
  row.group = fair ? undefined : group
  row.fair = fair ? (group ?? '') : undefined
  row.turn = false
}

/** ttl counts from now on, and so does the queue's retention from the put on: whichever ends first. */
export function setExpiry(row: Row, own: Ms | undefined): void {
  const { policy } = row.queue
  row.expires = 0
  const ttl = Math.min(own ?? Infinity, policy?.ttl ?? Infinity)
  if (ttl !== Infinity) row.expires = row.put + ttl
  if (policy?.retention === undefined) return
  const retained = row.put + policy.retention
  if (row.expires !== 0 && row.expires <= retained) more(row).retained = retained
  else {
    row.expires = retained
    more(row).drop = true
  }
}

/** Why the queue doesn't take so many bytes more, if it doesn't; under `overflow: 'drop'` its head makes room. */
export function room(commit: Commit, queue: QueueRow, bytes: number): Refusal | undefined {
  const { policy } = queue
  if (!policy) return undefined
  const { maxSize, maxJobs, maxBytes } = policy
  if ((maxSize !== undefined && bytes > maxSize) || (maxBytes !== undefined && bytes > maxBytes)) return 'too big'
  const over = () =>
    (maxJobs !== undefined && queue.jobs - queue.leaving >= maxJobs) ||
    (maxBytes !== undefined && queue.bytes - queue.leavingBytes + bytes > maxBytes)
  if (!over()) return undefined
  if (policy.overflow !== 'drop' || !canDrop(commit, queue, bytes)) return 'full'
  while (over()) drop(commit, commit.table.head(queue) as Row, 'maxlen')
  return undefined
}

/**
 * Whether the ready jobs, and those of their groups that become ready when they go, are enough to make room: a put that is refused drops none. Of groups with
 * a job that has gates, or waits for another one, nobody knows what becomes ready.
 */
function canDrop(commit: Commit, queue: QueueRow, bytes: number): boolean {
  if (queue.ready === 0) return false
  const { maxJobs = Infinity, maxBytes = Infinity } = queue.policy ?? {}
  const jobs = queue.jobs - queue.leaving - maxJobs + 1
  const size = queue.bytes - queue.leavingBytes + bytes - maxBytes
  const enough = (rows: readonly Row[]) => rows.length >= jobs && rows.reduce((sum, row) => sum + row.size, 0) >= size
  for (let limit = Math.max(1, jobs); limit < queue.ready; limit *= 2)
    if (enough(commit.table.list(queue, 'ready', limit))) return true
  const rows = commit.table.list(queue, 'ready', Infinity)
  if (enough(rows)) return true
  const waiting = commit.table.list(queue, 'waiting', Infinity)
  const groups = new Set(rows.map((row) => row.group))
  groups.delete(undefined)
  for (const row of waiting) if (row.gates || row.more?.after !== undefined) groups.delete(row.group)
  return enough([...rows, ...waiting.filter((row) => groups.has(row.group))])
}

/**
 * What a put answers whose unique key another job has; undefined: it may go in. `keep` answers with the job that has the key. `replace` overwrites
 * that job while it waits; a reserved one gets a successor, which takes the key over and waits until it ends. `supersede` cancels a reserved one, too.
 * One that is gone, was set aside, or was moved away, holds a key only for `keep`.
 */
function claimed(commit: Commit, queue: QueueRow, target: Target, msg: Message, unique: Unique): Put | undefined {
  const key = claimKey(unique, msg.group)
  const claim = claimOf(commit, queue, key)
  if (!claim) return undefined
  if (unique.on === 'keep')
    return { ok: true, id: claim.id, state: commit.table.get(claim.id)?.state ?? 'finished', duplicate: true }
  const row = holderOf(commit, queue, key)
  if (!row || row.state === 'buried') return undefined
  if (row.state === 'reserved') return undefined
  const { maxSize } = queue.policy ?? {}
  if (maxSize !== undefined && msg.body.length > maxSize) return refused('too big')
  displace(commit, row)
  notLeaving(commit, row)
  overwrite(row, msg.body, msg.envelope)
  row.gates = gatesOf(msg.gates)
  become(row, msg)
  if (target.pri !== undefined) setPri(row, target.pri)
  row.delay = target.at === undefined ? 0 : Math.max(0, target.at - commit.now)
  place(commit, row, target.at ?? 0)
  return { ok: true, id: row.id, state: row.state, replaced: true }
}

/** Who has the key, if its time isn't over. One that still waits for the job that had it before has it until then. */
function claimOf(commit: Commit, queue: QueueRow, key: string): Claim | undefined {
  const claim = commit.table.claims.get(queue, key)
  if (!claim || typeof claim.for === 'string' || claim.for > commit.now) return claim
  return commit.table.get(claim.id)?.more?.after === undefined ? undefined : claim
}

/** The job that has the key: not one that was moved to another queue since, where the key means nothing. */
function holderOf(commit: Commit, queue: QueueRow, key: string): Row | undefined {
  const claim = claimOf(commit, queue, key)
  const row = claim && commit.table.get(claim.id)
  return row?.more?.unique?.key === key ? row : undefined
}

/** What comes from the message's definition is the new message's: jobs of several names may share a key. */
function become(row: Row, { name, result }: Message): void {
  if (name !== undefined) more(row).name = name
  else delete row.more?.name
  if (result !== undefined) more(row).result = result
  else delete row.more?.result
}

/** The job gets another body. */
export function overwrite(row: Row, body: Bytes | undefined, envelope: Bytes | undefined): void {
  if (body) {
    row.queue.bytes += body.length - row.size
    row.body = body
    row.size = body.length
  }
  if (envelope) row.envelope = envelope
  row.rewritten = true
}

function claimKey(unique: Unique, group: string | undefined): string {
  return unique.scope === 'group' ? `group\0${group ?? ''}\0${unique.key}` : `queue\0${unique.key}`
}

function bringBack(row: Row, restore: Restored): void {
  row.put = restore.put
  row.reserves = restore.reserves
  if (restore.delay !== undefined) row.delay = restore.delay
  Object.assign(counts(row), restore.counts)
}

function refused(why: Refusal): Put {
  return refuse(why)
}
