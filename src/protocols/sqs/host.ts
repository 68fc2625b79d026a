import type { Need } from '../../access/index.ts'
import type { Broker, Session } from '../../broker/broker.ts'
import type { Clock } from '../../clock.ts'
import type { InFlight } from './in-flight.ts'
import type { Movers } from './mover.ts'
import type { Polls } from './polls.ts'
import type { Queues } from './queues.ts'
import type { Receipts } from './receipt.ts'
import type { Replays } from './replay.ts'

/** Who asks, and what it may. */
export interface Caller {
  /** A message's SenderId; undefined: nobody is asked who it is. */
  readonly name?: string
  /** Whether it may do that to the queue of that name; 'any': one of them, whichever. undefined: it may do everything. */
  readonly may?: (need: Need | 'any', queue: string) => boolean
}

/** What actions need of their server. */
export interface Host {
  readonly broker: Broker
  readonly session: Session
  readonly clock: Clock
  readonly queues: Queues
  readonly receipts: Receipts
  readonly replays: Replays
  readonly polls: Polls
  readonly movers: Movers
  readonly inFlight: InFlight
  readonly account: string
  readonly region: string
  readonly tenant: string
}

/** Who hears that a client has hung up. */
export interface Gone {
  hungUp(): void
}

/** One request. */
export interface Call {
  readonly caller: Caller
  /** What queue URLs begin with, such as `http://localhost:9324`. */
  readonly origin: string
  /** The header `X-Amzn-Trace-Id`: what messages without an AWSTraceHeader of their own are traced by. */
  readonly trace: string | undefined
  /** Its client has hung up. */
  readonly gone: boolean
  /** Hears when its client hangs up before it has the answer. */
  onGone?: Gone
}
