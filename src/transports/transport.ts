/**
 * The contract for "a queue that someone serves": smaller than the store's, since a server over the wire can say less. What a transport can't do is
 * emulated only where the emulation loses nothing; otherwise the call fails with a NotSupportedError that names the transport and the operation.
 */
import type { Fence, JobId, Ms, Queue, Reserved, State } from '../job.ts'
import type { Result, Unit } from '../stores/store.ts'
import type { Broker } from '../broker/broker.ts'

export interface Capabilities {
  /** The longest delay, or false. */
  delay: Ms | false
  /** How many priorities it tells apart. */
  priorities: number
  /** Operations of one commit that travel together. */
  batch: number
  /** A unit happens whole or not at all. */
  atomic: boolean
  touch: boolean
  bury: boolean
  edit: boolean
  unique: boolean
  group: boolean
  limits: boolean
  cancel: boolean
  results: boolean
  attempts: boolean
  pause: boolean
  stats: boolean
  /** Jobs of which states can be looked at without taking them. */
  look: readonly State[]
}
/** What every server can say of a reserved job; the rest where it can. */
export type Delivery = Pick<Reserved, 'id' | 'queue' | 'body'> & Partial<Reserved>

export interface Transport {
  readonly capabilities: Capabilities
  /** Where not atomic: puts first, settlements after. */
  commit(unit: Unit): Promise<Result[]>
  reserve(want: { queues: Queue[]; max: number; wait: Ms; lease?: Ms }, signal: AbortSignal): Promise<Delivery[]>
  lost(on: (lease: { id: JobId; n: Fence; why: string }) => void): () => void
  /** Only in process: schedules, limits, results, events, browse; absent, capabilities say so. */
  readonly broker?: Broker
  close(): Promise<void>
}
