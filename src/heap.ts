/** A binary heap whose members know their place, so that any of them can be taken out in O(log n). */
export class Heap<T extends { slot: number }> {
  readonly #items: T[] = []
  readonly #before: (a: T, b: T) => boolean

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  get first(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    this.#items.push(item)
    this.#up(item, this.#items.length - 1)
  }

  remove(item: T): void {
    const items = this.#items
    const slot = item.slot
    const last = items.pop() as T
    item.slot = -1
    if (last === item) return
    this.#up(last, this.#hole(slot))
  }

  clear(): void {
    for (const item of this.#items) item.slot = -1
    this.#items.length = 0
  }

  /** The first so many for which `wanted` holds, in order, without taking them out: O(k log k) for k looked at. */
  smallest(limit: number, wanted: (item: T) => boolean = () => true): T[] {
    const found: T[] = []
    if (limit <= 0) return found
    for (const item of this.inOrder()) if (wanted(item) && found.push(item) >= limit) break
    return found
  }

  /** All in order, without taking them out; nothing may be put in or taken out meanwhile. Those behind the ones that are asked for are not looked at. */
  *inOrder(): Generator<T, void> {
    const items = this.#items
    const frontier = new Heap<{ item: T; slot: number }>((a, b) => this.#before(a.item, b.item))
    const look = (slot: number) => {
      const item = items[slot]
      if (item) frontier.push({ item, slot: -1 })
    }
    look(0)
    for (let next = frontier.first; next; next = frontier.first) {
      frontier.remove(next)
      yield next.item
      look(2 * next.item.slot + 1)
      look(2 * next.item.slot + 2)
    }
  }

  /** In no particular order. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#items[Symbol.iterator]()
  }

  /** Puts it there, or above. */
  #up(item: T, slot: number): void {
    const items = this.#items
    const before = this.#before
    while (slot > 0) {
      const above = (slot - 1) >> 1
      const parent = items[above] as T
      if (!before(item, parent)) break
      items[slot] = parent
      parent.slot = slot
      slot = above
    }
    items[slot] = item
    item.slot = slot
  }

  /** Moves what is below a free slot up, down to the end. Returns the slot that is free then: what came last belongs there, or little above. */
  #hole(slot: number): number {
    const items = this.#items
    const before = this.#before
    const length = items.length
    for (let below = 2 * slot + 1; below < length; below = 2 * slot + 1) {
      if (below + 1 < length && before(items[below + 1] as T, items[below] as T)) below++
      const child = items[below] as T
      items[slot] = child
      child.slot = slot
      slot = below
    }
    return slot
  }
}
