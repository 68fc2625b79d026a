import type { IdMap } from '../../id-map.ts'
import type { Row } from '../machine/row.ts'
import type { Connection } from './connection.ts'
import type { Edge, SqliteQueue } from './queue.ts'
import { COLUMNS, rowOf, type Columns } from './rows.ts'

/** At most so many rows are fetched at once, so many are kept of a queue, and bodies up to so many bytes with them. */
const REACH = 1024
const MOST = 4096
/** So many rows of all queues are kept; past it they are dropped and fetched anew. */
const MOST_OF_ALL = 65_536

/** The heads of the queues' ready jobs, read ahead. Their rows stay in the cache. */
export class ReadAhead {
  readonly #file: Connection
  readonly #loaded: IdMap<Row>
  readonly #flush: () => void
  /** So many rows were read ahead. */
  #size = 0

  /**
   * @param loaded the rows that are in the cache
   * @param flush writes what the commit has changed by now
   */
  constructor(file: Connection, loaded: IdMap<Row>, flush: () => void) {
    this.#file = file
    this.#loaded = loaded
    this.#flush = flush
  }

  /**
   * The first ready row.
   * @param but it has left its order, and will enter it again
   */
  head(queue: SqliteQueue, but?: Row): Row | undefined {
    const { first } = queue.ahead
    if (first || queue.complete) return first
    if (queue.ready === 0) {
      queue.complete = true
      return undefined
    }
    this.#fetch(queue, but)
    return queue.ahead.first
  }

  leave(row: Row, queue: SqliteQueue): void {
    queue.ahead.remove(row)
    this.#size--
  }

  /** A row is ready now. Where too many are read ahead, the last of them are given up. */
  enter(row: Row, queue: SqliteQueue): void {
    if (!queue.complete && !(queue.edge && isBefore(row, queue.edge))) return
    queue.ahead.push(row)
    this.#size++
    if (queue.ahead.size <= MOST) return
    const kept = queue.ahead.smallest(REACH)
    const last = kept.at(-1) as Row
    const all = [...queue.ahead]
    queue.ahead.clear()
    this.#size -= all.length - kept.length
    for (const one of kept) queue.ahead.push(one)
    for (const one of all) if (one.slot < 0 && !one.visited) this.#loaded.delete(one.id)
    queue.complete = false
    queue.edge = { pri: last.pri, rank: last.rank, id: last.id + 1 }
  }

  /** Others may have changed its jobs; while they go on doing so, little is fetched at once. */
  doubt(queue: SqliteQueue): void {
    this.drop(queue)
    queue.reach = Math.max(16, queue.reach >> 1)
  }

  drop(queue: SqliteQueue): void {
    this.#size -= queue.ahead.size
    for (const row of queue.ahead) if (!row.visited) this.#loaded.delete(row.id)
    queue.ahead.clear()
    queue.complete = false
    queue.edge = undefined
  }

  /** After a commit. */
  settle(queues: Iterable<SqliteQueue>): void {
    if (this.#size > MOST_OF_ALL) for (const queue of queues) this.drop(queue)
  }

  #fetch(queue: SqliteQueue, but: Row | undefined): void {
    this.#flush()
    const { reach } = queue
    queue.reach = Math.min(REACH, reach * 2)
    const found = this.#file.all<Columns>(
      `SELECT ${COLUMNS}, body FROM job WHERE queue = ? AND state = 0 ORDER BY pri, rank, id LIMIT +?`,
      queue.no,
      reach,
    )
    for (const columns of found) {
      let row = this.#loaded.get(columns[0])
      if (row && row.queue !== queue) {
        // Others have moved it here since it was read ahead for that queue, which nobody has asked for after that.
        this.drop(row.queue as SqliteQueue)
        row = this.#loaded.get(columns[0])
      }
      if (!row) this.#loaded.set((row = rowOf(columns, queue)))
      if (row.slot >= 0 || row === but) continue
      queue.ahead.push(row)
      this.#size++
    }
    queue.complete = found.length < reach
    const last = found.at(-1)
    queue.edge = queue.complete || !last ? undefined : { pri: last[2], rank: last[3], id: last[0] + 1 }
  }
}

function isBefore(row: Row, edge: Edge): boolean {
  if (row.pri !== edge.pri) return row.pri < edge.pri
  return row.rank < edge.rank || (row.rank === edge.rank && row.id < edge.id)
}
