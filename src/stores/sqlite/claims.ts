import type { Ms } from '../../job.ts'
import type { QueueRow } from '../machine/queue.ts'
import type { Claim, ClaimTable } from '../machine/table.ts'
import type { Connection } from './connection.ts'

/** Unique keys and who has them. */
export class Claims implements ClaimTable {
  readonly #file: Connection

  constructor(file: Connection) {
    this.#file = file
  }

  get(queue: QueueRow, key: string): Claim | undefined {
    const found = this.#file.get<[number, 'waiting' | 'unfinished' | null, number | null]>(
      'SELECT job, until, expires FROM claim WHERE queue = ? AND key = ?',
      queue.no,
      key,
    )
    return found && { id: found[0], for: found[1] ?? (found[2] as number) }
  }

  set(queue: QueueRow, key: string, claim: Claim | undefined): void {
    if (!claim) return this.#file.run('DELETE FROM claim WHERE queue = ? AND key = ?', queue.no, key)
    const window = typeof claim.for === 'number'
    this.#file.run(
      'INSERT OR REPLACE INTO claim (queue, key, job, until, expires) VALUES (?, ?, ?, ?, ?)',
      queue.no,
      key,
      claim.id,
      window ? null : claim.for,
      window ? claim.for : null,
    )
  }

  collect(now: Ms, limit: number): void {
    this.#file.all(
      `DELETE FROM claim WHERE (queue, key) IN (SELECT queue, key FROM claim WHERE expires <= ? AND expires IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM job WHERE job.id = claim.job AND job.more ->> '$.after' IS NOT NULL) LIMIT +?) RETURNING 1`,
      now,
      limit,
    )
  }
}
