/** Our own broker, in this process, as a transport. */
import type { Broker, Session } from '../broker/broker.ts'
import { pauseQueue, setLimit } from '../broker/policies.ts'
import type { Fence, JobId, Limit, Ms, Queue } from '../job.ts'
import type { JobView, Look, QueueStats, Result, Store, Unit } from '../stores/store.ts'
import type { Capabilities, Delivery, Tellers, Transport } from './transport.ts'

export class BrokerTransport implements Transport {
  readonly name: string
  readonly capabilities: Capabilities
  readonly within?: NonNullable<Transport['within']>
  readonly events: Tellers
  readonly #broker: Broker
  readonly #session: Session

  /**
   * @param broker closed with the transport
   * @param store the broker's own; for what it can do, and for the application's transactions
   * @param name the scheme by which it was opened, for errors
   */
  constructor(broker: Broker, store: Store, name: string, tenant = 'default') {
    const { traits } = store
    this.name = name
    this.capabilities = {
      delay: Number.MAX_SAFE_INTEGER,
      atomic: true,
      ttl: true,
      unique: true,
      group: true,
      limits: traits.gates,
      cancel: true,
      edit: true,
      results: true,
      attempts: true,
      notes: traits.notes,
      look: ['delayed', 'waiting', 'ready', 'reserved', 'buried', 'finished'],
    }
    this.#broker = broker
    this.#session = broker.session({
      protocol: 'jobs',
      tenant,
      principal: 'application',
      unordered: true,
      tells: true,
    })
    this.events = this.#session
    if (store.within) this.within = store.within.bind(store)
  }

  get health(): NonNullable<Transport['health']> {
    return this.#broker.health
  }

  now(): Ms {
    return this.#broker.now()
  }

  commit(unit: Unit): Promise<Result[]> {
    return this.#session.commit(unit)
  }

  reserve(want: { queues: Queue[]; max: number; bytes?: number; wait?: Ms }, signal: AbortSignal): Promise<Delivery[]> {
    if (signal.aborted) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      const line = this.#session.line(
        {
          queues: want.queues,
          credit: want.max,
          once: true,
          lease: { bound: true },
          ...(want.bytes !== undefined && { bytes: want.bytes }),
          ...(want.wait !== undefined && { wait: want.wait }),
        },
        {
          jobs: (jobs) => settle(jobs),
          end: (_why, error) => settle([], error),
        },
      )
      const aborted = () => void line.close().then(() => resolve([]), reject)
      const settle = (jobs: Delivery[], error?: Error) => {
        signal.removeEventListener('abort', aborted)
        if (error) reject(error)
        else resolve(jobs)
      }
      signal.addEventListener('abort', aborted, { once: true })
    })
  }

  lost(on: (lease: { id: JobId; n: Fence; why: string }) => void): () => void {
    return this.#session.lost(on)
  }

  ended(on: (id: JobId) => void): () => void {
    return this.#broker.ended(on)
  }

  look(at: Look): Promise<{ jobs: JobView[]; after?: string }> {
    return this.#session.look(at)
  }

  stats(queues?: Queue[]): Promise<QueueStats[]> {
    return this.#session.stats(queues)
  }

  pause(queue: Queue, until: Ms): Promise<void> {
    return pauseQueue(this.#session, queue, until, this.now())
  }

  /** Its session ends, and its leases with it; the broker goes on. lost: as if its process had died. */
  leave(as: 'released' | 'lost'): Promise<void> {
    return this.#session.close(as)
  }

  setLimit(name: string, limit: Limit): Promise<void> {
    return setLimit(this.#session, this.#broker.records, name, limit)
  }

  why(id: JobId): Promise<string | undefined> {
    return this.#session.why(id)
  }

  close(): Promise<void> {
    return this.#broker.close()
  }
}
