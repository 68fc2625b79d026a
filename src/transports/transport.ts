/**
 * The contract for "a queue that someone serves": our own broker, or a server over the wire, which can say less. What a transport can't do is emulated
 * only where the emulation loses nothing; otherwise the call fails with a NotSupportedError that names the transport and what it lacks.
 * test/contract/transport-contract.ts holds every transport to it.
 */
import type { Fence, JobId, Limit, Ms, Queue, Reserved, State } from '../job.ts'
import type { JobView, Look, QueueStats, Result, StoreEvent, ToldEvent, Unit } from '../stores/store.ts'

/** A transport speaks in the operations of the store contract; who uses one needs its words. */
export type {
  BulkOp,
  JobView,
  Look,
  Note,
  Op,
  Put,
  QueueStats,
  Result,
  SliceEnd,
  StoreEvent,
  ToldEvent,
  Unit,
} from '../stores/store.ts'

/** What a transport can do. */
export interface Capabilities {
  /** The longest delay, in milliseconds. */
  delay: Ms
  /** A unit happens whole or not at all. */
  atomic: boolean
  /** A job's time to live. */
  ttl: boolean
  unique: boolean
  group: boolean
  /** Limits of concurrency and rate. */
  limits: boolean
  /** Waiting jobs, and those that are being worked. */
  cancel: boolean
  /** A waiting job can be changed. */
  edit: boolean
  results: boolean
  /** It counts attempts, so that a failed job can be tried again so often; else it is set aside at its first failure. */
  attempts: boolean
  /** Progress, logs and errors are kept with a job. */
  notes: boolean
  /** Jobs of which states can be listed. */
  look: readonly State[]
}
/** What every server can say of a queue; the rest where it can. */
export type Counted = Omit<QueueStats, 'explicit' | 'bytes'> & Partial<QueueStats>
/** What every server can say of a reserved job; the rest where it can. */
export type Delivery = Pick<Reserved, 'id' | 'queue' | 'body'> & Partial<Reserved>

export interface Transport {
  /** For errors: 'file:', 'beanstalkd:'. */
  readonly name: string
  readonly capabilities: Capabilities
  /** The clock of deadlines. */
  now(): Ms
  /**
   * Where it isn't atomic, the operations are done one after another.
   * @throws NotSupportedError for an operation that it lacks; nothing of the unit was done
   * @throws UnavailableError, UnknownOutcomeError, ConnectionError
   */
  commit(unit: Unit): Promise<Result[]>
  /**
   * Waits until there are jobs, for `wait` milliseconds (default: for ever), or until the signal fires: then it answers none. Their leases last while
   * this process lives and the transport is open. bytes: of bodies, about; the first job always fits.
   */
  reserve(want: { queues: Queue[]; max: number; bytes?: number; wait?: Ms }, signal: AbortSignal): Promise<Delivery[]>
  /** A lease ended without its holder's doing, or its job was cancelled. Returns the way to stop hearing. */
  lost(on: (lease: { id: JobId; n?: Fence; why: string }) => void): () => void
  /** A job whose result was asked for has ended or was set aside. */
  ended?(on: (id: JobId) => void): () => void
  look(at: Look): Promise<{ jobs: JobView[]; after?: string }>
  stats(queues?: Queue[]): Promise<Counted[]>
  /** Nobody takes jobs from the queue until then; a moment that is over: it goes on. */
  pause(queue: Queue, until: Ms): Promise<void>
  /** What a program's definitions say of a limit, unless an operator has set it. Absent where there are no limits. */
  setLimit?(name: string, limit: Limit): Promise<void>
  why(id: JobId): Promise<string | undefined>
  /** What happens in all processes that share it; what this one does, its user tells. Absent: nobody can follow. */
  readonly events?: Tellers
  /** What its store said of itself last. Absent: it says nothing. */
  readonly health?: 'ok' | 'disk full' | 'wal full' | 'failed'
  /** In the application's own transaction. */
  within?(transaction: unknown): { commit(unit: Unit): Result[] }
  close(): Promise<void>
}

export interface Tellers {
  /** Somebody follows. */
  readonly followed: boolean
  tell(event: StoreEvent): void
  /** From now on. */
  follow(): Promise<{
    /** Waits for the next events, at most so many; and the number of those that were missed. undefined: it was closed. */
    next(limit: number): Promise<{ events: ToldEvent[]; missed: number } | undefined>
    close(): Promise<void>
  }>
}
