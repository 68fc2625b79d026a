import type { Ms } from '../../job.ts'
import type { StoreEvent } from '../store.ts'
import type { Row } from './row.ts'
import type { Table } from './table.ts'

/** So many are told of one commit; of the others followers learn how many they missed. */
const MOST = 1000
/** Records of those who follow. */
const FOLLOW = 'follow/'

/** What happens to jobs that no operation names: to one of many, or by time. Who commits can't tell of it, so the machine does, while somebody follows. */
export class News {
  readonly #table: Table
  #events: Omit<StoreEvent, 'time'>[] = []
  #dropped = 0
  /** Somebody follows. undefined: this commit hasn't asked yet. */
  #followed: boolean | undefined

  constructor(table: Table) {
    this.#table = table
  }

  /** How much there is by now, for `cut`. */
  get count(): number {
    return this.#events.length + this.#dropped
  }

  /** Of the queue in which the job is now. */
  add(row: Row, type: 'deleted' | 'kicked' | 'moved' | 'expired' | 'released' | 'lost', more?: object): void {
    this.#followed ??= this.#table.records.any(FOLLOW)
    if (!this.#followed) return
    if (this.#events.length >= MOST) return void this.#dropped++
    const data = JSON.stringify({ name: row.more?.name, ...more })
    this.#events.push({ type, id: row.id, queue: row.queue.name, ...(data !== '{}' && { data }) })
  }

  /** At the end of a commit. Returns the number of the last one. */
  tell(now: Ms): number | undefined {
    const events = this.#events.map((event) => ({ ...event, time: now }))
    const last = events.length > 0 ? this.#table.events.add(events, this.#dropped) : undefined
    this.clear()
    return last
  }

  /** A unit was undone: what came since there were so many has not happened. */
  cut(count: number): void {
    this.#dropped = Math.max(0, count - MOST)
    this.#events.length = Math.min(this.#events.length, count)
  }

  clear(): void {
    this.#events = []
    this.#dropped = 0
    this.#followed = undefined
  }
}
