import type { Result, Store, Unit } from '../stores/store.ts'

/**
 * A commit is cut at about so many operations: a larger one holds the event loop for longer than it saves. With ten connections and a hundred commands in
 * flight each, a file kept 143 thousand jobs a second at 256, 185 at 512, 181 to 195 above.
 */
const OPERATIONS = 512
/** While more arrives, the batch waits for so many further turns of the event loop. */
const TURNS = 2

interface Entry {
  unit: Unit
  resolve: (results: Result[]) => void
  reject: (error: Error) => void
}

/**
 * Gathers the units of one turn of the event loop into one commit of the store: one transaction and one sync for all that arrived together.
 * There is no timer in it: a unit that is alone is committed at the end of its turn.
 */
export class Batch {
  readonly #store: Store
  readonly #onCommit: () => void
  #entries: Entry[] = []
  #operations = 0
  #seen = 0
  #turns = 0
  #scheduled = false
  #inFlight = 0
  #idle: (() => void)[] = []

  /** @param onCommit is called before each commit: the last moment to add to it */
  constructor(store: Store, onCommit: () => void) {
    this.#store = store
    this.#onCommit = onCommit
  }

  add(unit: Unit): Promise<Result[]> {
    return new Promise((resolve, reject) => {
      this.#entries.push({ unit, resolve, reject })
      this.#operations += unit.ops.length
      if (this.#scheduled) return
      this.#scheduled = true
      this.#turns = 0
      this.#seen = this.#operations
      setImmediate(this.#turn)
    })
  }

  /** Resolves when nothing is waiting or on its way. */
  settled(): Promise<void> {
    if (this.#entries.length === 0 && this.#inFlight === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  readonly #turn = (): void => {
    if (this.#operations > this.#seen && this.#operations < OPERATIONS && this.#turns < TURNS) {
      this.#seen = this.#operations
      this.#turns++
      setImmediate(this.#turn)
      return
    }
    this.#onCommit()
    this.#scheduled = false
    const entries = this.#entries
    this.#entries = []
    this.#operations = 0
    for (let from = 0; from < entries.length; ) from = this.#commit(entries, from)
  }

  /** Commits from there on as much as goes into one transaction. Returns where the next begins. */
  #commit(entries: Entry[], from: number): number {
    const units: Unit[] = []
    let operations = 0
    let to = from
    while (to < entries.length && (units.length === 0 || operations < OPERATIONS)) {
      const { unit } = entries[to++] as Entry
      units.push(unit)
      operations += unit.ops.length
    }
    const answers = this.#store.commit(units)
    this.#inFlight += answers.length
    for (let i = 0; i < answers.length; i++) {
      const entry = entries[from + i] as Entry
      ;(answers[i] as Promise<Result[]>).then(
        (results) => {
          this.#done()
          entry.resolve(results)
        },
        (error: Error) => {
          this.#done()
          entry.reject(error)
        },
      )
    }
    return to
  }

  #done(): void {
    this.#inFlight--
    if (this.#inFlight === 0 && this.#entries.length === 0 && this.#idle.length > 0) for (const idle of this.#idle.splice(0)) idle()
  }
}
