import type { Event, Result, TellOp } from '../store.ts'
import type { Machine } from './machine.ts'
import type { Row } from './row.ts'

/** So many events are kept: who is further behind has missed some. */
export const EVENTS = 10_000
/** So many are told of one commit; of the others followers learn how many they missed. */
const MOST = 1000
/** Records of those who follow. */
const FOLLOW = 'follow/'

export function tell(m: Machine, op: TellOp): Result {
  const last = m.table.tell(op.events, op.dropped ?? 0)
  m.told = last
  return { ok: true, do: 'tell', last }
}

/** What happens to jobs that no operation names: to one of many, or by time. Who commits can't tell of it, so the machine does, while somebody follows. */
export class News {
  readonly #m: Machine
  #events: Event[] = []
  #dropped = 0
  /** Somebody follows. undefined: this commit hasn't asked yet. */
  #followed: boolean | undefined

  constructor(m: Machine) {
    this.#m = m
  }

  /** How much there is by now, for `cut`. */
  get count(): number {
    return this.#events.length + this.#dropped
  }

  /** Of the queue in which the job is now. */
  add(row: Row, type: 'deleted' | 'kicked' | 'moved' | 'expired' | 'released' | 'lost', more?: object): void {
    const { table, now } = this.#m
    this.#followed ??= table.anyRecord(FOLLOW)
    if (!this.#followed) return
    if (this.#events.length >= MOST) return void this.#dropped++
    const data = JSON.stringify({ name: row.more?.name, ...more })
    this.#events.push({ type, id: row.id, queue: row.queue.name, time: now, ...(data !== '{}' && { data }) })
  }

  /** At the end of a commit. */
  tell(): void {
    if (this.#events.length === 0) return this.clear()
    tell(this.#m, { do: 'tell', events: this.#events, ...(this.#dropped > 0 && { dropped: this.#dropped }) })
    this.clear()
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
