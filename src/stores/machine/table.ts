import type { Bytes, JobId, Ms, Queue, State, Where } from '../../job.ts'
import type { StoreRecord } from '../store.ts'
import type { QueueRow } from './queue.ts'
import type { Finished, Holder, Row } from './row.ts'

/** Who has a unique key: until the job is reserved, until it is gone, or until a moment. */
export interface Claim {
  id: JobId
  for: 'waiting' | 'unfinished' | Ms
}

/**
 * Where the state machine's rows are: in memory, or in an SQLite file behind a cache. All calls are synchronous and belong to the commit that runs.
 * The machine changes a row's fields, and its queue's counters, between `leave` and `enter`; the table keeps the orders.
 */
export interface Table {
  /** Raised with each opening; the base of fences. */
  readonly epoch: number
  /** The next number of the one counter that ids, and ranks given later, come from. */
  next(): number
  /** The next number in the order of burial. */
  nextBurial(): number
  /** Later numbers are above this one. */
  above(id: number): void

  queue(name: Queue): QueueRow | undefined
  createQueue(name: Queue, now: Ms): QueueRow
  /** Forgets implicit queues that were empty for so long. */
  collectQueues(unusedSince: Ms): void

  get(id: JobId): Row | undefined
  /** A new row; it enters the order of its state. */
  insert(row: Row): void
  leave(row: Row): void
  enter(row: Row): void
  /** It has left, and is gone. */
  remove(row: Row): void
  bodyOf(row: Row): Bytes

  /** The ready job of the smallest (pri, rank). */
  head(queue: QueueRow): Row | undefined
  /** Jobs of one state in that state's order: ready and waiting by (pri, rank), delayed and reserved soonest first, buried in the order of burial. */
  list(queue: QueueRow, state: Exclude<State, 'finished'>, limit: number, where?: Where): Row[]

  /** Of a group's jobs that aren't buried: the first by rank; the one that is ready; the one after this. */
  groupHead(queue: QueueRow, group: string): Row | undefined
  groupReady(queue: QueueRow, group: string): Row | undefined
  groupNext(row: Row): Row | undefined

  /** Rows whose `at` or `expires` has come: delayed, reserved, expiring. */
  due(now: Ms, limit: number): Row[]
  /** The soonest moment at which `due`, `dueRecords` or `orphans` answers something, or NEVER. */
  soonest(now: Ms): Ms
  /** A moment at or before that one, without looking for it. */
  bound(): Ms
  /** Leases of processes that died. */
  orphans(limit: number): Row[]
  /** Rows that lie buried for a dead-letter target, in the order of burial, behind the one of that number. */
  deadLetters(limit: number, after: number): Row[]

  holder(session: string): Holder
  held(session: string): Row[]
  forgetHolder(session: string): void

  claim(queue: QueueRow, key: string): Claim | undefined
  setClaim(queue: QueueRow, key: string, claim: Claim | undefined): void
  /** Forgets windows that are over. */
  collectClaims(now: Ms, limit: number): void

  record(key: string): StoreRecord | undefined
  /** Returns the record's new version. undefined deletes. */
  setRecord(key: string, value: unknown, session: string | undefined, at: Ms | undefined): number
  anyRecord(prefix: string): boolean
  sessionRecords(session: string): string[]
  /** Records whose moment has come; it is forgotten by this. */
  dueRecords(now: Ms, limit: number, prefix: string): string[]

  /** Keeps a finished job, and of those of its queue only as many as the policy says. */
  keep(finished: Finished): void
  collectHistory(now: Ms, limit: number): void

  /** Runs; where it answers false, nothing of it happened. */
  atomic(run: () => boolean): void
}
