import type { Fence, JobId, Ms, Queue } from '../../job.ts'
import type { Dead } from '../store.ts'
import { Housekeeping } from './housekeeping.ts'
import { News } from './news.ts'
import type { QueueRow } from './queue.ts'
import { NEVER, type Row } from './row.ts'
import type { Table } from './table.ts'

/** So many rows are moved at gates in one commit; the rest follow in later ones. */
export const MOVES = 1000
/** A dead letter that was reported and still lies here is reported again. */
export const REPORT_AGAIN: Ms = 60_000
const NO_DEAD: readonly Dead[] = Object.freeze([])

export interface Ended {
  id: JobId
  n: Fence
  session: string
  why: 'timeout' | 'cancelled' | 'forced'
}

/** The commit that runs, as its operations see it: the rows, the moment, and what will be told of it. */
export class Commit {
  readonly table: Table
  /** The moment of this commit. */
  now: Ms = 0
  /** Queues in which a job became ready in this commit. */
  readonly woken = new Set<QueueRow>()
  /** Queues woken, and leases that ended, by no operation of their holder's. */
  hinted = new Set<Queue>()
  /** Gates that may let somebody out: seen to before the next reserve, or at the end of the commit. */
  readonly opened = new Set<string>()
  /** So many rows may still be moved at gates in this commit. */
  moves = MOVES
  ended: Ended[] = []
  /** Jobs whose outcome is kept that ended, or were set aside. */
  finished: JobId[] = []
  readonly news: News
  readonly housekeeping: Housekeeping
  /** The number of the last event that was told in this commit. */
  told: number | undefined
  /** The store has no room for more: puts are refused as 'full'. */
  full = false
  /** What the sweep at the start buried for a dead-letter target is for the next `due` to report. */
  undelivered = false
  /** The soonest moment that was told of. */
  toldDue: Ms = NEVER
  /** Dead letters that were reported, and when. */
  readonly reported = new Map<JobId, Ms>()
  /** Up to this number in the order of burial, dead letters were told of; from the first on since this moment. */
  toldOf = 0
  toldSince: Ms = -Infinity
  #dead: Dead[] | undefined
  #ready: Set<Queue> | undefined
  /** Who puts knows what becomes ready by it, and needs no hint. */
  #putting = false

  constructor(table: Table) {
    this.table = table
    this.news = new News(table)
    this.housekeeping = new Housekeeping(table)
  }

  /** Before an operation, or what is done beside them. */
  protected turn(putting: boolean): void {
    this.#dead = undefined
    this.#putting = putting
  }

  /** What the operation that runs buried for a dead-letter target. */
  get dead(): readonly Dead[] {
    return this.#dead ?? NO_DEAD
  }

  reportDead(row: Row, to: Queue): void {
    const { more } = row
    // In the order of telling: the one told of longest ago comes first.
    this.reported.delete(row.id)
    this.reported.set(row.id, this.now)
    ;(this.#dead ??= []).push({
      id: row.id,
      n: row.n,
      queue: row.queue.name,
      to,
      why: more?.why ?? 'failed',
      ...(row.envelope && { envelope: row.envelope }),
      deaths: more?.deaths ?? [],
    })
  }

  /** When the first of those that were reported is, if it still lies here. */
  get reportAgainAt(): Ms {
    const [first] = this.reported.values()
    return first === undefined ? NEVER : first + REPORT_AGAIN
  }

  wake(queue: QueueRow): void {
    this.woken.add(queue)
    if (!this.#putting) this.hinted.add(queue.name)
    this.#ready?.add(queue.name)
  }

  /** Runs, and says in which queues jobs became ready by it. */
  watching<T>(run: () => T): { result: T; ready: Queue[] } {
    const ready = (this.#ready = new Set())
    try {
      return { result: run(), ready: [...ready] }
    } finally {
      this.#ready = undefined
    }
  }
}
