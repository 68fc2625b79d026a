import { NumberedHolder, SESSIONS } from './holder.ts'

/** This process's sessions that hold leases or records, by name and by the number that the file knows them by. */
export class Holders {
  readonly #slot: number
  readonly #byName = new Map<string, NumberedHolder>()
  readonly #byNo = new Map<number, NumberedHolder>()
  #last: NumberedHolder | undefined
  #count = 0
  /** Those that ended in the commit that runs, should it or its unit be undone. */
  #ended: NumberedHolder[] = []

  constructor(slot: number) {
    this.#slot = slot
  }

  get size(): number {
    return this.#byName.size
  }

  get names(): string[] {
    return [...this.#byName.keys()]
  }

  find(session: string): NumberedHolder | undefined {
    return this.#byName.get(session)
  }

  /** The session, made if it isn't known. */
  get(session: string): NumberedHolder {
    const last = this.#last
    if (last?.session === session) return last
    let holder = this.#byName.get(session)
    if (!holder) this.#add((holder = new NumberedHolder(session, this.#slot * SESSIONS + ++this.#count, true)))
    return (this.#last = holder)
  }

  /** Whoever the file means by a number: one of ours, or one of another process. */
  numbered(no: number): NumberedHolder {
    return this.#byNo.get(no) ?? new NumberedHolder(`${Math.floor(no / SESSIONS)}:${no % SESSIONS}`, no, false)
  }

  name(no: number): string | undefined {
    return this.#byNo.get(no)?.session
  }

  end(session: string): void {
    const holder = this.#byName.get(session)
    if (!holder) return
    this.#byName.delete(session)
    this.#byNo.delete(holder.no)
    this.#ended.push(holder)
    if (this.#last === holder) this.#last = undefined
  }

  /** So many have ended in the commit that runs, for `takeBack`. */
  get ended(): number {
    return this.#ended.length
  }

  /** After a commit: what ended has ended. */
  settle(): void {
    if (this.#ended.length > 0) this.#ended = []
  }

  /** Those that ended since there were so many are here again. */
  takeBack(ended: number): void {
    // It may be one that came in the place of another that ended.
    this.#last = undefined
    for (const holder of this.#ended.splice(ended).reverse()) this.#add(holder)
  }

  /** Their lists of jobs are forgotten, not they. */
  forgetJobs(): void {
    for (const holder of this.#byName.values()) for (const row of holder.rows()) holder.remove(row)
  }

  #add(holder: NumberedHolder): void {
    this.#byName.set(holder.session, holder)
    this.#byNo.set(holder.no, holder)
  }
}
