import { Heap } from '../../heap.ts'
import { precedes, type Row } from '../machine/row.ts'

/** The jobs of one priority. */
class Level {
  readonly pri: number
  readonly rows = new Heap<Row>(precedes)
  slot = -1

  constructor(pri: number) {
    this.pri = pri
  }
}

/** A queue's ready jobs in the order in which they are taken. */
export class Ready {
  readonly #byPri = new Map<number, Level>()
  /** None is empty but the last one: in a queue that is worked off as it fills, each job would make it anew. */
  readonly #levels = new Heap<Level>((a, b) => a.pri < b.pri)

  get first(): Row | undefined {
    return this.#levels.first?.rows.first
  }

  firstAt(pri: number): Row | undefined {
    return this.#byPri.get(pri)?.rows.first
  }

  /** All, in no order. */
  *[Symbol.iterator](): Generator<Row, void> {
    for (const { rows } of this.#levels) yield* rows
  }

  push(row: Row): void {
    let level = this.#byPri.get(row.pri)
    if (!level) {
      const last = this.#levels.first
      if (last?.rows.size === 0) this.#forget(last)
      this.#byPri.set(row.pri, (level = new Level(row.pri)))
      this.#levels.push(level)
    }
    level.rows.push(row)
  }

  remove(row: Row): void {
    const level = this.#byPri.get(row.pri) as Level
    level.rows.remove(row)
    if (level.rows.size === 0 && this.#levels.size > 1) this.#forget(level)
  }

  /** The first so many for which `wanted` holds. */
  smallest(limit: number, wanted: (row: Row) => boolean): Row[] {
    // More than so many are only needed where some rows are not wanted.
    const found = smallestOf(this.#levels.smallest(limit), limit, wanted)
    if (found.length >= limit || this.#levels.size <= limit) return found
    return smallestOf(this.#levels.smallest(Infinity), limit, wanted)
  }

  #forget(level: Level): void {
    this.#byPri.delete(level.pri)
    this.#levels.remove(level)
  }
}

function smallestOf(levels: readonly Level[], limit: number, wanted: (row: Row) => boolean): Row[] {
  const found: Row[] = []
  for (const { rows } of levels) {
    if (found.length >= limit) break
    found.push(...rows.smallest(limit - found.length, wanted))
  }
  return found
}
