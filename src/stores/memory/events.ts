import { EVENTS } from '../machine/tell.ts'
import type { Event, ToldEvent } from '../store.ts'

/** The ring of events: written only while somebody follows. */
export class Ring {
  #events: ToldEvent[] = []
  #last = 0

  add(events: readonly Event[], dropped: number): number {
    const first = this.#last + dropped + 1
    this.#last = first + events.length - 1
    const told = events.map((event, i) => ({ ...event, at: first + i }))
    this.#events = [...this.#events, ...told].slice(-EVENTS)
    return this.#last
  }

  /** How to make it again what it is now. */
  save(): () => void {
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
