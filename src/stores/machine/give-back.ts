/** How a job comes back from a lease, or is set aside. */
import type { Backoff, Bytes, Ms, State, Why } from '../../job.ts'
import { count, returnTokens } from './admission.ts'
import type { Commit } from './commit.ts'
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
export function giveBack(commit: Commit, row: Row, as: Return, terms: Terms = {}): State {
  if (row.more?.cancelled && row.state === 'reserved') {
    depart(commit, row, { as: 'cancelled' })
    return 'finished'
  }
  if (as === 'untaken') returnTokens(commit, row)
  const bound = row.state === 'reserved' && row.at === NEVER
  displace(commit, row)
  notLeaving(commit, row)
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
  if (terms.back && row.fair !== undefined) toBack(commit, row)
  else if (terms.back) row.rank = commit.table.next()
  if (as !== 'kicked' && as !== 'untaken' && exhausted(row)) {
    aside(commit, row, 'exhausted')
    return row.state
  }
  let at = terms.at ?? 0
  if (terms.at === undefined && (as === 'failed' || as === 'lost' || as === 'timeout'))
    at = commit.now + backoff(row, as === 'lost' && bound ? LOST : undefined)
  // Otherwise nobody asked for another one.
  if (as === 'asked' || as === 'failed' || at > commit.now) row.delay = Math.max(0, at - commit.now)
  place(commit, row, at)
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
  const factor = backoff.factor ** Math.max(0, here(row, 'failures') - 1)
  // No further than needed: none, times infinitely many, is no number.
  return Math.min(backoff.max, Math.round(backoff.first * Math.min(backoff.max, factor)))
}

/** Buries a row that is in no order; where its queue has a dead-letter target, it is reported to be forwarded there. */
export function aside(commit: Commit, row: Row, why: Why): void {
  const dead = why === 'asked' ? undefined : row.queue.policy?.dead
  row.state = 'buried'
  row.at = commit.table.nextBurial()
  row.turn = false
  row.dead = dead !== undefined
  delete row.more?.after
  // What is set aside has no time to live any more; the queue's retention holds for it, too.
  if (!row.more?.drop) {
    row.expires = row.more?.retained ?? 0
    if (row.expires !== 0) more(row).drop = true
  }
  more(row).why = why
  count(commit, row, 1)
  if (dead !== undefined) {
    row.queue.leaving++
    row.queue.leavingBytes += row.size
  }
  commit.table.enter(row)
  if (row.group !== undefined) openHead(commit, row.queue, row.group)
  openSuccessor(commit, row)
  if (row.more?.result !== undefined) commit.finished.push(row.id)
  if (dead !== undefined) commit.reportDead(row, dead)
}

/** Its time to live is over, or it is over the length: dead-lettered where the queue says so, else dropped. */
export function drop(commit: Commit, row: Row, why: 'expired' | 'maxlen'): void {
  if (why === 'expired') commit.news.add(row, 'expired')
  else commit.news.add(row, 'deleted', { why: 'its queue was full' })
  const kept = why === 'maxlen' || !(row.more?.drop || (row.more?.retained ?? NEVER) <= commit.now)
  if (row.queue.policy?.dead !== undefined && kept) {
    displace(commit, row)
    aside(commit, row, why)
  } else depart(commit, row, { as: 'cancelled' })
}

/** The lease's deadline has passed. */
export function timeOut(commit: Commit, row: Row): void {
  endLease(commit, row, 'timeout')
  commit.news.add(row, 'lost', { why: 'timeout' })
  giveBack(commit, row, 'timeout')
}

/** Tells the holder that its lease ended without its doing. */
export function endLease(commit: Commit, row: Row, why: 'timeout' | 'cancelled' | 'forced'): void {
  if (row.holder) commit.ended.push({ id: row.id, n: row.n, session: row.holder.session, why })
}
