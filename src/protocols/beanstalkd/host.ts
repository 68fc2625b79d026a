import type { Broker } from '../../broker/broker.ts'
import type { Clock } from '../../clock.ts'
import type { Ms } from '../../job.ts'
import type { Counters, Identity } from './stats.ts'
import type { Tubes } from './tube.ts'

/** What a connection needs of its server. */
export interface Host {
  readonly broker: Broker
  readonly clock: Clock
  readonly tenant: string
  readonly tubes: Tubes
  readonly counters: Counters
  /** Connections that have ended, while their jobs go back. */
  readonly leaving: Set<Promise<void>>
  readonly maxJobSize: number
  /** Tubes that one connection may watch. */
  readonly maxWatched: number
  /** Reserves that one unit may have: what their jobs hold must fit in memory for each connection. */
  readonly maxReserves: number
  identity(): Identity
}

/** The moment in so many seconds: not a fraction of a millisecond before. */
export function momentIn(seconds: number, { broker, clock }: Host): Ms {
  return broker.now() + seconds * 1000 + (clock.grain ?? 0)
}
