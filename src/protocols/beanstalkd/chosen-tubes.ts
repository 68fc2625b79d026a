import type { Queue } from '../../job.ts'
import type { Tube, Tubes } from './tube.ts'

/** The tube that a connection uses, and those that it watches. */
export class ChosenTubes {
  readonly #tubes: Tubes
  readonly #maxWatched: number
  used: Tube
  /** In the order of list-tubes-watched; another list after each change. */
  watched: readonly Tube[]
  #queues: Queue[] | undefined

  constructor(tubes: Tubes, maxWatched: number) {
    this.#tubes = tubes
    this.#maxWatched = maxWatched
    this.used = tubes.get('default')
    this.watched = [this.used]
    this.used.using++
    this.used.watching++
  }

  /** What is reserved from. */
  queues(): Queue[] {
    return (this.#queues ??= this.watched.map((tube) => tube.queue))
  }

  use(name: string): void {
    const before = this.used
    this.used = this.#tubes.get(name)
    this.used.using++
    before.using--
    this.#tubes.release(before)
  }

  /** false: it watches as many as it may. */
  watch(name: string): boolean {
    if (this.watched.some((tube) => tube.name === name)) return true
    if (this.watched.length >= this.#maxWatched) return false
    const tube = this.#tubes.get(name)
    tube.watching++
    this.#set([...this.watched, tube])
    return true
  }

  /** false: it is the last one. */
  ignore(name: string): boolean {
    const at = this.watched.findIndex((tube) => tube.name === name)
    if (at < 0) return true
    if (this.watched.length < 2) return false
    const tube = this.watched[at] as Tube
    // The last one takes the place of the one that leaves, as in beanstalkd: it shows in list-tubes-watched.
    const rest = this.watched.slice()
    rest[at] = rest.at(-1) as Tube
    rest.pop()
    this.#set(rest)
    tube.watching--
    this.#tubes.release(tube)
    return true
  }

  /** The connection is gone. */
  leave(): void {
    this.used.using--
    for (const tube of this.watched) tube.watching--
    for (const tube of [this.used, ...this.watched]) this.#tubes.release(tube)
  }

  #set(watched: readonly Tube[]): void {
    this.watched = watched
    this.#queues = undefined
  }
}
