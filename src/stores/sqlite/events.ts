import type { Queue } from '../../job.ts'
import { EVENTS } from '../machine/tell.ts'
import type { EventTable } from '../machine/table.ts'
import type { StoreEvent, ToldEvent } from '../store.ts'
import type { Connection } from './connection.ts'

/** The last number that was given out; it stays when its row is cut off. */
const LAST = `SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event'), 0)`

/** The ring of events: written only while somebody follows. */
export class Ring implements EventTable {
  readonly #file: Connection

  constructor(file: Connection) {
    this.#file = file
  }

  get last(): number {
    return this.#file.value(LAST)
  }

  add(events: readonly StoreEvent[], dropped: number): number {
    let no = this.last + dropped
    for (const { time, type, id, queue, data } of events)
      this.#file.run(
        'INSERT INTO event (no, time, type, job, queue, data) VALUES (?, ?, ?, ?, ?, ?)',
        ++no,
        time,
        type,
        id,
        queue,
        data ?? null,
      )
    this.#file.run('DELETE FROM event WHERE no <= ?', no - EVENTS)
    return no
  }

  read(after: number, limit: number): { events: ToldEvent[]; last: number } {
    const rows = this.#file.all<[number, number, string, number, Queue, string | null]>(
      'SELECT no, time, type, job, queue, data FROM event WHERE no > ? ORDER BY no LIMIT +?',
      after,
      limit,
    )
    const events = rows.map(([at, time, type, id, queue, data]) => ({
      at,
      time,
      type,
      id,
      queue,
      ...(data !== null && { data }),
    }))
    return { events, last: this.last }
  }
}
