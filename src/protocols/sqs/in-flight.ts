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

  /** Whether more may be received by the last count: that was far below the limit, and isn't old. */
  hasRoom(queue: SqsQueue): boolean {
    const count = this.#counts.get(queue.queue)
    return (
      count !== undefined &&
      this.#clock.now() - count.at < HOLDS &&
      count.reserved + 2 * count.took < this.#limitOf(queue)
    )
  }

  /** Counts: whether no more may be received. */
  async full(queue: SqsQueue): Promise<boolean> {
    const at = this.#clock.now()
    const [stats] = await this.#session.stats([queue.queue])
    const reserved = stats?.reserved ?? 0
    if (this.#counts.size >= MOST) this.#counts.clear()
    this.#counts.set(queue.queue, { reserved, took: 0, at })
    return reserved >= this.#limitOf(queue)
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
