import type { Ms } from '../../job.ts'
import { KNOWN } from '../machine/record.ts'
import type { RecordTable } from '../machine/table.ts'
import type { StoreRecord } from '../store.ts'
import type { Connection } from './connection.ts'
import type { Holders } from './holders.ts'
import type { Mark } from './mark.ts'

/** Policies, pauses, and what brokers keep. A deleted one stays for a while as a row without a value, so that others learn of it. */
export class Records implements RecordTable {
  readonly #file: Connection
  readonly #mark: Mark
  readonly #holders: Holders

  constructor(file: Connection, mark: Mark, holders: Holders) {
    this.#file = file
    this.#mark = mark
    this.#holders = holders
  }

  get changes(): number {
    return this.#mark.records
  }

  get(key: string): StoreRecord | undefined {
    const found = this.#file.get<[string, number]>(
      'SELECT value, version FROM record WHERE key = ? AND value IS NOT NULL',
      key,
    )
    return found && { key, value: JSON.parse(found[0]), version: found[1] }
  }

  set(key: string, value: unknown, session: string | undefined, at: Ms | undefined): number {
    const version = this.#mark.nextRecord()
    if (value === undefined) {
      this.#file.run(
        'UPDATE record SET value = NULL, version = ?, session = NULL, at = NULL WHERE key = ?',
        version,
        key,
      )
      this.#forget(version - KNOWN)
      return version
    }
    this.#file.run(
      'INSERT OR REPLACE INTO record (key, value, version, session, at) VALUES (?, ?, ?, ?, ?)',
      key,
      JSON.stringify(value),
      version,
      session === undefined ? null : this.#holders.get(session).no,
      at ?? null,
    )
    if (at !== undefined) this.#mark.sooner(at)
    return version
  }

  /** Rows of what was deleted up to this version are taken out. */
  #forget(upTo: number): void {
    const newest = this.#file.get<[number]>(
      'SELECT version FROM record WHERE value IS NULL AND version <= ? ORDER BY version DESC LIMIT 1',
      upTo,
    )?.[0]
    if (newest === undefined) return
    this.#file.run('DELETE FROM record WHERE value IS NULL AND version <= ?', newest)
    this.#file.run('UPDATE mark SET forgotten = ? WHERE k = 1', newest)
  }

  any(prefix: string): boolean {
    const end = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
    return (
      this.#file.get('SELECT 1 FROM record WHERE key >= ? AND key < ? AND value IS NOT NULL LIMIT 1', prefix, end) !==
      undefined
    )
  }

  ofSession(session: string): string[] {
    const no = this.#holders.find(session)?.no
    return no === undefined ? [] : this.ofSessions(no, no)
  }

  /** Keys of records that are bound to a session numbered so. */
  ofSessions(from: number, to: number): string[] {
    return this.#file
      .all<[string]>('SELECT key FROM record WHERE session BETWEEN ? AND ?', from, to)
      .map(([key]) => key)
  }

  due(now: Ms, limit: number, prefix: string): string[] {
    if (this.#mark.soonest > now) return []
    const keys = this.#file
      .all<[string]>(
        'SELECT key FROM record WHERE at <= ? AND substr(key, 1, ?) = ? ORDER BY at, key LIMIT +?',
        now,
        prefix.length,
        prefix,
        limit,
      )
      .map(([key]) => key)
    for (const key of keys) this.#file.run('UPDATE record SET at = NULL WHERE key = ?', key)
    return keys
  }
}
