import type { Queue } from '../job.ts'
import type { WaitingLine } from './line.ts'

/** Who waits for jobs of which queue, in the order in which they are to get them. */
export class Waiting {
  readonly #byQueue = new Map<Queue, Set<WaitingLine>>()
  readonly #lines = new Set<WaitingLine>()
  #prioritised = 0

  get size(): number {
    return this.#lines.size
  }

  get queues(): Queue[] {
    return [...this.#byQueue.keys()]
  }

  [Symbol.iterator](): IterableIterator<WaitingLine> {
    return this.#lines[Symbol.iterator]()
  }

  count(queue: Queue): number {
    return this.#byQueue.get(queue)?.size ?? 0
  }

  add(line: WaitingLine): void {
    this.#lines.add(line)
    if (line.priority !== 0) this.#prioritised++
    for (const queue of line.queues) {
      const lines = this.#byQueue.get(queue)
      if (lines) lines.add(line)
      else this.#byQueue.set(queue, new Set([line]))
    }
  }

  remove(line: WaitingLine): void {
    if (!this.#lines.delete(line)) return
    if (line.priority !== 0) this.#prioritised--
    for (const queue of line.queues) {
      const lines = this.#byQueue.get(queue)
      lines?.delete(line)
      if (lines?.size === 0) this.#byQueue.delete(queue)
    }
  }

  /** After a delivery: behind the others. */
  toTheEnd(line: WaitingLine): void {
    for (const queue of line.queues) {
      const lines = this.#byQueue.get(queue)
      if (lines?.delete(line)) lines.add(line)
    }
  }

  /** The lines that are to get the next so many jobs of the queue: those of higher priority first, among equals who waits longest. */
  next(queue: Queue, jobs: number): WaitingLine[] {
    const lines = this.#byQueue.get(queue)
    if (!lines) return []
    const all = this.#prioritised === 0 ? lines : [...lines].sort((a, b) => b.priority - a.priority)
    const found: WaitingLine[] = []
    for (const line of all) {
      if (found.length >= jobs) break
      if (line.open) found.push(line)
    }
    return found
  }
}
