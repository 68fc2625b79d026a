import type { QueuePolicy } from '../../job.ts'
import { Heap } from '../../heap.ts'
import { QueueRow } from '../machine/queue.ts'
import { precedes, type Row } from '../machine/row.ts'

/** Rows before it were read ahead. */
export interface Edge {
  pri: number
  rank: number
  id: number
}

/**
 * A queue, and the head of its ready jobs, read ahead: all ready jobs before `edge`, or all there are (`complete`).
 * It holds while nobody else writes to the file.
 */
export class SqliteQueue extends QueueRow {
  readonly ahead = new Heap<Row>(precedes)
  complete = false
  edge: Edge | undefined = undefined
  /** How many rows the next look fetches: few while others write in between, more when the last were used up. */
  reach = 16
  /** Counters, and what was read ahead, are those of this generation of the cache. */
  generation = -1
  /** The version of the records that policy and pause were read from. */
  records = -1
  dirty = false
}

export function policyOf(value: string | null | undefined): QueuePolicy | undefined {
  return value ? (JSON.parse(value) as QueuePolicy) : undefined
}
