import type { Ms } from '../../job.ts'
import { Heap } from '../../heap.ts'
import { COMPARE, type Position } from '../machine/page.ts'
import { QueueRow } from '../machine/queue.ts'
import type { Finished, Row } from '../machine/row.ts'
import type { Claim } from '../machine/table.ts'
import type { Members } from './members.ts'
import { Sorted } from './sorted.ts'

/** A finished job that is kept: its number in the order of ending, and until when it is whatever its queue's policy, or NEVER. */
export interface Kept {
  readonly finished: Finished
  readonly no: number
  until: Ms
  slot: number
}

/** A key that somebody has, and its place among those that are had for a while. */
export interface Held extends Claim {
  readonly claims: Map<string, Held>
  readonly key: string
  slot: number
}

/** A queue and the orders in which its jobs lie. */
export class MemoryQueue extends QueueRow {
  /** Its jobs by state; reserved ones are found by their leases. */
  readonly orders = {
    ready: new Sorted<Position, Row>(COMPARE.take),
    waiting: new Sorted<Position, Row>(COMPARE.take),
    delayed: new Sorted<Position, Row>(COMPARE.due),
    buried: new Sorted<Position, Row>(COMPARE.buried),
  }
  /** Each group's jobs that aren't buried, by rank. */
  readonly groups = new Map<string, Members>()
  readonly claims = new Map<string, Held>()
  /** In the order in which they ended. */
  readonly history = new Set<Kept>()
  /** Those of them that go when the policy says. */
  readonly lasting = new Heap<Kept>((a, b) => a.no < b.no)
}
