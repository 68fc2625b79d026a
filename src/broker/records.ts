import { UnavailableError } from '../errors.ts'
import type { Op, Store, StoreRecord, Unit } from '../stores/store.ts'
import type { Session } from './broker.ts'

/** The store's records, as far as this process has heard of them. */
export class Records {
  readonly #store: Store
  readonly #records = new Map<string, StoreRecord>()
  readonly #watchers = new Set<{ prefix: string; on: (keys: readonly string[]) => void }>()
  #version = 0
  #reading: Promise<void> | undefined
  #again = false

  constructor(store: Store) {
    this.#store = store
  }

  get(key: string): StoreRecord | undefined {
    return this.#records.get(key)
  }

  *list(prefix: string): Iterable<StoreRecord> {
    for (const [key, record] of this.#records) if (key.startsWith(prefix)) yield record
  }

  /** Calls with the keys of records that begin so and have changed. Returns the way to call it off. */
  watch(prefix: string, on: (keys: readonly string[]) => void): () => void {
    const watcher = { prefix, on }
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** Resolves when all that had changed before the call is known. */
  async refresh(): Promise<void> {
    if (this.#reading) {
      this.#again = true
      return this.#reading
    }
    this.#reading = this.#read()
    try {
      await this.#reading
    } finally {
      this.#reading = undefined
    }
  }

  /** Records whose moment has come. */
  due(keys: readonly string[]): void {
    if (keys.length > 0) this.#tell(keys)
  }

  async #read(): Promise<void> {
    do {
      this.#again = false
      const { version, changed, deleted, all } = await this.#store.records(this.#version)
      this.#version = version
      if (all) {
        const there = new Set(changed.map((record) => record.key))
        for (const key of this.#records.keys()) if (!there.has(key)) deleted.push(key)
      }
      for (const record of changed) this.#records.set(record.key, record)
      for (const key of deleted) this.#records.delete(key)
      this.#tell([...changed.map((record) => record.key), ...deleted])
    } while (this.#again)
  }

  #tell(keys: readonly string[]): void {
    for (const { prefix, on } of [...this.#watchers]) {
      const watched = keys.filter((key) => key.startsWith(prefix))
      if (watched.length > 0) on(watched)
    }
  }
}

/**
 * Changes records together, whatever others change at the same time: where somebody came between, once more, on what is there then.
 * @param change answers all their values; undefined takes one away. Where none is another than before, nothing is written
 * @returns what `change` answered
 * @throws UnavailableError, and what `change` throws
 */
export async function changeRecords<T extends readonly unknown[]>(
  session: Pick<Session, 'commit'>,
  records: Pick<Records, 'get' | 'refresh'>,
  keys: { readonly [K in keyof T]: string },
  change: (old: T) => T,
  durability: Pick<Unit, 'unsynced'> = {},
): Promise<T> {
  for (;;) {
    await records.refresh()
    const old = keys.map((key) => records.get(key))
    const values = change(old.map((record) => record?.value) as unknown as T)
    if (old.every((record, i) => record?.value === values[i])) return values
    const ops = keys.map((key, i): Op => ({ do: 'record', key, value: values[i], version: old[i]?.version ?? 0 }))
    const results = await session.commit({ ops, ...(ops.length > 1 && { refused: 'undo' }), ...durability })
    const refusal = results.find((result) => !result.ok && result.why !== 'skipped')
    if (!refusal) return values
    if (!refusal.ok && refusal.why !== 'conflict')
      throw new UnavailableError(`The store refused to change ${keys.join(' and ')} (${refusal.why}). Try again.`)
  }
}

/** `changeRecords` for one. */
export async function changeRecord<T, New extends T | undefined>(
  session: Pick<Session, 'commit'>,
  records: Pick<Records, 'get' | 'refresh'>,
  key: string,
  change: (old: T | undefined) => New,
  durability?: Pick<Unit, 'unsynced'>,
): Promise<New> {
  const [value] = await changeRecords<[unknown]>(session, records, [key], ([old]) => [change(old as T)], durability)
  return value as New
}
