import { EVENTS } from '../machine/tell.ts'
import type { EventTable } from '../machine/table.ts'
import type { StoreEvent, ToldEvent } from '../store.ts'
import type { Undoing } from './undo.ts'

/** The ring of events: written only while somebody follows. */
export class Ring implements EventTable {
  readonly #undoing: Undoing
  #events: ToldEvent[] = []
  #last = 0

  constructor(undoing: Undoing) {
    this.#undoing = undoing
  }

  add(events: readonly StoreEvent[], dropped: number): number {
    this.#undoing()?.push(this.#save())
    const first = this.#last + dropped + 1
    this.#last = first + events.length - 1
    for (const [i, event] of events.entries()) this.#events.push({ ...event, at: first + i })
    // Now and then, since all that stay are copied.
    if (this.#events.length >= 2 * EVENTS) this.#events = this.#events.slice(-EVENTS)
    return this.#last
  }

  /** How to make it again what it is now. */
  #save(): () => void {
    const [events, { length }, last] = [this.#events, this.#events, this.#last]
    return () => {
      this.#events = events
      events.length = length
      this.#last = last
    }
  }

  read(after: number, limit: number): { events: ToldEvent[]; last: number } {
    // Who follows is near the end.
    const behind = this.#events.findLastIndex((event) => event.at <= after) + 1
    const from = Math.max(behind, this.#events.length - EVENTS)
    return { events: this.#events.slice(from, from + limit), last: this.#last }
  }
}
