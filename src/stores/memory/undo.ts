import type { Row } from '../machine/row.ts'
import type { MemoryQueue } from './queue.ts'

/** How to take back what the unit that runs does; undefined: nobody will ask. */
export type Undoing = () => Undo | undefined

/** How to take back what a unit did, step by step. */
export class Undo {
  readonly #enter: (row: Row) => void
  readonly #steps: (() => void)[] = []

  /** @param enter puts a row into the order of its state */
  constructor(enter: (row: Row) => void) {
    this.#enter = enter
  }

  push(step: () => void): void {
    this.#steps.push(step)
  }

  /** Remembers a queue's counters. */
  saveCounters(queue: MemoryQueue): void {
    const counters = { ...queue }
    this.push(() => Object.assign(queue, counters))
  }

  /** Remembers a row, its queue's counters and its holder, to be put back as they are now. */
  saveRow(row: Row): void {
    const { holder, previous, next } = row
    this.saveCounters(row.queue as MemoryQueue)
    const saved = {
      ...row,
      more: row.more && { ...row.more, ...(row.more.counts && { counts: { ...row.more.counts } }) },
    }
    this.push(() => {
      row.holder?.remove(row)
      const {
        previous: _previous,
        next: _next,
        holder: _holder,
        slot: _slot,
        timer: _timer,
        expiry: _expiry,
        seat: _seat,
        ...fields
      } = saved
      Object.assign(row, fields)
      holder?.restore(row, previous, next)
      this.#enter(row)
    })
  }

  run(): void {
    for (const step of this.#steps.reverse()) step()
  }
}
