/** Where a job goes when it comes in or back: delayed, ready, or behind its group. */
import type { Ms, Outcome } from '../../job.ts'
import type { Machine } from './machine.ts'
import type { QueueRow } from './queue.ts'
import type { Row } from './row.ts'

/** Puts a row that is in no order into the state that fits: delayed until `at`, else ready or behind its group. */
export function place(m: Machine, row: Row, at: Ms): void {
  arrange(m, row, at)
  m.table.enter(row)
  settleGroup(m, row)
}

/** The same for a row that is new. */
export function placeNew(m: Machine, row: Row, at: Ms): void {
  arrange(m, row, at)
  m.table.insert(row)
  settleGroup(m, row)
}

function arrange(m: Machine, row: Row, at: Ms): void {
  const queue = row.queue
  if (at > m.now) {
    row.state = 'delayed'
    row.at = at
  } else {
    row.state = row.group === undefined ? 'ready' : 'waiting'
    row.at = 0
    if (row.group === undefined) m.wake(queue)
  }
  queue.count(row, 1)
  queue.used = m.now
}

function settleGroup(m: Machine, row: Row): void {
  if (row.group !== undefined) openGroup(m, row.queue, row.group)
}

/** Takes a row out of its order and its lease. */
export function displace(m: Machine, row: Row): void {
  m.table.leave(row)
  row.queue.count(row, -1)
  row.queue.used = m.now
  row.holder?.remove(row)
}

/** A group's first job that isn't buried is the only one that may be ready; while it is reserved or delayed, none is. */
export function openGroup(m: Machine, queue: QueueRow, group: string): void {
  const head = m.table.groupHead(queue, group)
  const ready = m.table.groupReady(queue, group)
  if (ready && ready !== head) restate(m, ready, 'waiting')
  if (head?.state === 'waiting') {
    restate(m, head, 'ready')
    m.wake(queue)
  }
}

function restate(m: Machine, row: Row, state: 'ready' | 'waiting'): void {
  m.table.leave(row)
  row.queue.count(row, -1)
  row.state = state
  row.queue.count(row, 1)
  m.table.enter(row)
}

/** The job leaves for good, in whatever way; its group and its unique key open. */
export function depart(m: Machine, row: Row, outcome: Outcome): void {
  displace(m, row)
  const { queue, group, more } = row
  queue.gone++
  queue.bytes -= row.size
  if (queue.policy?.keep) m.table.keep({ row, outcome: { ...outcome, at: m.now } })
  m.table.remove(row)
  notLeaving(m, row)
  if (more?.unique) dropClaim(m, row, 'gone')
  if (group !== undefined) openGroup(m, queue, group)
}

/** Gives a unique key back that lasts until the job is reserved, or until it is gone. */
export function dropClaim(m: Machine, row: Row, event: 'reserved' | 'gone'): void {
  const unique = row.more?.unique
  if (!unique || (event === 'reserved' && !unique.waiting)) return
  const claim = m.table.claim(row.queue, unique.key)
  if (claim?.id === row.id && typeof claim.for === 'string') m.table.setClaim(row.queue, unique.key, undefined)
}

/** It no longer waits for the way to its queue's dead-letter target. */
export function notLeaving(m: Machine, row: Row): void {
  if (!row.dead) return
  row.dead = false
  m.reported.delete(row.id)
  row.queue.leaving--
  row.queue.leavingBytes -= row.size
}
