import type { Ms } from '../../job.ts'
import { Heap } from '../machine/heap.ts'
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
  readonly #byKey = new Map<string, Kept>()
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
    return this.#byKey.get(key)
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
    return version
  }

  /** How to make it again what it is now. */
  #save(key: string): () => void {
    const old = this.#byKey.get(key)
    const deleted = this.#deleted.get(key)
    const version = this.#version
    return () => {
      this.changes++
      this.#version = version
      this.#put(key, old)
      if (deleted !== undefined) this.#deleted.set(key, deleted)
    }
  }

  any(prefix: string): boolean {
    for (const key of this.#byKey.keys()) if (key.startsWith(prefix)) return true
    return false
  }

  ofSession(session: string): string[] {
    return [...this.#byKey.values()].filter((record) => record.session === session).map((record) => record.key)
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
    const changed: StoreRecord[] = []
    for (const { key, value, version: own, session } of this.#byKey.values())
      if (own > from)
        changed.push({ key, value: structuredClone(value), version: own, ...(session !== undefined && { session }) })
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

  #put(key: string, record: Kept | undefined): void {
    const old = this.#byKey.get(key)
    if (old && old.slot >= 0) this.#timed.remove(old)
    this.#deleted.delete(key)
    if (!record) return void this.#byKey.delete(key)
    this.#byKey.set(key, record)
    if (record.at !== NEVER) this.#timed.push(record)
  }
}
