import type { JobId, Ms, Queue } from '../../job.ts'
import type { QueueRow } from '../machine/queue.ts'
import type { Row } from '../machine/row.ts'
import type { Claim, ClaimTable } from '../machine/table.ts'
import type { MemoryQueue } from './queue.ts'
import type { Undoing } from './undo.ts'

/** Unique keys and who has them. Each queue has its own. */
export class Claims implements ClaimTable {
  readonly #queues: ReadonlyMap<Queue, MemoryQueue>
  readonly #rows: ReadonlyMap<JobId, Row>
  readonly #undoing: Undoing

  constructor(queues: ReadonlyMap<Queue, MemoryQueue>, rows: ReadonlyMap<JobId, Row>, undoing: Undoing) {
    this.#queues = queues
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
  }

  collect(now: Ms, limit: number): void {
    for (const { claims } of this.#queues.values())
      for (const [key, claim] of claims) {
        if (--limit < 0) return
        const over = typeof claim.for === 'number' && claim.for <= now
        if (over && this.#rows.get(claim.id)?.more?.after === undefined) claims.delete(key)
      }
  }
}

function put(claims: Map<string, Claim>, key: string, claim: Claim | undefined): void {
  if (claim) claims.set(key, claim)
  else claims.delete(key)
}
