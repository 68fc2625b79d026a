import { Holder } from '../machine/row.ts'

/** Sessions that hold leases, by name. */
export class Holders {
  readonly #byName = new Map<string, Holder>()
  #last: Holder | undefined

  find(session: string): Holder | undefined {
    return this.#byName.get(session)
  }

  /** The session, made if it isn't known. */
  get(session: string): Holder {
    const last = this.#last
    if (last?.session === session) return last
    let holder = this.#byName.get(session)
    if (!holder) this.#byName.set(session, (holder = new Holder(session)))
    return (this.#last = holder)
  }

  end(session: string): void {
    this.#byName.delete(session)
    if (this.#last?.session === session) this.#last = undefined
  }

  /** How to make it again what it is now. */
  save(session: string): () => void {
    const holder = this.#byName.get(session)
    return () => {
      if (holder) this.#byName.set(session, holder)
    }
  }
}
