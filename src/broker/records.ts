import type { Store, StoreRecord } from '../stores/store.ts'

/** The store's records, as far as this process has heard of them. */
export class Records {
  readonly #store: Store
  readonly #records = new Map<string, StoreRecord>()
  readonly #watchers = new Set<{ prefix: string; on: () => void }>()
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

  /** Calls when records whose keys begin so have changed. Returns the way to call it off. */
  watch(prefix: string, on: () => void): () => void {
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
      const { version, changed, deleted } = await this.#store.records(this.#version)
      this.#version = version
      for (const record of changed) this.#records.set(record.key, record)
      for (const key of deleted) this.#records.delete(key)
      this.#tell([...changed.map((record) => record.key), ...deleted])
    } while (this.#again)
  }

  #tell(keys: readonly string[]): void {
    for (const { prefix, on } of [...this.#watchers]) if (keys.some((key) => key.startsWith(prefix))) on()
  }
}
