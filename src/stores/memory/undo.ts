import type { JobId } from '../../job.ts'
import type { Row } from '../machine/row.ts'
import type { MemoryQueue } from './queue.ts'

/** How to take back what the unit that runs does; undefined: nobody will ask. */
export type Undoing = () => Undo | undefined

/** How to take back what a unit did, step by step. */
export class Undo {
  readonly #enter: (row: Row) => void
  readonly #dead: Map<JobId, Row>
  readonly #steps: (() => void)[] = []
  /** To which a buried row came back behind those that were buried after it. */
  readonly #disordered = new Set<Map<JobId, Row>>()

  /**
   * @param enter puts a row into the order of its state
   * @param dead of all queues, in the order of burial
   */
  constructor(enter: (row: Row) => void, dead: Map<JobId, Row>) {
    this.#enter = enter
    this.#dead = dead
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
      if (row.state === 'buried') this.#disordered.add((row.queue as MemoryQueue).aside).add(this.#dead)
    })
  }

  run(): void {
    for (const step of this.#steps.reverse()) step()
    for (const aside of this.#disordered) inOrderOfBurial(aside)
  }
}

function inOrderOfBurial(aside: Map<JobId, Row>): void {
  const rows = [...aside.values()].sort((a, b) => a.at - b.at)
  aside.clear()
  for (const row of rows) aside.set(row.id, row)
}
