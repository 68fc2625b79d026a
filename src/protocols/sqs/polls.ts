/** Receives that wait, by their queue: a thing apart, so that ten thousand of them cost nothing while nothing happens. */
import type { Queues } from './queues.ts'

export interface Poll {
  /** Its server closes, or its queue isn't known any more. */
  endPoll(why: 'closing' | 'deleted'): void
}

export class Polls {
  readonly #byQueue = new Map<string, Set<Poll>>()
  readonly #unwatch: () => void
  #closing = false

  constructor(queues: Queues) {
    this.#unwatch = queues.watch((name) => {
      const polls = this.#byQueue.get(name)
      if (polls && !queues.known(name)) for (const poll of [...polls]) poll.endPoll('deleted')
    })
  }

  get size(): number {
    let size = 0
    for (const polls of this.#byQueue.values()) size += polls.size
    return size
  }

  /** No further ones wait, and those that do end. */
  close(): void {
    this.#closing = true
    this.#unwatch()
    for (const polls of [...this.#byQueue.values()]) for (const poll of [...polls]) poll.endPoll('closing')
  }

  get closing(): boolean {
    return this.#closing
  }

  add(name: string, poll: Poll): void {
    let polls = this.#byQueue.get(name)
    if (!polls) this.#byQueue.set(name, (polls = new Set()))
    polls.add(poll)
  }

  remove(name: string, poll: Poll): void {
    const polls = this.#byQueue.get(name)
    if (polls?.delete(poll) && polls.size === 0) this.#byQueue.delete(name)
  }
}
