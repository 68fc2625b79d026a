import type { QueuePolicy } from '../../job.ts'
import { Heap } from '../machine/heap.ts'
import { QueueRow } from '../machine/queue.ts'
import { precedes, type Row } from '../machine/row.ts'

/** Rows before it are in the window. */
export interface Edge {
  pri: number
  rank: number
  id: number
}

/**
 * A queue, and the window on the head of its ready jobs: all ready jobs before `edge` are in it, or all there are (`complete`).
 * It holds while nobody else writes to the file.
 */
export class SqliteQueue extends QueueRow {
  readonly window = new Heap<Row>(precedes)
  complete = false
  edge: Edge | undefined = undefined
  /** How many rows the next look fetches: few while others write in between, more when the last were used up. */
  reach = 16
  /** Counters and window are those of this generation of the cache. */
  generation = -1
  /** The version of the records that policy and pause were read from. */
  records = -1
  dirty = false
}

export function policyOf(value: string | null | undefined): QueuePolicy | undefined {
  return value ? (JSON.parse(value) as QueuePolicy) : undefined
}
