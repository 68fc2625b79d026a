/** A longer block is split in two: to put something into the middle moves no more than this. */
const LONGEST = 512

/**
 * Values in an order, no two alike, in blocks: the place of any is found by bisection, and what follows is read on from there. What orders a value
 * stays as it is while it is here. The first is taken out, and a new last one put in, without a search.
 */
export class Sorted<K, V extends K> {
  /** None is empty but the only one: in a queue that is worked off as it fills, each job would make it anew. */
  readonly #blocks: V[][] = [[]]
  readonly #compare: (a: K, b: K) => number

  constructor(compare: (a: K, b: K) => number) {
    this.#compare = compare
  }

  get first(): V | undefined {
    return this.#blocks[0]?.[0]
  }

  add(value: V): void {
    const blocks = this.#blocks
    const last = blocks.at(-1) as V[]
    const end = last.at(-1)
    if (end === undefined || this.#compare(end, value) < 0) {
      if (last.length < LONGEST) last.push(value)
      else blocks.push([value])
      return
    }
    const { block, at } = this.#behind(value)
    const values = blocks[block] as V[]
    values.splice(at, 0, value)
    if (values.length > LONGEST) blocks.splice(block + 1, 0, values.splice(LONGEST / 2))
  }

  remove(value: V): void {
    const blocks = this.#blocks
    const { block, at } = value === this.first ? { block: 0, at: 1 } : this.#behind(value)
    const values = blocks[block] as V[]
    if (at === 1) values.shift()
    else values.splice(at - 1, 1)
    if (values.length === 0 && blocks.length > 1) blocks.splice(block, 1)
  }

  /** Those behind a place, or all, in order; nothing may come or go meanwhile. */
  *from(place?: K): Generator<V, void> {
    const blocks = this.#blocks
    let { block, at } = place === undefined ? { block: 0, at: 0 } : this.#behind(place)
    for (; block < blocks.length; block++, at = 0) {
      const values = blocks[block] as V[]
      for (; at < values.length; at++) yield values[at] as V
    }
  }

  /** Where those begin that come behind a place; never at the start of a block but the first, so that a value is found before it. */
  #behind(place: K): { block: number; at: number } {
    const blocks = this.#blocks
    const follows = (value: V | undefined) => value !== undefined && this.#compare(value, place) > 0
    const block = Math.max(0, bisect(blocks.length, (i) => follows(blocks[i]?.[0])) - 1)
    const values = blocks[block] as V[]
    return { block, at: bisect(values.length, (i) => follows(values[i])) }
  }
}

/** The first index, up to this one, for which it holds; it holds for all behind it, too. */
function bisect(length: number, holds: (i: number) => boolean): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}
