import type { Ms } from '../../job.ts'
import { Heap } from '../../heap.ts'
import { NEVER } from '../machine/row.ts'
import { KNOWN } from '../machine/record.ts'
import type { RecordTable } from '../machine/table.ts'
import type { RecordChanges, StoreRecord } from '../store.ts'
import type { Undoing } from './undo.ts'

interface Kept extends StoreRecord {
  /** When it is due, or NEVER. */
  at: Ms
  slot: number
}

/** Policies, pauses, and what brokers keep. */
export class Records implements RecordTable {
  readonly #undoing: Undoing
  /** By what its key begins with, up to the first slash. */
  readonly #kinds = new Map<string, Map<string, Kept>>()
  /** Keys of those that are bound to a session. */
  readonly #bySession = new Map<string, Set<string>>()
  /** In the order of their versions; some have been changed or deleted since. */
  #written: Kept[] = []
  /** Those with a moment at which they are due. */
  readonly #timed = new Heap<Kept>((a, b) => a.at < b.at || (a.at === b.at && a.key < b.key))
  /** Versions of the deleted ones, so that others learn of it. */
  readonly #deleted = new Map<string, number>()
  /** Up to this version, it isn't known any more which were deleted. */
  #forgotten = 0
  #version = 0
  /** Changes that were taken back count as well. */
  changes = 0

  constructor(undoing: Undoing) {
    this.#undoing = undoing
  }

  get version(): number {
    return this.#version
  }

  get soonest(): Ms {
    return this.#timed.first?.at ?? NEVER
  }

  get(key: string): StoreRecord | undefined {
    return this.#find(key)
  }

  set(key: string, value: unknown, session: string | undefined, at: Ms | undefined): number {
    this.#undoing()?.push(this.#save(key))
    const version = ++this.#version
    this.changes++
    if (value === undefined) {
      this.#put(key, undefined)
      this.#deleted.set(key, version)
      this.#forget(version - KNOWN)
      return version
    }
    const kept: Kept = { key, value: structuredClone(value), version, at: at ?? NEVER, slot: -1 }
    if (session !== undefined) kept.session = session
    this.#put(key, kept)
    this.#written.push(kept)
    return version
  }

  /** How to make it again what it is now. */
  #save(key: string): () => void {
    const old = this.#find(key)
    const deleted = this.#deleted.get(key)
    const version = this.#version
    return () => {
      this.changes++
      this.#version = version
      this.#written.length = this.#after(version)
      this.#put(key, old)
      if (deleted !== undefined) this.#deleted.set(key, deleted)
    }
  }

  any(prefix: string): boolean {
    for (const [kind, records] of this.#kinds)
      if (kind.startsWith(prefix)) return true
      else if (prefix.startsWith(kind)) for (const key of records.keys()) if (key.startsWith(prefix)) return true
    return false
  }

  ofSession(session: string): string[] {
    return [...(this.#bySession.get(session) ?? [])]
  }

  /** Those whose moment has come; it is forgotten by this. */
  due(now: Ms, limit: number, prefix: string): string[] {
    const due: Kept[] = []
    for (const record of this.#timed.inOrder()) {
      if (record.at > now || due.length >= limit) break
      if (record.key.startsWith(prefix)) due.push(record)
    }
    for (const record of due) {
      this.#timed.remove(record)
      record.at = NEVER
    }
    return due.map(({ key }) => key)
  }

  since(version: number): RecordChanges {
    const all = version === 0 || version < this.#forgotten
    const from = all ? 0 : version
    this.#forgetChanged()
    const changed = this.#written
      .slice(this.#after(from))
      .filter((record) => this.#find(record.key) === record)
      .map(({ key, value, version, session }) => ({
        key,
        value: structuredClone(value),
        version,
        ...(session !== undefined && { session }),
      }))
    const deleted = all ? [] : [...this.#deleted].filter(([, own]) => own > from).map(([key]) => key)
    return { version: this.#version, changed, deleted, all }
  }

  /** Of what was deleted up to this version, nothing is kept. */
  #forget(upTo: number): void {
    for (const [key, version] of this.#deleted) {
      if (version > upTo) return
      this.#deleted.delete(key)
      this.#forgotten = Math.max(this.#forgotten, version)
    }
  }

  /** Those of `#written` that were changed or deleted are taken out when they are the most. Never while a unit may yet be undone. */
  #forgetChanged(): void {
    let size = 0
    for (const records of this.#kinds.values()) size += records.size
    if (this.#written.length > 2 * size) this.#written = this.#written.filter((one) => this.#find(one.key) === one)
  }

  /** Where those begin in `#written` that were written after this version. */
  #after(version: number): number {
    return this.#written.findLastIndex((record) => record.version <= version) + 1
  }

  #find(key: string): Kept | undefined {
    return this.#kinds.get(kindOf(key))?.get(key)
  }

  #put(key: string, record: Kept | undefined): void {
    const old = this.#find(key)
    if (old) this.#remove(old)
    this.#deleted.delete(key)
    if (!record) return
    const kind = kindOf(key)
    const records = this.#kinds.get(kind) ?? new Map<string, Kept>()
    this.#kinds.set(kind, records.set(key, record))
    if (record.session !== undefined)
      this.#bySession.set(record.session, (this.#bySession.get(record.session) ?? new Set()).add(key))
    if (record.at !== NEVER) this.#timed.push(record)
  }

  #remove(record: Kept): void {
    const { key, session } = record
    const kind = kindOf(key)
    const records = this.#kinds.get(kind)
    if (records?.delete(key) && records.size === 0) this.#kinds.delete(kind)
    const bound = session === undefined ? undefined : this.#bySession.get(session)
    if (session !== undefined && bound?.delete(key) && bound.size === 0) this.#bySession.delete(session)
    if (record.slot >= 0) this.#timed.remove(record)
  }
}

function kindOf(key: string): string {
  return key.slice(0, key.indexOf('/') + 1)
}
