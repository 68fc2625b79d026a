import type { Backoff, Bytes, Death, Fence, JobId, Ms, Outcome, State, Why } from '../../job.ts'
import type { QueueRow } from './queue.ts'

/** A deadline that never comes: the `at` of a lease that ends with its session only. */
export const NEVER: Ms = Number.MAX_SAFE_INTEGER

/** Fences of one opening of a store begin at its epoch times this, above all that an earlier one gave out. */
export const FENCES = 2 ** 20

/** The fence of a reservation, or of a move: what was said of the job before is stale. */
export function nextFence({ n }: Row, epoch: number): Fence {
  return Math.max(n + 1, epoch * FENCES)
}

export type Counts = Record<'releases' | 'timeouts' | 'buries' | 'kicks', number>

/** What few jobs have. */
export interface More {
  name?: string
  unique?: { key: string; waiting: boolean }
  maxFailures?: number
  maxReserves?: number
  backoff?: Backoff
  /** Its outcome is kept for so long. */
  result?: Ms
  /** It has notes. */
  noted?: true
  /** It waits for this job to end, whose unique key it has. */
  after?: JobId
  /** Set aside as this. */
  why?: Why
  error?: Bytes
  deaths?: Death[]
  /** What its counters were when it came into this queue as a dead letter: limits count from there. */
  before?: { reserves: number; failures: number }
  counts?: Counts
  /** `rank` is given when it becomes due. */
  rankWhenDue?: true
  /** Its `expires` is the queue's retention: it is dropped, not dead-lettered. */
  drop?: true
  /** When the queue's retention ends, where its time to live, or the time for which it is kept aside, ends sooner; 0: it has none. */
  retained?: Ms
  cancelled?: true
}

/**
 * A job as the state machine works on it. Its table keeps it in the order that belongs to its state; between `leave` and `enter` it is in none.
 */
export class Row {
  readonly id: JobId
  queue: QueueRow
  pri: number
  rank: number
  state: Exclude<State, 'finished'>
  /** delayed: when it is due. reserved: the lease's deadline, or NEVER. buried: its number in the order of burial. Else 0. */
  at: Ms = 0
  /** How long a lease lasts that asks for the job's own length. */
  lease: Ms
  n: Fence = 0
  holder: Holder | undefined = undefined
  previous: Row | undefined = undefined
  next: Row | undefined = undefined
  reserves = 0
  failures = 0
  delay: Ms = 0
  put: Ms
  first: Ms = 0
  /** When it leaves if nobody reserved it, or 0. */
  expires: Ms = 0
  /** It lies buried for its queue's dead-letter target. */
  dead = false
  group: string | undefined = undefined
  /** Its group where groups take turns, '' if it has none; `group` isn't set then. */
  fair: string | undefined = undefined
  /** Its rank is the turn of its group that it has taken. */
  turn = false
  /** Limits that it counts towards, in the order in which it passes them. */
  gates: readonly string[] | undefined = undefined
  /** The gate at which it waits. */
  parked: string | undefined = undefined
  /** When it was last reserved; kept of rows with gates only. */
  begun: Ms = 0
  more: More | undefined = undefined
  size: number
  body: Bytes | undefined
  envelope: Bytes | undefined
  /** Its place in the heap it is in, or -1. */
  slot = -1
  /** Its place among the turns of its group, where a table keeps such. */
  seat: { slot: number } | undefined = undefined
  /** Its alarms, where a table keeps such. */
  timer: Timer | undefined = undefined
  expiry: Timer | undefined = undefined
  /** Kept by the table: what the disk doesn't have yet. */
  stored = false
  change: 'none' | 'taken' | 'released' | 'changed' | 'gone' = 'none'
  visited = false
  /** It left its order as it is stored; and that of the ready jobs. */
  untouched = false
  fromReady = false
  /** It enters the ready jobs from those that wait, and is otherwise as it was. */
  released = false
  /** Its lease was given by this process. */
  mine = false
  /** Its body or envelope is another than the stored one. */
  rewritten = false

  constructor(
    id: JobId,
    queue: QueueRow,
    pri: number,
    rank: number,
    lease: Ms,
    put: Ms,
    body: Bytes | undefined,
    size: number,
  ) {
    this.id = id
    this.queue = queue
    this.pri = pri
    this.rank = rank
    this.state = 'ready'
    this.lease = lease
    this.put = put
    this.body = body
    this.envelope = undefined
    this.size = size
  }
}

/** A moment at which a row is to be looked at. */
export class Timer {
  readonly at: Ms
  readonly row: Row
  slot = -1

  constructor(at: Ms, row: Row) {
    this.at = at
    this.row = row
  }
}

/** Whoever holds leases until it ends: a session. Its jobs are a list through `previous` and `next`. */
export class Holder {
  readonly session: string
  first: Row | undefined = undefined

  constructor(session: string) {
    this.session = session
  }

  add(row: Row): void {
    row.holder = this
    row.previous = undefined
    row.next = this.first
    if (this.first) this.first.previous = row
    this.first = row
  }

  /** Puts a row back between those that were its neighbours when it was removed. */
  restore(row: Row, previous: Row | undefined, next: Row | undefined): void {
    row.holder = this
    row.previous = previous
    row.next = next
    if (previous) previous.next = row
    else this.first = row
    if (next) next.previous = row
  }

  /** Its jobs, the one reserved last first. */
  rows(): Row[] {
    const rows: Row[] = []
    for (let row = this.first; row; row = row.next) rows.push(row)
    return rows
  }

  remove(row: Row): void {
    if (row.previous) row.previous.next = row.next
    else this.first = row.next
    if (row.next) row.next.previous = row.previous
    row.holder = row.previous = row.next = undefined
  }
}

/** A job that left, kept to look at. */
export interface Finished {
  row: Row
  outcome: Outcome & { at: Ms }
  /** It is kept until then, whatever its queue's policy; then that says for how long. */
  until?: Ms
}

/** The order in which ready jobs are taken; those of one rank as they were put. */
export function precedes(a: Row, b: Row): boolean {
  if (a.pri !== b.pri) return a.pri < b.pri
  return a.rank < b.rank || (a.rank === b.rank && a.id < b.id)
}

/** The group that it was put with, whatever it is to it here. */
export function groupOf(row: Row): string | undefined {
  return row.group ?? (row.fair || undefined)
}

export function more(row: Row): More {
  return (row.more ??= {})
}

/** Its counters of reserves and failures begin anew. */
export function anew(row: Row): void {
  row.reserves = row.failures = 0
  delete row.more?.before
}

export function counts(row: Row): Counts {
  return (more(row).counts ??= { releases: 0, timeouts: 0, buries: 0, kicks: 0 })
}
