/** Where a job goes when it comes in or back: delayed, ready, or behind its group or a limit. */
import type { Ms, Outcome } from '../../job.ts'
import { count, gateFor, restate } from './admission.ts'
import type { Commit } from './commit.ts'
import type { QueueRow } from './queue.ts'
import type { Finished, More, Row } from './row.ts'
import { takeTurn } from './turn.ts'

/** Puts a row that is in no order into the state that fits: delayed until `at`, else ready or behind its group. */
export function place(commit: Commit, row: Row, at: Ms): void {
  arrange(commit, row, at)
  commit.table.enter(row)
  if (row.group !== undefined) openGroup(commit, row.queue, row.group)
}

/** The same for a row that is new. */
export function placeNew(commit: Commit, row: Row, at: Ms): void {
  arrange(commit, row, at, row.rank)
  commit.table.insert(row)
  // It comes last in its group: it closes nobody.
  if (row.group !== undefined && !commit.table.groups.isClosed(row)) openHead(commit, row.queue, row.group)
}

function arrange(commit: Commit, row: Row, at: Ms, fresh?: number): void {
  const queue = row.queue
  if (at > commit.now) {
    row.state = 'delayed'
    row.at = at
    row.turn = false
  } else {
    if (row.fair !== undefined) takeTurn(commit, row, fresh)
    const first = row.group === undefined && row.more?.after === undefined
    if (first && row.gates) row.parked = gateFor(commit, row)
    row.state = first && row.parked === undefined ? 'ready' : 'waiting'
    row.at = 0
    if (row.state === 'ready') commit.wake(queue)
  }
  count(commit, row, 1)
  queue.used = commit.now
}

/** Takes a row out of its order and its lease. */
export function displace(commit: Commit, row: Row): void {
  commit.table.leave(row)
  count(commit, row, -1)
  row.parked = undefined
  row.queue.used = commit.now
  row.holder?.remove(row)
  if (row.more && row.state === 'reserved') delete row.more.cancelled
  if (row.more && row.state === 'buried') endKeep(row, row.more)
}

/** How long it was to be kept aside is nothing to what it does next; the queue's retention is. */
function endKeep(row: Row, more: More): void {
  if (more.retained === undefined) return
  row.expires = more.retained
  if (row.expires === 0) delete more.drop
  delete more.retained
}

/**
 * A job has come into its group, wherever its rank puts it: the group's first job that isn't buried is the only one that may be ready; while it is reserved
 * or delayed, none is.
 */
export function openGroup(commit: Commit, queue: QueueRow, group: string): void {
  const ready = commit.table.groups.ready(queue, group)
  if (ready && ready !== commit.table.groups.head(queue, group)) restate(commit, ready, 'waiting')
  openHead(commit, queue, group)
}

/** A job has left its group, or has come in as the last one: the first may be ready now. */
export function openHead(commit: Commit, queue: QueueRow, group: string): void {
  const head = commit.table.groups.head(queue, group)
  if (head?.state !== 'waiting' || head.parked !== undefined || head.more?.after !== undefined) return
  const gate = gateFor(commit, head)
  if (gate !== undefined) return restate(commit, head, 'waiting', gate)
  restate(commit, head, 'ready')
  commit.wake(queue)
}

/** The job that took over its unique key while it was reserved no longer waits for it. */
export function openSuccessor(commit: Commit, row: Row): void {
  const unique = row.more?.unique
  if (!unique) return
  const claim = commit.table.claims.get(row.queue, unique.key)
  const successor = claim && claim.id !== row.id ? commit.table.get(claim.id) : undefined
  if (successor?.more?.after !== row.id) return
  const { at, state } = successor
  displace(commit, successor)
  delete successor.more.after
  place(commit, successor, state === 'delayed' ? at : 0)
}

/** The job leaves for good, in whatever way; its group and its unique key open. */
export function depart(commit: Commit, row: Row, outcome: Outcome): void {
  const { queue, group, more } = row
  // Behind another one of its group it has closed nobody.
  const behind = row.state === 'waiting' && row.parked === undefined && more?.after === undefined
  displace(commit, row)
  queue.gone++
  queue.bytes -= row.size
  if (queue.policy?.keep || more?.result !== undefined) {
    commit.housekeeping.keep()
    const finished: Finished = { row, outcome: { ...outcome, at: commit.now } }
    if (more?.result !== undefined) finished.until = commit.now + more.result
    commit.table.history.add(finished)
  } else if (more?.noted) commit.table.notes.drop(row.id)
  if (more?.result !== undefined) commit.finished.push(row.id)
  commit.table.remove(row)
  notLeaving(commit, row)
  if (more?.unique) {
    dropClaim(commit, row, 'gone')
    openSuccessor(commit, row)
  }
  if (group !== undefined && !behind) openHead(commit, queue, group)
}

/** Gives a unique key back that lasts until the job is reserved, or until it is gone. */
export function dropClaim(commit: Commit, row: Row, event: 'reserved' | 'gone'): void {
  const unique = row.more?.unique
  if (!unique || (event === 'reserved' && !unique.waiting)) return
  const claim = commit.table.claims.get(row.queue, unique.key)
  if (claim?.id === row.id && typeof claim.for === 'string') commit.table.claims.set(row.queue, unique.key, undefined)
}

/** It no longer waits for the way to its queue's dead-letter target. */
export function notLeaving(commit: Commit, row: Row): void {
  if (!row.dead) return
  row.dead = false
  commit.reported.delete(row.id)
  row.queue.leaving--
  row.queue.leavingBytes -= row.size
}
