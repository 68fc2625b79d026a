import type { Ms } from '../job.ts'

/** What may have a deadline, and knows its place among the others. */
export interface Timed {
  readonly until?: Ms
  /** -1: it is in no heap. */
  slot: number
}

/** A heap by deadlines. What has none comes last. */
export class Deadlines<T extends Timed> {
  readonly #heap: T[] = []

  get first(): T | undefined {
    return this.#heap[0]
  }

  all(): readonly T[] {
    return this.#heap
  }

  clear(): void {
    this.#heap.length = 0
  }

  add(item: T): void {
    this.#up(item, this.#heap.length)
  }

  remove(item: T): void {
    const { slot } = item
    const last = this.#heap.pop() as T
    item.slot = -1
    if (last !== item) this.#settle(last, slot)
  }

  /** Its deadline is another now. */
  moved(item: T): void {
    this.#settle(item, item.slot)
  }

  #settle(item: T, slot: number): void {
    this.#up(item, slot)
    if (item.slot === slot) this.#down(item, slot)
  }

  #up(item: T, slot: number): void {
    const heap = this.#heap
    while (slot > 0) {
      const parent = heap[(slot - 1) >> 1] as T
      if (deadline(parent) <= deadline(item)) break
      heap[slot] = parent
      parent.slot = slot
      slot = (slot - 1) >> 1
    }
    heap[slot] = item
    item.slot = slot
  }

  #down(item: T, slot: number): void {
    const heap = this.#heap
    for (;;) {
      let least = 2 * slot + 1
      if (least >= heap.length) break
      if (least + 1 < heap.length && deadline(heap[least + 1] as T) < deadline(heap[least] as T)) least++
      const child = heap[least] as T
      if (deadline(item) <= deadline(child)) break
      heap[slot] = child
      child.slot = slot
      slot = least
    }
    heap[slot] = item
    item.slot = slot
  }
}

function deadline({ until }: Timed): Ms {
  return until ?? Infinity
}
