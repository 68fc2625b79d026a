import type { Clock } from '../clock.ts'
import type { Ms, Queue } from '../job.ts'
import type { Transport } from '../transports/transport.ts'
import type { Catalog } from './definition.ts'
import type { Emitter } from './events.ts'
import type { Around, Handler } from './handlers.ts'
import type { LimitRecords } from './limits.ts'
import type { Outbox } from './outbox.ts'
import type { PutJob, PutOptions } from './put.ts'
import type { Tracing } from './tracing.ts'
import type { Watch } from './watchdog/watchdog.ts'

/** What a worker and its attempts share. */
export interface WorkerParts {
  transport: Transport
  outbox: Outbox
  catalog: Catalog
  limits: LimitRecords
  clock: Clock
  random: () => number
  events: Emitter
  tracing: Tracing | undefined
  /** Absent: nobody is told of a blocked loop. */
  watch?: Watch
  put: (name: string, args: unknown, options: PutOptions) => Promise<PutJob>
  /** Nobody takes jobs from the queue until then; what lies ready here goes back. */
  pauseQueue: (queue: Queue, until: Ms) => Promise<void>
  handlerOf: (name: string) => Handler | undefined
  around: Around
  /** Of jobs that may have ended a process, those that are started for the last time are called one after another. */
  lastStart: Promise<unknown>
  /** Nothing will become of it any more. */
  over: () => boolean
}
/** What a worker is given of them. */
export type WorkerNeeds = Pick<
  WorkerParts,
  'transport' | 'catalog' | 'limits' | 'clock' | 'random' | 'events' | 'tracing' | 'put'
> & {
  /** For tests: it fires, and the worker is as if its process had died. */
  death?: AbortSignal
  /** For tests: it doesn't keep the process alive. */
  unref?: true
}
