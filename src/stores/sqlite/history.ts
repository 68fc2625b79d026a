import type { SQLInputValue } from 'node:sqlite'
import type { Ms } from '../../job.ts'
import { NEVER, type Finished } from '../machine/row.ts'
import type { HistoryTable } from '../machine/table.ts'
import { viewOf } from '../machine/view.ts'
import type { Connection } from './connection.ts'
import { policyOf } from './queue.ts'
import type { Writer } from './writer.ts'

/** Finished jobs that are kept to look at: by their queue's policy, or for their result. */
export class History implements HistoryTable {
  readonly #file: Connection
  readonly #writer: Writer
  soonest: Ms = NEVER

  constructor(file: Connection, writer: Writer) {
    this.#file = file
    this.#writer = writer
  }

  add({ row, outcome, until }: Finished): void {
    if (until !== undefined) this.soonest = Math.min(this.soonest, until)
    const { result, error, ...rest } = outcome
    this.#file.run(
      'INSERT INTO history (job, queue, name, ended, outcome, job_view, result, error, envelope, body, until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      row.id,
      row.queue.no,
      row.more?.name ?? null,
      outcome.at,
      JSON.stringify(rest),
      JSON.stringify({ ...viewOf(row, outcome.at, undefined), envelope: undefined, error: undefined }),
      result ?? null,
      error ?? null,
      row.envelope ?? null,
      this.#writer.bodyOf(row),
      until ?? null,
    )
  }

  /** After a rollback what was collected is there again: it is looked for soon. */
  doubt(): void {
    this.soonest = 0
  }

  collect(now: Ms, limit: number): void {
    this.#forget('SELECT no FROM history WHERE until <= ? AND until IS NOT NULL LIMIT +?', now, limit)
    this.soonest = this.#file.get<[Ms | null]>('SELECT min(until) FROM history WHERE until IS NOT NULL')?.[0] ?? NEVER
  }

  trim(now: Ms, limit: number): void {
    const kept = this.#file.all<[number, string]>(
      `SELECT queue.no, record.value FROM record JOIN queue ON queue.name = substr(record.key, 7)
       WHERE record.key >= 'queue/' AND record.key < 'queue0' AND record.value ->> '$.keep' IS NOT NULL`,
    )
    for (const [no, value] of kept) {
      const { ms, jobs } = policyOf(value)?.keep ?? {}
      if (ms !== undefined)
        this.#forget(
          'SELECT no FROM history WHERE queue = ? AND ended <= ? AND until IS NULL ORDER BY no LIMIT +?',
          no,
          now - ms,
          limit,
        )
      if (jobs !== undefined)
        this.#forget(
          `SELECT no FROM history WHERE queue = ?1 AND until IS NULL AND no <= coalesce((SELECT no FROM history WHERE queue = ?1 AND until IS NULL
           ORDER BY no DESC LIMIT 1 OFFSET ?2), -1) ORDER BY no LIMIT +?3`,
          no,
          jobs,
          limit,
        )
    }
  }

  /** Deletes what the query names, with its notes. */
  #forget(query: string, ...values: SQLInputValue[]): void {
    const gone = this.#file.all<[number, number]>(
      `DELETE FROM history WHERE no IN (${query}) RETURNING no, job`,
      ...values,
    )
    if (gone.length > 0)
      this.#file.run(
        'DELETE FROM note WHERE job IN (SELECT value FROM json_each(?))',
        JSON.stringify(gone.map(([, job]) => job)),
      )
  }
}
