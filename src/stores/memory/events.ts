import { EVENTS } from '../machine/tell.ts'
import type { EventTable } from '../machine/table.ts'
import type { Event, ToldEvent } from '../store.ts'
import type { Undoing } from './undo.ts'

/** The ring of events: written only while somebody follows. */
export class Ring implements EventTable {
  readonly #undoing: Undoing
  #events: ToldEvent[] = []
  #last = 0

  constructor(undoing: Undoing) {
    this.#undoing = undoing
  }

  add(events: readonly Event[], dropped: number): number {
    this.#undoing()?.push(this.#save())
    const first = this.#last + dropped + 1
    this.#last = first + events.length - 1
    const told = events.map((event, i) => ({ ...event, at: first + i }))
    this.#events = [...this.#events, ...told].slice(-EVENTS)
    return this.#last
  }

  /** How to make it again what it is now. */
  #save(): () => void {
    const [events, last] = [this.#events, this.#last]
    return () => {
      this.#events = events
      this.#last = last
    }
  }

  read(after: number, limit: number): { events: ToldEvent[]; last: number } {
    const from = this.#events.findIndex((event) => event.at > after)
    return { events: from < 0 ? [] : this.#events.slice(from, from + limit), last: this.#last }
  }
}
