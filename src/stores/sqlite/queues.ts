import type { Ms, Queue } from '../../job.ts'
import type { Connection } from './connection.ts'
import type { Mark } from './mark.ts'
import { policyOf, SqliteQueue } from './queue.ts'

/** The file's queues, as far as this process has met them: counters, policies and pauses are read again when others have written. */
export class Queues {
  readonly #file: Connection
  readonly #mark: Mark
  readonly #onStale: (queue: SqliteQueue) => void
  readonly #byName = new Map<Queue, SqliteQueue>()
  readonly #byNo = new Map<number, SqliteQueue>()
  readonly #dirty: SqliteQueue[] = []
  #last: SqliteQueue | undefined
  #generation = 0

  /** @param onStale what is known of the queue's jobs may not be so any more */
  constructor(file: Connection, mark: Mark, onStale: (queue: SqliteQueue) => void) {
    this.#file = file
    this.#mark = mark
    this.#onStale = onStale
  }

  [Symbol.iterator](): IterableIterator<SqliteQueue> {
    return this.#byName.values()
  }

  /** Others have written: nothing is known to be so any more. */
  doubt(): void {
    this.#generation++
  }

  isDoubted(queue: SqliteQueue): boolean {
    return queue.generation !== this.#generation
  }

  named(name: Queue): SqliteQueue | undefined {
    let queue = this.#last
    if (queue?.name !== name) {
      queue = this.#byName.get(name) ?? this.#load('name', name)
      if (!queue) return undefined
      this.#last = queue
    }
    return this.fresh(queue)
  }

  numbered(no: number): SqliteQueue {
    return this.fresh(this.#byNo.get(no) ?? (this.#load('no', no) as SqliteQueue)) as SqliteQueue
  }

  create(name: Queue, now: Ms): SqliteQueue {
    this.#file.run('INSERT INTO queue (name, used) VALUES (?, ?)', name, now)
    return this.named(name) as SqliteQueue
  }

  /** The queue as it is now; undefined: others have forgotten it. */
  fresh(queue: SqliteQueue): SqliteQueue | undefined {
    if (queue.generation === this.#generation) return queue
    this.#onStale(queue)
    const counters = this.#file.get<Counters>(
      'SELECT ready, urgent, delayed, waiting, reserved, buried, leaving, leaving_bytes, bytes, puts, gone, used FROM queue WHERE no = ?',
      queue.no,
    )
    if (!counters) {
      this.#forget(queue)
      const anew = this.#load('name', queue.name)
      return anew && this.fresh(anew)
    }
    ;[
      queue.ready,
      queue.urgent,
      queue.delayed,
      queue.waiting,
      queue.reserved,
      queue.buried,
      queue.leaving,
      queue.leavingBytes,
      queue.bytes,
      queue.puts,
      queue.gone,
      queue.used,
    ] = counters
    if (queue.records !== this.#mark.records) {
      queue.policy = policyOf(this.#record(`queue/${queue.name}`))
      queue.pausedUntil = Number(this.#record(`pause/${queue.name}`) ?? 0)
      queue.records = this.#mark.records
    }
    queue.generation = this.#generation
    return queue
  }

  /** Its counters are to be written. */
  touched(queue: SqliteQueue): void {
    if (queue.dirty) return
    queue.dirty = true
    this.#dirty.push(queue)
  }

  write(): void {
    for (const queue of this.#dirty) {
      queue.dirty = false
      this.#file.run(
        `UPDATE queue SET ready = ?, urgent = ?, delayed = ?, waiting = ?, reserved = ?, buried = ?,
         leaving = ?, leaving_bytes = ?, bytes = ?, puts = ?, gone = ?, used = ? WHERE no = ?`,
        queue.ready,
        queue.urgent,
        queue.delayed,
        queue.waiting,
        queue.reserved,
        queue.buried,
        queue.leaving,
        queue.leavingBytes,
        queue.bytes,
        queue.puts,
        queue.gone,
        queue.used,
        queue.no,
      )
    }
    this.#dirty.length = 0
  }

  /** Forgets implicit queues that were empty since then, at most so many. Whether there may be more. */
  collect(unusedSince: Ms, limit: number): boolean {
    const unused = this.#file.all<[number]>(
      `SELECT no FROM queue WHERE used <= ? AND ready = 0 AND delayed = 0 AND waiting = 0 AND reserved = 0 AND buried = 0
       AND NOT EXISTS (SELECT 1 FROM record WHERE key = 'queue/' || name AND value IS NOT NULL)
       AND NOT EXISTS (SELECT 1 FROM claim WHERE queue = no) AND NOT EXISTS (SELECT 1 FROM history WHERE history.queue = queue.no) LIMIT +?`,
      unusedSince,
      limit,
    )
    for (const [no] of unused) {
      this.#file.run('DELETE FROM queue WHERE no = ?', no)
      const queue = this.#byNo.get(no)
      if (queue) this.#forget(queue)
    }
    if (unused.length === limit) return true
    // Those that others have forgotten.
    for (const queue of this.#byName.values()) if (queue.used <= unusedSince) this.fresh(queue)
    return false
  }

  /** After a rollback. */
  reset(): void {
    for (const queue of this.#dirty) queue.dirty = false
    this.#dirty.length = 0
    this.#byName.clear()
    this.#byNo.clear()
    this.#last = undefined
  }

  #load(by: 'name' | 'no', value: string | number): SqliteQueue | undefined {
    const found = this.#file.get<[number, Queue]>(`SELECT no, name FROM queue WHERE ${by} = ?`, value)
    if (!found) return undefined
    const queue = new SqliteQueue(...found)
    this.#byName.set(queue.name, queue)
    this.#byNo.set(queue.no, queue)
    return queue
  }

  #forget(queue: SqliteQueue): void {
    this.#onStale(queue)
    this.#byName.delete(queue.name)
    this.#byNo.delete(queue.no)
    if (this.#last === queue) this.#last = undefined
  }

  #record(key: string): string | null | undefined {
    return this.#file.get<[string | null]>('SELECT value FROM record WHERE key = ?', key)?.[0]
  }
}

type Counters = [
  ready: number,
  urgent: number,
  delayed: number,
  waiting: number,
  reserved: number,
  buried: number,
  leaving: number,
  leavingBytes: number,
  bytes: number,
  puts: number,
  gone: number,
  used: number,
]
