/** Where a job goes when it comes in or back: delayed, ready, or behind its group or a limit. */
import type { Ms, Outcome } from '../../job.ts'
import { count, gateFor, restate } from './admission.ts'
import type { Machine } from './machine.ts'
import type { QueueRow } from './queue.ts'
import type { Row } from './row.ts'
import { takeTurn } from './turn.ts'

/** Puts a row that is in no order into the state that fits: delayed until `at`, else ready or behind its group. */
export function place(m: Machine, row: Row, at: Ms): void {
  arrange(m, row, at)
  m.table.enter(row)
  if (row.group !== undefined) openGroup(m, row.queue, row.group)
}

/** The same for a row that is new. */
export function placeNew(m: Machine, row: Row, at: Ms): void {
  arrange(m, row, at, row.rank)
  m.table.insert(row)
  // It comes last in its group: it closes nobody.
  if (row.group !== undefined && !m.table.groupClosed(row)) openHead(m, row.queue, row.group)
}

function arrange(m: Machine, row: Row, at: Ms, fresh?: number): void {
  const queue = row.queue
  if (at > m.now) {
    row.state = 'delayed'
    row.at = at
    row.turn = false
  } else {
    if (row.fair !== undefined) takeTurn(m, row, fresh)
    const first = row.group === undefined && row.more?.after === undefined
    if (first && row.gates) row.parked = gateFor(m, row)
    row.state = first && row.parked === undefined ? 'ready' : 'waiting'
    row.at = 0
    if (row.state === 'ready') m.wake(queue)
  }
  count(m, row, 1)
  queue.used = m.now
}

/** Takes a row out of its order and its lease. */
export function displace(m: Machine, row: Row): void {
  m.table.leave(row)
  count(m, row, -1)
  row.parked = undefined
  row.queue.used = m.now
  row.holder?.remove(row)
}

/**
 * A job has come into its group, wherever its rank puts it: the group's first job that isn't buried is the only one that may be ready; while it is reserved
 * or delayed, none is.
 */
export function openGroup(m: Machine, queue: QueueRow, group: string): void {
  const ready = m.table.groupReady(queue, group)
  if (ready && ready !== m.table.groupHead(queue, group)) restate(m, ready, 'waiting')
  openHead(m, queue, group)
}

/** A job has left its group, or has come in as the last one: the first may be ready now. */
export function openHead(m: Machine, queue: QueueRow, group: string): void {
  const head = m.table.groupHead(queue, group)
  if (head?.state !== 'waiting' || head.parked !== undefined || head.more?.after !== undefined) return
  const gate = gateFor(m, head)
  if (gate !== undefined) return restate(m, head, 'waiting', gate)
  restate(m, head, 'ready')
  m.wake(queue)
}

/** The job that took over its unique key while it was reserved no longer waits for it. */
export function openSuccessor(m: Machine, row: Row): void {
  const unique = row.more?.unique
  if (!unique) return
  const claim = m.table.claim(row.queue, unique.key)
  const successor = claim && claim.id !== row.id ? m.table.get(claim.id) : undefined
  if (successor?.more?.after !== row.id) return
  const { at, state } = successor
  displace(m, successor)
  delete successor.more.after
  place(m, successor, state === 'delayed' ? at : 0)
}

/** The job leaves for good, in whatever way; its group and its unique key open. */
export function depart(m: Machine, row: Row, outcome: Outcome): void {
  const { queue, group, more } = row
  // Behind another one of its group it has closed nobody.
  const behind = row.state === 'waiting' && row.parked === undefined && more?.after === undefined
  displace(m, row)
  queue.gone++
  queue.bytes -= row.size
  if (queue.policy?.keep || more?.result !== undefined) {
    m.tidy()
    m.table.keep(
      { row, outcome: { ...outcome, at: m.now } },
      queue.policy?.keep ? undefined : m.now + (more?.result ?? 0),
    )
  } else if (more?.noted) m.table.dropNotes(row.id)
  if (more?.result !== undefined) m.finished.push(row.id)
  m.table.remove(row)
  notLeaving(m, row)
  if (more?.unique) {
    dropClaim(m, row, 'gone')
    openSuccessor(m, row)
  }
  if (group !== undefined && !behind) openHead(m, queue, group)
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
