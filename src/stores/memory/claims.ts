import type { Ms } from '../../job.ts'
import { Heap } from '../../heap.ts'
import type { IdMap } from '../../id-map.ts'
import type { QueueRow } from '../machine/queue.ts'
import type { Row } from '../machine/row.ts'
import type { Claim, ClaimTable } from '../machine/table.ts'
import type { Held, MemoryQueue } from './queue.ts'
import type { Undoing } from './undo.ts'

/** Unique keys and who has them. Each queue has its own. */
export class Claims implements ClaimTable {
  /** Those that end at a moment. */
  readonly #windows = new Heap<Held>((a, b) => (a.for as Ms) < (b.for as Ms))
  readonly #rows: IdMap<Row>
  readonly #undoing: Undoing

  constructor(rows: IdMap<Row>, undoing: Undoing) {
    this.#rows = rows
    this.#undoing = undoing
  }

  get(queue: QueueRow, key: string): Claim | undefined {
    return (queue as MemoryQueue).claims.get(key)
  }

  set(queue: QueueRow, key: string, claim: Claim | undefined): void {
    const { claims } = queue as MemoryQueue
    const old = claims.get(key)
    this.#put(claims, key, claim && { ...claim, claims, key, slot: -1 })
    this.#undoing()?.push(() => this.#put(claims, key, old))
  }

  collect(now: Ms, limit: number): void {
    const kept: Held[] = []
    for (; limit > 0; limit--) {
      const held = this.#windows.first
      if (!held || (held.for as Ms) > now) break
      this.#windows.remove(held)
      if (this.#rows.get(held.id)?.more?.after === undefined) held.claims.delete(held.key)
      else kept.push(held)
    }
    for (const held of kept) this.#windows.push(held)
  }

  #put(claims: Map<string, Held>, key: string, held: Held | undefined): void {
    const old = claims.get(key)
    if (old && old.slot >= 0) this.#windows.remove(old)
    if (!held) return void claims.delete(key)
    claims.set(key, held)
    if (typeof held.for === 'number') this.#windows.push(held)
  }
}
