/** How a job comes back from a lease, or is set aside. */
import type { Backoff, Bytes, Ms, State, Why } from '../../job.ts'
import { count, returnTokens } from './admission.ts'
import type { Machine } from './machine.ts'
import { depart, displace, notLeaving, openHead, openSuccessor, place } from './place.ts'
import { anew, counts, more, NEVER, type Row } from './row.ts'
import { setPri, toBack } from './turn.ts'

/** After which returns the limits of reserves and failures are looked at. An operator's kick and a reserve that is taken back pass. */
export type Return = 'asked' | 'failed' | 'lost' | 'timeout' | 'released' | 'kicked' | 'untaken'

export interface Terms {
  at?: Ms
  pri?: number
  back?: boolean
  error?: Bytes
  /** Its counters of reserves and failures begin anew. */
  afresh?: boolean
}

/**
 * A job that a worker's process took with it when it died waits a little, and longer after each further time: it may be what killed it, and would else be
 * first in line to kill the next.
 */
const LOST: Backoff = { first: 250, factor: 4, max: 60_000 }

/**
 * Back to ready or delayed, with the counters that this way of returning moves; over a limit it is set aside as 'exhausted', and a cancelled one is
 * finished. Returns the state that it came to.
 */
export function giveBack(m: Machine, row: Row, as: Return, terms: Terms = {}): State {
  if (row.more?.cancelled && row.state === 'reserved') {
    depart(m, row, { as: 'cancelled' })
    return 'finished'
  }
  if (as === 'untaken') returnTokens(m, row)
  const bound = row.state === 'reserved' && row.at === NEVER
  displace(m, row)
  notLeaving(m, row)
  switch (as) {
    case 'asked':
      counts(row).releases++
      break
    case 'failed':
      counts(row).releases++
      row.failures++
      break
    case 'lost':
      row.failures++
      break
    case 'timeout':
      counts(row).timeouts++
      row.failures++
      break
    case 'kicked':
      counts(row).kicks++
      break
    case 'untaken':
      row.reserves--
      break
    case 'released':
      break
  }
  if (terms.afresh) anew(row)
  if (terms.error) more(row).error = terms.error
  if (terms.pri !== undefined) setPri(row, terms.pri)
  if (terms.back && row.fair !== undefined) toBack(m, row)
  else if (terms.back) row.rank = m.table.next()
  if (as !== 'kicked' && as !== 'untaken' && exhausted(row)) {
    aside(m, row, 'exhausted')
    return row.state
  }
  let at = terms.at ?? 0
  if (terms.at === undefined && (as === 'failed' || as === 'lost' || as === 'timeout'))
    at = m.now + backoff(row, as === 'lost' && bound ? LOST : undefined)
  // Otherwise nobody asked for another one.
  if (as === 'asked' || as === 'failed' || at > m.now) row.delay = Math.max(0, at - m.now)
  place(m, row, at)
  return row.state
}

/** Its queue's limits, or its own, forbid another reserve. */
export function exhausted(row: Row): boolean {
  const { policy } = row.queue
  if (!policy && !row.more) return false
  const maxReserves = row.more?.maxReserves ?? policy?.maxReserves
  const maxFailures = row.more?.maxFailures ?? policy?.maxFailures
  return (
    (maxReserves !== undefined && here(row, 'reserves') >= maxReserves) ||
    (maxFailures !== undefined && here(row, 'failures') >= maxFailures)
  )
}

/** A counter, from when it came into its queue. */
function here(row: Row, counter: 'reserves' | 'failures'): number {
  return row[counter] - (row.more?.before?.[counter] ?? 0)
}

/** @param otherwise where neither it nor its queue has a backoff */
function backoff(row: Row, otherwise: Backoff | undefined): Ms {
  const backoff = row.more?.backoff ?? row.queue.policy?.backoff ?? otherwise
  if (!backoff) return 0
  return Math.min(backoff.max, Math.round(backoff.first * backoff.factor ** Math.max(0, here(row, 'failures') - 1)))
}

/** Buries a row that is in no order; where its queue has a dead-letter target, it is reported to be forwarded there. */
export function aside(m: Machine, row: Row, why: Why): void {
  const dead = why === 'asked' ? undefined : row.queue.policy?.dead
  row.state = 'buried'
  row.at = m.table.nextBurial()
  row.turn = false
  row.dead = dead !== undefined
  delete row.more?.after
  // What is set aside has no time to live any more; the queue's retention holds for it, too.
  if (!row.more?.drop) {
    row.expires = row.more?.retained ?? 0
    if (row.expires !== 0) more(row).drop = true
  }
  more(row).why = why
  count(m, row, 1)
  if (dead !== undefined) {
    row.queue.leaving++
    row.queue.leavingBytes += row.size
  }
  m.table.enter(row)
  if (row.group !== undefined) openHead(m, row.queue, row.group)
  openSuccessor(m, row)
  if (row.more?.result !== undefined) m.finished.push(row.id)
  if (dead !== undefined) m.reportDead(row, dead)
}

/** Its time to live is over, or it is over the length: dead-lettered where the queue says so, else dropped. */
export function drop(m: Machine, row: Row, why: 'expired' | 'maxlen'): void {
  if (why === 'expired') m.news.add(row, 'expired')
  else m.news.add(row, 'deleted', { why: 'its queue was full' })
  const kept = why === 'maxlen' || !(row.more?.drop || (row.more?.retained ?? NEVER) <= m.now)
  if (row.queue.policy?.dead !== undefined && kept) {
    displace(m, row)
    aside(m, row, why)
  } else depart(m, row, { as: 'cancelled' })
}

/** The lease's deadline has passed. */
export function timeOut(m: Machine, row: Row): void {
  endLease(m, row, 'timeout')
  m.news.add(row, 'lost', { why: 'timeout' })
  giveBack(m, row, 'timeout')
}

/** Tells the holder that its lease ended without its doing. */
export function endLease(m: Machine, row: Row, why: 'timeout' | 'cancelled' | 'forced'): void {
  if (row.holder) m.ended.push({ id: row.id, n: row.n, session: row.holder.session, why })
}
