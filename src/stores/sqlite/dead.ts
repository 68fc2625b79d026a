import type { Row } from '../machine/row.ts'
import type { Jobs } from './jobs.ts'
import { sessionsOf } from './holder.ts'
import type { Records } from './records.ts'
import type { Roster } from './roster.ts'

/** Processes that died: their leases are to come back, and then nothing is left of them. */
export class Dead {
  /** By slot; the name tells them from who gets the slot after them. */
  readonly #names = new Map<number, string>()
  readonly #roster: Roster
  readonly #records: Records
  readonly #jobs: Jobs
  readonly #onStruck: () => void

  constructor(roster: Roster, records: Records, jobs: Jobs, onStruck: () => void) {
    this.#roster = roster
    this.#records = records
    this.#jobs = jobs
    this.#onStruck = onStruck
  }

  get size(): number {
    return this.#names.size
  }

  has(slot: number): boolean {
    return this.#names.has(slot)
  }

  add(slot: number, name: string): void {
    this.#names.set(slot, name)
  }

  /** Jobs that they had reserved. Who has none left is struck off. */
  orphans(limit: number): Row[] {
    const rows: Row[] = []
    for (const [slot, name] of this.#names) {
      if (!this.#roster.has(slot, name)) {
        // Another process has seen to it, and the slot may be somebody else's by now.
        this.#names.delete(slot)
        continue
      }
      rows.push(...this.#jobs.leased(slot, limit - rows.length))
      if (rows.length >= limit) return rows
      this.strike(slot)
    }
    return rows
  }

  /** A process is dead and has no lease left, or this one goes. */
  strike(slot: number): void {
    for (const key of this.#records.ofSessions(...sessionsOf(slot)))
      this.#records.set(key, undefined, undefined, undefined)
    this.#roster.strike(slot)
    this.#names.delete(slot)
    this.#onStruck()
  }
}
