/** How often what happened to jobs in this process, and how long their attempts took, since the queue was opened. */
import type { Ms } from '../job.ts'

/** What is counted, of the events of the same names. */
export const COUNTED = {
  put: 'Jobs put by this process, duplicates of a unique key left out.',
  started: 'Attempts begun.',
  done: 'Jobs done.',
  failed: 'Attempts that failed.',
  retried: 'Jobs given back to be tried again.',
  dead: 'Jobs set aside for good.',
  cancelled: 'Jobs cancelled while they were worked.',
  stalled: 'Attempts given up because their handler took no notice of its signal.',
  lost: "Attempts whose job wasn't this worker's any more.",
  blocked:
    'Times that a handler blocked the event loop for about a second or more; without a name: nobody knows which.',
} as const
export type Counted = keyof typeof COUNTED

export function isCounted(name: string): name is Counted {
  return name in COUNTED
}

/** Seconds: the upper bounds of the histogram's buckets. */
export const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800] as const

/** Of one job's name in one queue. */
export class Tally {
  readonly job: string
  readonly queue: string
  readonly counts: Record<Counted, number> = {
    put: 0,
    started: 0,
    done: 0,
    failed: 0,
    retried: 0,
    dead: 0,
    cancelled: 0,
    stalled: 0,
    lost: 0,
    blocked: 0,
  }
  /** Attempts by the first bucket that they fit in; the last one is for those longer than all. */
  readonly attempts = new Array<number>(BUCKETS.length + 1).fill(0)
  seconds = 0

  constructor(job: string, queue: string) {
    this.job = job
    this.queue = queue
  }

  took(ms: Ms): void {
    const seconds = ms / 1000
    this.seconds += seconds
    let bucket = 0
    while (bucket < BUCKETS.length && seconds > (BUCKETS[bucket] as number)) bucket++
    ;(this.attempts[bucket] as number)++
  }
}

export class Figures {
  readonly #known: (name: string) => boolean
  readonly #tallies = new Map<string, Map<string, Tally>>()

  /** @param known whether there is such a job: names that strangers made up are counted together, as '' */
  constructor(known: (name: string) => boolean) {
    this.#known = known
  }

  /** @param ms how long the attempt took that it ends */
  count(what: Counted, { name, queue }: { name: string; queue: string }, ms?: Ms): void {
    const tally = this.#tally(name, queue)
    tally.counts[what]++
    if (ms !== undefined && (what === 'done' || what === 'failed')) tally.took(ms)
  }

  *tallies(): Iterable<Tally> {
    for (const queues of this.#tallies.values()) yield* queues.values()
  }

  #tally(name: string, queue: string): Tally {
    const queues = this.#tallies.get(name)
    const tally = queues?.get(queue)
    if (tally) return tally
    return this.#add(this.#known(name) ? name : '', queue)
  }

  #add(name: string, queue: string): Tally {
    let queues = this.#tallies.get(name)
    if (!queues) this.#tallies.set(name, (queues = new Map<string, Tally>()))
    let tally = queues.get(queue)
    if (!tally) queues.set(queue, (tally = new Tally(name, queue)))
    return tally
  }
}
