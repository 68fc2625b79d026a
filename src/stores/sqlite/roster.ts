import type { Queue } from '../../job.ts'
import type { Connection } from './connection.ts'
import { SESSIONS } from './holder.ts'
import type { StoreProcess } from '../store.ts'
import type { ProcessRow } from './processes.ts'

/** Which processes have the file open, and for which queues each waits, as the file says. */
export class Roster {
  readonly #file: Connection
  readonly #slot: number

  constructor(file: Connection, slot: number) {
    this.#file = file
    this.#slot = slot
  }

  others(): ProcessRow[] {
    return this.#file
      .all<[number, string]>('SELECT slot, name FROM process WHERE slot <> ?', this.#slot)
      .map(([slot, name]) => ({ slot, name }))
  }

  /** @param dead slots of those that are still in the file, and have died */
  views(dead: { has(slot: number): boolean }): StoreProcess[] {
    const waits = Map.groupBy(this.#file.all<[number, Queue]>('SELECT slot, queue FROM waiter'), ([slot]) => slot)
    const jobs = new Map(
      this.#file.all<[number, number]>(
        `SELECT session / ${SESSIONS}, count(*) FROM job WHERE state = 1 AND session IS NOT NULL GROUP BY 1`,
      ),
    )
    return this.#file
      .all<[number, string, number]>('SELECT slot, name, pid FROM process ORDER BY slot')
      .filter(([slot]) => !dead.has(slot))
      .map(([slot, name, pid]) => ({
        name,
        pid,
        waits: (waits.get(slot) ?? []).map(([, queue]) => queue).sort(),
        jobs: jobs.get(slot) ?? 0,
        self: slot === this.#slot,
      }))
  }

  has(slot: number, name: string): boolean {
    return this.#file.get('SELECT 1 FROM process WHERE slot = ? AND name = ?', slot, name) !== undefined
  }

  /** Slots of other processes that wait for jobs of one of these queues, and of which. */
  waiters(queues: Iterable<{ name: Queue }>): Map<number, Queue[]> {
    const waiters = new Map<number, Queue[]>()
    for (const { name } of queues)
      for (const [slot] of this.#file.all<[number]>(
        'SELECT slot FROM waiter WHERE queue = ? AND slot <> ?',
        name,
        this.#slot,
      )) {
        const known = waiters.get(slot)
        if (known) known.push(name)
        else waiters.set(slot, [name])
      }
    return waiters
  }

  /** Slots of other processes in which somebody follows the events. */
  followers(): number[] {
    return this.#file
      .all<[number]>(
        `SELECT DISTINCT session / ${SESSIONS} FROM record WHERE key >= 'follow/' AND key < 'follow0' AND session IS NOT NULL`,
      )
      .map(([slot]) => slot)
      .filter((slot) => slot !== this.#slot)
  }

  /** This process waits for these, and for no others. */
  setWaits(queues: readonly Queue[]): void {
    this.#file.run('DELETE FROM waiter WHERE slot = ?', this.#slot)
    for (const queue of queues)
      this.#file.run('INSERT OR IGNORE INTO waiter (queue, slot) VALUES (?, ?)', queue, this.#slot)
  }

  /** A process has gone and left nothing: its slot may be given out again. */
  strike(slot: number): void {
    this.#file.run('DELETE FROM waiter WHERE slot = ?', slot)
    this.#file.run('DELETE FROM process WHERE slot = ?', slot)
    this.#file.run('UPDATE mark SET processes = processes + 1')
  }
}
