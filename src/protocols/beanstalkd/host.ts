import type { Broker } from '../../broker/broker.ts'
import type { Clock } from '../../clock.ts'
import type { Counters, Identity } from './stats.ts'
import type { Tubes } from './tube.ts'

/** What a connection needs of its server. */
export interface Host {
  readonly broker: Broker
  readonly clock: Clock
  readonly tenant: string
  readonly tubes: Tubes
  readonly counters: Counters
  readonly maxJobSize: number
  /** Tubes that one connection may watch. */
  readonly maxWatched: number
  /** Reserves that one unit may have: what their jobs hold must fit in memory for each connection. */
  readonly maxReserves: number
  identity(): Identity
}
