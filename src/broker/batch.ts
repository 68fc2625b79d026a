import timers from 'node:timers'
import type { Result, Store, Unit } from '../stores/store.ts'

/** As it is now: a test's fake timers must not hold up commits. */
const { setImmediate } = timers

/**
 * A commit is cut at about so many operations, a few milliseconds of the event loop. With ten connections and a hundred commands in flight each, a file
 * kept 193 thousand jobs a second at 512 and at 768, 240 at 1,024, where what came in one turn is one commit.
 */
const OPERATIONS = 1024
/** While more arrives, the batch waits for so many further turns of the event loop: what comes in them needs no sync of its own. */
const TURNS = 2

/** A unit on its way to the store, and who hears of it. Exactly one of the two is called, once. */
export interface Submission {
  readonly unit: Unit
  answered(results: Result[]): void
  rejected(error: Error): void
}

/**
 * Gathers the units of one turn of the event loop into one commit of the store: one transaction and one sync for all that arrived together.
 * There is no timer in it: a unit that is alone is committed at the end of its turn.
 */
export class Batch {
  readonly #store: Store
  readonly #last: () => Submission[]
  readonly #onRejected: (error: Error) => void
  readonly #patience: number
  #submissions: Submission[] = []
  #operations = 0
  #seen = 0
  #turns = 0
  #scheduled = false
  #inFlight = 0
  #idle: (() => void)[] = []

  /** @param last what joins a commit at the last moment */
  constructor(store: Store, last: () => Submission[], onRejected: (error: Error) => void) {
    this.#store = store
    this.#last = last
    this.#onRejected = onRejected
    this.#patience = store.traits.durable ? TURNS : 0
  }

  add(submission: Submission): void {
    this.#submissions.push(submission)
    this.#operations += submission.unit.ops.length
    this.wake()
  }

  commit(unit: Unit): Promise<Result[]> {
    return new Promise((answered, rejected) => this.add({ unit, answered, rejected }))
  }

  /** There will be a commit at the end of this turn. */
  wake(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#turns = 0
    this.#seen = this.#operations
    setImmediate(this.#turn)
  }

  /** Resolves when nothing is waiting or on its way. */
  settled(): Promise<void> {
    if (!this.#scheduled && this.#inFlight === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  readonly #turn = (): void => {
    if (this.#operations > this.#seen && this.#operations < OPERATIONS && this.#turns < this.#patience) {
      this.#seen = this.#operations
      this.#turns++
      setImmediate(this.#turn)
      return
    }
    const submissions = this.#submissions
    for (const submission of this.#last()) submissions.push(submission)
    this.#submissions = []
    this.#operations = 0
    this.#scheduled = false
    for (let from = 0; from < submissions.length;) from = this.#commit(submissions, from)
    this.#rest()
  }

  /** Commits from there on as much as goes into one transaction. Returns where the next begins. */
  #commit(submissions: Submission[], from: number): number {
    const units: Unit[] = []
    let operations = 0
    let to = from
    while (to < submissions.length && (units.length === 0 || operations < OPERATIONS)) {
      const { unit } = submissions[to++] as Submission
      units.push(unit)
      operations += unit.ops.length
    }
    const answers = this.#store.commit(units)
    this.#inFlight += answers.length
    for (let i = 0; i < answers.length; i++) {
      const submission = submissions[from + i] as Submission
      ;(answers[i] as Promise<Result[]>).then(
        (results) => {
          this.#inFlight--
          submission.answered(results)
          this.#rest()
        },
        (error: Error) => {
          this.#inFlight--
          this.#onRejected(error)
          submission.rejected(error)
          this.#rest()
        },
      )
    }
    return to
  }

  #rest(): void {
    if (this.#inFlight === 0 && !this.#scheduled && this.#idle.length > 0)
      for (const idle of this.#idle.splice(0)) idle()
  }
}
