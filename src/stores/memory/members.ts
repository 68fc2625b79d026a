import type { Row } from '../machine/row.ts'

/** The jobs of one ordered group that aren't buried, by rank. One of the first leaves, or comes back, without a move of all behind it. */
export class Members {
  readonly #rows: (Row | undefined)[] = []
  /** What stood before it has left. */
  #from = 0

  get size(): number {
    return this.#rows.length - this.#from
  }

  get first(): Row | undefined {
    return this.#rows[this.#from]
  }

  /** Only the first is ever ready; or the one behind it, when another one has just come in front of that. */
  get ready(): Row | undefined {
    return [this.first, this.#rows[this.#from + 1]].find((row) => row?.state === 'ready')
  }

  /** The one behind it, whether or not it is here itself. */
  after(row: Row): Row | undefined {
    const at = this.#place(row)
    return this.#rows[at] === row ? this.#rows[at + 1] : this.#rows[at]
  }

  enter(row: Row): void {
    const rows = this.#rows
    const at = this.#place(row)
    if (this.#from === 0 || at - this.#from > rows.length - at) rows.splice(at, 0, row)
    else {
      for (let i = --this.#from; i < at - 1; i++) rows[i] = rows[i + 1]
      rows[at - 1] = row
    }
  }

  leave(row: Row): void {
    const rows = this.#rows
    const at = this.#place(row)
    if (at - this.#from > rows.length - at) {
      rows.splice(at, 1)
      return
    }
    for (let i = at; i > this.#from; i--) rows[i] = rows[i - 1]
    rows[this.#from++] = undefined
    if (2 * this.#from < rows.length) return
    rows.splice(0, this.#from)
    this.#from = 0
  }

  /** Where a row is, or belongs. */
  #place(row: Row): number {
    const rows = this.#rows
    let low = this.#from
    let high = rows.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((rows[middle] as Row).rank < row.rank) low = middle + 1
      else high = middle
    }
    return low
  }
}
