import type { JobId, Ms } from '../../job.ts'
import { Heap } from '../machine/heap.ts'
import type { QueueRow } from '../machine/queue.ts'
import type { Row } from '../machine/row.ts'
import type { Claim, ClaimTable } from '../machine/table.ts'
import type { MemoryQueue } from './queue.ts'
import type { Undoing } from './undo.ts'

/** A key that somebody has for a while, by its end. */
interface Window {
  readonly claims: Map<string, Claim>
  readonly key: string
  readonly claim: Claim
  readonly until: Ms
  slot: number
}

/** Unique keys and who has them. Each queue has its own. */
export class Claims implements ClaimTable {
  readonly #windows = new Heap<Window>((a, b) => a.until < b.until)
  readonly #rows: ReadonlyMap<JobId, Row>
  readonly #undoing: Undoing

  constructor(rows: ReadonlyMap<JobId, Row>, undoing: Undoing) {
    this.#rows = rows
    this.#undoing = undoing
  }

  get(queue: QueueRow, key: string): Claim | undefined {
    return (queue as MemoryQueue).claims.get(key)
  }

  set(queue: QueueRow, key: string, claim: Claim | undefined): void {
    const { claims } = queue as MemoryQueue
    const old = claims.get(key)
    put(claims, key, claim)
    this.#undoing()?.push(() => put(claims, key, old))
    if (typeof claim?.for === 'number') this.#windows.push({ claims, key, claim, until: claim.for, slot: -1 })
  }

  collect(now: Ms, limit: number): void {
    const kept: Window[] = []
    for (; limit > 0; limit--) {
      const window = this.#windows.first
      if (!window || window.until > now) break
      this.#windows.remove(window)
      const { claims, key, claim } = window
      if (claims.get(key) !== claim) continue
      if (this.#rows.get(claim.id)?.more?.after === undefined) claims.delete(key)
      else kept.push(window)
    }
    for (const window of kept) this.#windows.push(window)
  }
}

function put(claims: Map<string, Claim>, key: string, claim: Claim | undefined): void {
  if (claim) claims.set(key, claim)
  else claims.delete(key)
}
