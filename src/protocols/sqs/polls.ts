/** Receives that wait, by their queue: a thing apart, so that ten thousand of them cost nothing while nothing happens. */
import type { Queues } from './queues.ts'

type End = (why: 'closing' | 'deleted') => void

export class Polls {
  readonly #byQueue = new Map<string, Set<End>>()
  readonly #unwatch: () => void
  #closing = false

  constructor(queues: Queues) {
    this.#unwatch = queues.watch(() => {
      for (const [name, ends] of this.#byQueue) if (!queues.known(name)) for (const end of [...ends]) end('deleted')
    })
  }

  get size(): number {
    let size = 0
    for (const ends of this.#byQueue.values()) size += ends.size
    return size
  }

  /** No further ones wait, and those that do end. */
  close(): void {
    this.#closing = true
    this.#unwatch()
    for (const ends of [...this.#byQueue.values()]) for (const end of [...ends]) end('closing')
  }

  get closing(): boolean {
    return this.#closing
  }

  /** @param end called at most once, unless it is removed first; returns the way to remove it */
  add(name: string, end: End): () => void {
    let ends = this.#byQueue.get(name)
    if (!ends) this.#byQueue.set(name, (ends = new Set()))
    ends.add(end)
    return () => {
      ends.delete(end)
      if (ends.size === 0 && this.#byQueue.get(name) === ends) this.#byQueue.delete(name)
    }
  }
}
