import type { Ms } from '../../job.ts'
import { NEVER } from './row.ts'
import type { Table } from './table.ts'

/** So often what is kept for a while is looked over, if anything is. */
const PERIOD: Ms = 1000
/** And so often under load: whenever so many more are kept. Each time up to so many leave, more than have come: they would pile up otherwise. */
const MANY = 1000
const SLICE = 4000
/** An implicit queue that was empty for so long is forgotten, with its statistics. */
const UNUSED: Ms = 60_000

/** Throws out what is over, at the end of commits: windows of unique keys and of rates, finished jobs that were kept, queues that nobody used for a while. */
export class Housekeeping {
  /** false: these commits are part of an application's transaction, which is none for housekeeping. */
  enabled = true
  readonly #table: Table
  /** Since the last look, and since the history was last trimmed to its policies. */
  #kept = 0
  #untrimmed = 0
  #trimmed: Ms = -Infinity
  #collectedQueues: Ms = -Infinity

  constructor(table: Table) {
    this.#table = table
  }

  /** Something is kept for a while from now on. */
  keep(): void {
    this.#kept++
  }

  /** When there is something to throw out, though nothing happens until then: a result that has been over for a moment, so that several leave together. */
  get at(): Ms {
    const { soonest } = this.#table.history
    return soonest === NEVER ? NEVER : Math.max(soonest, this.#trimmed) + PERIOD
  }

  /** At the end of a commit. */
  settle(now: Ms): void {
    if (this.enabled && this.#kept > 0) this.look(now)
  }

  /** Also where nothing is kept anew. */
  look(now: Ms): void {
    const late = now - this.#trimmed >= PERIOD
    if (!late && this.#kept < MANY) return
    const { claims, gates, history } = this.#table
    const limit = Math.max(SLICE, 2 * this.#kept)
    this.#untrimmed += this.#kept
    this.#kept = 0
    claims.collect(now, limit)
    gates.collect(now, limit)
    history.collect(now, limit)
    if (late) {
      this.#trimmed = now
      history.trim(now, Math.max(SLICE, 2 * this.#untrimmed))
      this.#untrimmed = 0
    }
    if (now - this.#collectedQueues < UNUSED) return
    if (!this.#table.collectQueues(now - UNUSED, SLICE)) this.#collectedQueues = now
  }
}
