import type { Queue, Reserved } from '../job.ts'
import type { WaitingLine } from './line.ts'

/** Who waits for jobs of one queue: the lines of each priority, the highest first, and of each the one first that is to get the next job. */
interface Place {
  levels: { priority: number; lines: Set<WaitingLine> }[]
  /** Something may have become ready while all of its lines had a reserve on its way. */
  again: boolean
}

/**
 * The waiting line: who asks next.
 *
 * While a line with credit has no reserve on its way, none of its queues has a job for it. So a known number of jobs wakes as many lines and no more,
 * and who comes to where such a line waits has nothing to ask for.
 * Of an unknown number one line asks first, and where it was filled two more do: soon all are woken, if there is something for all of them.
 */
export class Waiting {
  readonly #places = new Map<Queue, Place>()
  readonly #onAsk: () => void
  readonly #onQueues: (queue: Queue, waitedFor: boolean) => void
  /** Lines that the next commit asks for, and jobs that it brings. */
  #next: WaitingLine[] = []
  readonly #coming = new Map<Queue, number>()
  #size = 0
  /** Places with `again`. */
  #again = 0

  /**
   * @param onAsk there are lines for the next commit
   * @param onQueues a queue is waited for now, or no more
   */
  constructor(onAsk: () => void, onQueues: (queue: Queue, waitedFor: boolean) => void) {
    this.#onAsk = onAsk
    this.#onQueues = onQueues
  }

  /** Lines that wait. */
  get size(): number {
    return this.#size
  }

  get queues(): Queue[] {
    return [...this.#places.keys()]
  }

  count(queue: Queue): number {
    let count = 0
    for (const { lines } of this.#places.get(queue)?.levels ?? []) count += lines.size
    return count
  }

  /** Whether whoever comes first in each of these queues waits, and knows that there is nothing. */
  idle(queues: readonly Queue[]): boolean {
    for (const queue of queues) {
      const [level] = this.#places.get(queue)?.levels ?? []
      if (level?.lines.values().next().value?.idle !== true) return false
    }
    return true
  }

  enter(line: WaitingLine): void {
    this.#size++
    for (const queue of line.queues) {
      let place = this.#places.get(queue)
      if (!place) {
        this.#places.set(queue, (place = { levels: [], again: false }))
        this.#onQueues(queue, true)
      }
      linesOf(place, line.priority).add(line)
    }
  }

  leave(line: WaitingLine): void {
    let waited = false
    for (const queue of line.queues) {
      const place = this.#places.get(queue)
      const level = place?.levels.find(({ priority }) => priority === line.priority)
      if (!place || !level?.lines.delete(line)) continue
      waited = true
      if (level.lines.size > 0) continue
      place.levels.splice(place.levels.indexOf(level), 1)
      if (place.levels.length > 0) continue
      if (place.again) this.#again--
      this.#places.delete(queue)
      this.#onQueues(queue, false)
    }
    if (!waited) return
    this.#size--
    if (line.asked === 0 || line.away) return
    // What it was to ask for is for others now.
    line.asked = 0
    for (const queue of line.queues) this.mayBeReady(queue)
  }

  /** A line asks for as much as it has credit for. */
  ask(line: WaitingLine): void {
    if (line.left > 0 && line.asked === 0) this.#ask(line, line.left, undefined, true)
  }

  /** So many jobs will be ready there by what is in the next commit. */
  ready(queue: Queue, jobs: number): void {
    if (this.#places.has(queue)) this.#coming.set(queue, (this.#coming.get(queue) ?? 0) + jobs)
  }

  /** Jobs may have become ready there, nobody knows how many. */
  mayBeReady(queue: Queue): void {
    const place = this.#places.get(queue)
    if (!place) return
    for (const { lines } of place.levels)
      for (const line of lines) if (line.asked === 0) return this.#ask(line, line.left, queue, true)
    this.#askAgain(place)
  }

  /** The lines whose reserves go into the commit that is being made. */
  take(): WaitingLine[] {
    for (const [queue, jobs] of this.#coming) this.#share(queue, jobs)
    this.#coming.clear()
    if (this.#next.length === 0) return this.#next
    const lines = this.#next.filter((line) => line.asked > 0)
    this.#next = []
    for (const line of lines) line.depart()
    return lines
  }

  /** A line's reserve was answered. */
  served(line: WaitingLine, jobs: readonly Reserved[]): void {
    const { asked, source, more } = line
    line.asked = 0
    if (jobs.length > 0) {
      const perhapsMore = (more && jobs.length === asked) || line.want.bytes !== undefined
      if (line.left > 0) {
        this.#toTheEnd(line)
        if (perhapsMore) this.ask(line)
      } else this.leave(line)
      if (source !== undefined && perhapsMore) {
        this.mayBeReady(source)
        this.mayBeReady(source)
      } else if (source !== undefined && jobs.some((job) => job.queue !== source)) this.mayBeReady(source)
    }
    if (this.#again > 0) for (const queue of line.queues) this.#lookAgain(queue)
  }

  #share(queue: Queue, jobs: number): void {
    const place = this.#places.get(queue)
    if (!place) return
    let left = jobs
    for (const { lines } of place.levels) {
      const share = Math.ceil(left / lines.size)
      for (const line of lines) {
        if (line.asked > 0) continue
        const jobs = Math.min(share, left, line.left)
        this.#ask(line, jobs, queue, false)
        left -= jobs
        if (left === 0) return
      }
    }
    this.#askAgain(place)
  }

  #lookAgain(queue: Queue): void {
    const place = this.#places.get(queue)
    if (!place?.again) return
    place.again = false
    this.#again--
    this.mayBeReady(queue)
  }

  #ask(line: WaitingLine, jobs: number, source: Queue | undefined, more: boolean): void {
    line.asked = jobs
    line.idle = false
    line.source = source
    line.more = more
    this.#next.push(line)
    this.#onAsk()
  }

  #askAgain(place: Place): void {
    if (place.again) return
    place.again = true
    this.#again++
  }

  /** After a delivery: behind the others. */
  #toTheEnd(line: WaitingLine): void {
    for (const queue of line.queues) {
      const lines = linesOf(this.#places.get(queue) as Place, line.priority)
      lines.delete(line)
      lines.add(line)
    }
  }
}

function linesOf(place: Place, priority: number): Set<WaitingLine> {
  const { levels } = place
  let at = levels.findIndex((level) => level.priority <= priority)
  if (at < 0) at = levels.length
  const level = levels[at]
  if (level?.priority === priority) return level.lines
  const lines = new Set<WaitingLine>()
  levels.splice(at, 0, { priority, lines })
  return lines
}
