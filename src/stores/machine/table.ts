import type { Bytes, JobId, Ms, Queue, State, Where } from '../../job.ts'
import type { Note, StoreEvent, StoreRecord } from '../store.ts'
import type { GateRow } from './gate.ts'
import type { Position } from './page.ts'
import type { QueueRow } from './queue.ts'
import type { Finished, Holder, Row } from './row.ts'

/** Which jobs. died: those alone that know where they died. */
export type Selection = Where & { died?: true }

/** Who has a unique key: until the job is reserved, until it is gone, or until a moment. */
export interface Claim {
  id: JobId
  for: 'waiting' | 'unfinished' | Ms
}

/** The jobs of ordered groups that aren't buried, by rank. */
export interface GroupTable {
  head(queue: QueueRow, group: string): Row | undefined
  /** Whether another one of its group comes before it. */
  isClosed(row: Row): boolean
  /** The one that is ready. */
  ready(queue: QueueRow, group: string): Row | undefined
  /** The one after this. */
  next(row: Row): Row | undefined
}

export interface GateTable {
  /** A blank one, if nothing is known of it. */
  get(name: string): GateRow
  /** Before its counters change. */
  changing(gate: GateRow): void
  /** Time opens it then; NEVER: it doesn't. */
  open(gate: GateRow, at: Ms): void
  /** Rows parked there, of the queue of that number, by (pri, rank). */
  parked(gate: GateRow, queue: number, limit: number): Row[]
  /** Names of those that time has opened. */
  due(now: Ms, limit: number): string[]
  /** All of that limit at which rows are parked are due now. */
  reopen(limit: string, now: Ms): void
  /** Forgets windows that are over: so many at most. */
  collect(now: Ms, limit: number): void
}

/** Unique keys, and who has them. */
export interface ClaimTable {
  get(queue: QueueRow, key: string): Claim | undefined
  set(queue: QueueRow, key: string, claim: Claim | undefined): void
  /** Forgets windows that are over, so many at most; not that of a job which waits for the one before it, and is found by it. */
  collect(now: Ms, limit: number): void
}

export interface RecordTable {
  /** Another one after each change of a record. */
  readonly changes: number
  get(key: string): StoreRecord | undefined
  /** Returns the record's new version. undefined deletes. */
  set(key: string, value: unknown, session: string | undefined, at: Ms | undefined): number
  any(prefix: string): boolean
  /** Keys of those that are bound to a session. */
  ofSession(session: string): string[]
  /** Those whose moment has come; it is forgotten by this. */
  due(now: Ms, limit: number, prefix: string): string[]
}

/** Finished jobs that are kept to look at. */
export interface HistoryTable {
  /** Of those of its queue only as many, and as long, as the policy says; where it has an `until`, until then. */
  add(finished: Finished): void
  /** Drops those whose `until` has come: so many at most. */
  collect(now: Ms, limit: number): void
  /** Drops those that are more, or older, than their queue's policy says: of each queue so many at most. */
  trim(now: Ms, limit: number): void
  /** No `until` comes before this moment, as far as this process knows: of what it has added, and what was there when it last collected. */
  readonly soonest: Ms
}

/** What is kept beside a job: what is over its bounds goes. */
export interface NoteTable {
  add(job: JobId, note: Note): void
  drop(job: JobId): void
}

/** The ring of events. */
export interface EventTable {
  /** So many numbers left out. Returns the last number. */
  add(events: readonly StoreEvent[], dropped: number): number
}

/**
 * Where the state machine's rows are: in memory, or in an SQLite file behind a cache. All calls are synchronous and belong to the commit that runs.
 * The machine changes a row's fields, and its queue's counters, between `leave` and `enter`; the table keeps the orders.
 */
export interface Table {
  /** Raised with each opening; the base of fences. */
  readonly epoch: number
  readonly groups: GroupTable
  readonly gates: GateTable
  readonly claims: ClaimTable
  readonly records: RecordTable
  readonly history: HistoryTable
  readonly notes: NoteTable
  readonly events: EventTable

  /** The next number of the one counter that ids, and ranks given later, come from. */
  next(): number
  /** The next number in the order of burial. */
  nextBurial(): number
  /** Later numbers are above this one. */
  above(id: number): void

  queue(name: Queue): QueueRow | undefined
  createQueue(name: Queue, now: Ms): QueueRow
  /** Forgets implicit queues that were empty for so long, so many or all. Whether there may be more. */
  collectQueues(unusedSince: Ms, limit: number): boolean

  get(id: JobId): Row | undefined
  /** A new row; it enters the order of its state. */
  insert(row: Row): void
  leave(row: Row): void
  enter(row: Row): void
  /** It has left, and is gone. */
  remove(row: Row): void
  bodyOf(row: Row): Bytes

  /** The ready job of the smallest (pri, rank, id). */
  head(queue: QueueRow): Row | undefined
  /**
   * Jobs of one state in that state's order: ready and waiting by (pri, rank), delayed and reserved soonest first, buried in the order of burial.
   * @param after only those behind it
   */
  list(queue: QueueRow, state: Exclude<State, 'finished'>, limit: number, where?: Selection, after?: Position): Row[]
  /** Jobs that wait, in an order that costs least: as many as are asked for are looked at, not all. */
  waiting(queue: QueueRow, limit: number, where: Where, after?: Position): Row[]

  /** The rank of the first ready job, other than this one, of its queue and priority. */
  firstReady(row: Row): number | undefined
  /** The rank of the last of the jobs, other than this one, that have a turn in its queue, fair group and priority. */
  lastTurn(row: Row): number | undefined

  /** Rows whose `at` or `expires` has come: delayed, reserved, expiring. */
  due(now: Ms, limit: number): Row[]
  /** The soonest moment at which `due`, that of records or of gates, or `orphans` answers something, or NEVER. */
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

  /** Runs; where it answers false, nothing of it happened. */
  atomic(run: () => boolean): void
}
