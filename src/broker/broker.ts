/**
 * The contract of the broker: what protocols and the jobs API see.
 */
import type { Clock } from '../clock.ts'
import type { Fence, JobId, Ms, Queue, Reserved } from '../job.ts'
import type { Hint, Result, Store, StoreEvent, StoreRecord, ToldEvent, Unit } from '../stores/store.ts'

/**
 * The one way to wait for jobs. A lease that is not bound to the session is synced before it is answered.
 * beanstalkd's reserve: credit 1, once. SQS: credit up to 10, once, not bound. AMQP: credit = prefetch left.
 */
export interface Want {
  /** Not to be changed while it waits. */
  queues: readonly Queue[]
  /** Jobs that may still be delivered. */
  credit: number
  /** Of bodies, in one delivery; the first job always fits. Default: no limit. */
  bytes?: number
  /** Higher gets jobs first; equals take turns. Default 0. */
  priority?: number
  lease: { ms?: Ms | 'own'; bound: boolean }
  /** The line ends after its first delivery. */
  once?: true
  /** Ends with 'timeout' when nothing came within so long. Default: for ever. */
  wait?: Ms
  run?: true
  gone?: true
}
/** One place in the waiting line. */
export interface Line {
  /** So many more jobs. */
  credit(jobs: number): void
  /**
   * No more jobs, and no `end`. Resolves when what was on its way is returned 'untaken'; with `gone` it can't be, and is still delivered before.
   */
  close(): Promise<void>
}

export interface Session {
  readonly id: string
  /**
   * Joins this turn's batch. At most one unit of a session is in flight: their order is kept, unless it is `unordered`.
   * @throws UnavailableError nothing of it was done
   * @throws UnknownOutcomeError
   * @throws ClosedError
   */
  commit(unit: Unit): Promise<Result[]>
  /**
   * Begins to wait. `end` is called when the line ends by itself: its time was over, or its session or the broker was closed or has failed. It isn't
   * called after the delivery to a line that is `once`, nor after the line's own close.
   * @throws InvalidArgumentError for a lease that nothing would end
   * @throws ClosedError
   */
  line(want: Want, on: { jobs(jobs: Reserved[]): void; end(why: 'timeout' | 'closed', error?: Error): void }): Line
  /** The lease that this session holds on the job. */
  held(id: JobId): Lease | undefined
  /** Leases of this session, soonest deadline first (beanstalkd's DEADLINE_SOON, AMQP's recover). */
  holds(): Iterable<Lease>
  /** The soonest deadline among its leases. */
  soonest(): Ms | undefined
  /** Jobs and queues of its tenant only. */
  look: Store['look']
  stats: Store['stats']
  /** Why isn't this job running? In one sentence. undefined: there is no such job. */
  why(id: JobId): Promise<string | undefined>
  /** A lease ended without this session's doing: its deadline passed, the job was cancelled. Returns the way to stop hearing. */
  lost(on: (lease: { id: JobId; n: Fence; why: string }) => void): () => void
  /**
   * Follows what happens to jobs of its tenant, in all processes of the store, from now on. Others hear of it within moments, and tell from then on.
   * @throws ClosedError, UnavailableError
   */
  follow(): Promise<Follower>
  /** Tells those who follow, if anybody does. Only what a session that `tells` does is to be told; for others the broker does it. */
  tell(event: StoreEvent): void
  /** Somebody follows. */
  readonly followed: boolean
  /**
   * Its lines end, its leases return, its records vanish; what was committed before is done first. While the store is unavailable it tries again.
   * released: it leaves in order, and nothing is counted. lost: a failure each.
   */
  close(as: 'released' | 'lost'): Promise<void>
}
/** One who follows the events of a store. */
export interface Follower {
  /**
   * The next events, at most so many; waits until there are some. Of what it was too slow for, and of what was too much to be told, it hears the number:
   * they stood before or among these. undefined: it was closed. Rejects when the store has failed.
   */
  next(limit: number): Promise<{ events: ToldEvent[]; missed: number } | undefined>
  close(): Promise<void>
}
export interface Lease {
  id: JobId
  n: Fence
  until?: Ms
}

export interface Broker {
  now(): Ms
  /**
   * unordered: its units don't wait for each other, only what one caller awaits before the next has an order. tells: its owner tells those who follow
   * what it does.
   */
  session(from: {
    protocol: string
    tenant: string
    principal: string
    peer?: string
    unordered?: true
    tells?: true
  }): Session
  /** A cache of the store's records; they are written by `Session.commit`. */
  readonly records: {
    get(key: string): StoreRecord | undefined
    list(prefix: string): Iterable<StoreRecord>
    watch(prefix: string, on: (keys: readonly string[]) => void): () => void
    /** Reads what changed in the store; resolves when the cache has all that was committed before. */
    refresh(): Promise<void>
  }
  /** How many lines wait, over all sessions; on the queue, if one is given. */
  waiting(queue?: Queue): number
  /** A job whose result is kept has ended, or was set aside, by whichever process. Best effort. Returns the way to stop hearing. */
  ended(on: (id: JobId) => void): () => void
  /** The store has failed for good: nothing works any more, and the process should end. */
  failed(on: (error: Error) => void): void
  /** What the store said of itself last. */
  readonly health: NonNullable<Hint['health']>
  /** While draining, puts are to be refused by the protocols. */
  drain(on: boolean): void
  readonly draining: boolean
  /** Ends all lines and sessions, waits for what is in flight, and closes the store. */
  close(): Promise<void>
}

export interface BrokerOptions {
  store: Store
  /** The clock of waits and alarms; deadlines are the store's. Default: the machine's. */
  clock?: Clock
  /** Names this process in the ids of its sessions; unique among the processes of a store. Default: its pid and a random number. */
  process?: string
  /** How often lines that wait on a shared store try without having been told, if ever. Default 2 s; five times that while no other process is known. */
  slowPoll?: Ms | false
}
