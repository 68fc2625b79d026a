/** How many messages of a queue are in flight, as exactly as a limit of many thousands needs it. */
import type { Session } from '../../broker/broker.ts'
import type { Clock } from '../../clock.ts'
import type { Ms, Queue } from '../../job.ts'
import type { SqsQueue } from './queues.ts'

/** So long a count holds that was far below the limit. */
const HOLDS: Ms = 10_000
const MOST = 10_000
/** A tag by which a queue asks for a smaller limit, such as the 20,000 that FIFO queues had. */
export const LIMIT_TAG = 'queueup:max-in-flight'

interface Count {
  reserved: number
  took: number
  at: Ms
}

export class InFlight {
  readonly #session: Session
  readonly #clock: Clock
  readonly #limit: number
  readonly #counts = new Map<Queue, Count>()

  constructor(session: Session, clock: Clock, limit: number) {
    this.#session = session
    this.#clock = clock
    this.#limit = limit
  }

  /** Whether no more may be received. It is counted again when it might be so, or when the last count is old. */
  async full(queue: SqsQueue): Promise<boolean> {
    const limit = this.#limitOf(queue)
    const count = this.#counts.get(queue.queue)
    const now = this.#clock.now()
    if (count && now - count.at < HOLDS && count.reserved + 2 * count.took < limit) return false
    const [stats] = await this.#session.stats([queue.queue])
    const reserved = stats?.reserved ?? 0
    if (this.#counts.size >= MOST) this.#counts.clear()
    this.#counts.set(queue.queue, { reserved, took: 0, at: now })
    return reserved >= limit
  }

  /** So many were received just now. */
  took({ queue }: SqsQueue, jobs: number): void {
    const count = this.#counts.get(queue)
    if (count) count.took += jobs
  }

  #limitOf({ own }: SqsQueue): number {
    const asked = own?.tags[LIMIT_TAG]
    return asked !== undefined && /^\d{1,6}$/.test(asked) ? Math.min(this.#limit, Number(asked)) : this.#limit
  }
}
