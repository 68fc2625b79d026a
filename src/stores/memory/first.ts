/** The first so many of all that are added, by an order: the others are not sorted. */
export class First<T> {
  readonly #limit: number
  readonly #compare: (a: T, b: T) => number
  #items: T[] = []
  /** None that comes after it is among the first. */
  #last: T | undefined

  constructor(limit: number, compare: (a: T, b: T) => number) {
    this.#limit = limit
    this.#compare = compare
  }

  add(item: T): void {
    if (this.#last !== undefined && this.#compare(item, this.#last) >= 0) return
    if (this.#items.push(item) < 2 * this.#limit) return
    this.#items = this.sorted()
    this.#last = this.#items.at(-1)
  }

  sorted(): T[] {
    return this.#items.sort(this.#compare).slice(0, this.#limit)
  }
}
