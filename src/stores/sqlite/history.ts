import type { Bytes, Ms } from '../../job.ts'
import type { Finished } from '../machine/row.ts'
import { viewOf } from '../machine/view.ts'
import type { Connection } from './connection.ts'
import { policyOf } from './queue.ts'

/** Finished jobs that a queue's policy keeps to look at. */
export class History {
  readonly #file: Connection

  constructor(file: Connection) {
    this.#file = file
  }

  add({ row, outcome }: Finished, body: Bytes): void {
    const { result, error, ...rest } = outcome
    this.#file.run(
      'INSERT INTO history (job, queue, name, ended, outcome, job_view, result, error, envelope, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      row.id,
      row.queue.no,
      row.more?.name ?? null,
      outcome.at,
      JSON.stringify(rest),
      JSON.stringify({ ...viewOf(row, outcome.at, undefined), envelope: undefined, error: undefined }),
      result ?? null,
      error ?? null,
      row.envelope ?? null,
      body,
    )
  }

  collect(now: Ms, limit: number): void {
    const kept = this.#file.all<[number, string]>(
      `SELECT queue.no, record.value FROM record JOIN queue ON queue.name = substr(record.key, 7)
       WHERE record.key >= 'queue/' AND record.key < 'queue0' AND record.value ->> '$.keep' IS NOT NULL`,
    )
    for (const [no, value] of kept) {
      const { ms, jobs } = policyOf(value)?.keep ?? {}
      if (ms !== undefined)
        this.#file.run(
          'DELETE FROM history WHERE no IN (SELECT no FROM history WHERE queue = ? AND ended <= ? ORDER BY no LIMIT ?)',
          no,
          now - ms,
          limit,
        )
      if (jobs !== undefined)
        this.#file.run(
          `DELETE FROM history WHERE no IN (SELECT no FROM history WHERE queue = ?1 AND no <= coalesce((SELECT no FROM history WHERE queue = ?1
           ORDER BY no DESC LIMIT 1 OFFSET ?2), -1) ORDER BY no LIMIT ?3)`,
          no,
          jobs,
          limit,
        )
    }
  }
}
