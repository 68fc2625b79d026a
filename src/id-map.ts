/** The table is made anew for more when it is fuller than 3/4, and for fewer when it is emptier than 1/8. */
const LEAST = 16

/**
 * Values by their ids, which are whole numbers. Where many come and go it takes the place of a `Map`: V8 keeps a map's outgrown tables linked to
 * those that followed, so that one which has become old keeps all that were deleted since, until the next full collection.
 */
export class IdMap<T extends { readonly id: number }> {
  #slots = emptySlots<T>(LEAST)
  #size = 0

  get size(): number {
    return this.#size
  }

  get(id: number): T | undefined {
    return this.#slots[this.#find(id)]
  }

  set(value: T): void {
    const slot = this.#find(value.id)
    const isNew = this.#slots[slot] === undefined
    this.#slots[slot] = value
    if (isNew && ++this.#size > 0.75 * this.#slots.length) this.#resize(2 * this.#slots.length)
  }

  delete(id: number): boolean {
    const slots = this.#slots
    let free = this.#find(id)
    if (slots[free] === undefined) return false
    const mask = slots.length - 1
    // What follows without a gap may stand there only because its own place was taken.
    for (let at = (free + 1) & mask; ; at = (at + 1) & mask) {
      const value = slots[at]
      if (value === undefined) break
      if (((at - home(value.id, mask)) & mask) < ((at - free) & mask)) continue
      slots[free] = value
      free = at
    }
    slots[free] = undefined
    if (--this.#size < slots.length / 8 && slots.length > LEAST) this.#resize(slots.length / 2)
    return true
  }

  clear(): void {
    this.#slots = emptySlots(LEAST)
    this.#size = 0
  }

  /** In no particular order; none may be set or deleted meanwhile. */
  *[Symbol.iterator](): Generator<T, void> {
    for (const value of this.#slots) if (value !== undefined) yield value
  }

  /** Where it is, or would be. */
  #find(id: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = home(id, mask)
    for (let value = slots[slot]; value !== undefined && value.id !== id; value = slots[slot]) slot = (slot + 1) & mask
    return slot
  }

  #resize(length: number): void {
    const old = this.#slots
    this.#slots = emptySlots(length)
    for (const value of old) if (value !== undefined) this.#slots[this.#find(value.id)] = value
  }
}

/** Ids that follow one another lie apart: those that stay for long are no wall for those that come round later. */
function home(id: number, mask: number): number {
  return Math.imul(id, 0x9e3779b1) >>> Math.clz32(mask)
}

function emptySlots<T>(length: number): (T | undefined)[] {
  return new Array<T | undefined>(length).fill(undefined)
}
