import type { SQLInputValue } from 'node:sqlite'
import type { Ms } from '../../job.ts'
import { NEVER, type Finished } from '../machine/row.ts'
import type { HistoryTable } from '../machine/table.ts'
import { viewOf } from '../machine/view.ts'
import type { Connection } from './connection.ts'
import { policyOf } from './queue.ts'
import type { Writer } from './writer.ts'

/** Policies, each with its queue; and that it keeps a history. */
const POLICIES =
  "record JOIN queue ON record.key >= 'queue/' AND record.key < 'queue0' AND queue.name = substr(record.key, 7)"
const KEEPS = "record.value ->> '$.keep' IS NOT NULL"

/**
 * To find the first that is one too many, all that a policy keeps are passed over: no more often than when one for so many of them has come. So it may be
 * exceeded by that part.
 */
const PART = 16

/** Finished jobs that are kept to look at: by their queue's policy, or for their result. */
export class History implements HistoryTable {
  readonly #file: Connection
  readonly #writer: Writer
  soonest: Ms = NEVER
  /** Policies up to this version of the records were looked at: what one kept that doesn't any more has left. */
  #trimmed = 0
  /** The newest of a queue when no more lay here than its policy says. */
  readonly #newest = new Map<number, number>()

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
      JSON.stringify({
        ...viewOf(row, outcome.at, undefined),
        envelope: undefined,
        error: row.more?.error && Buffer.from(row.more.error).toString('base64'),
        unique: row.more?.unique?.key,
      }),
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
    this.#trimmed = 0
    this.#newest.clear()
  }

  collect(now: Ms, limit: number): void {
    const over = 'SELECT no FROM history WHERE until <= ? AND until IS NOT NULL ORDER BY until LIMIT +?'
    const keeping = `SELECT queue.no FROM ${POLICIES} WHERE ${KEEPS}`
    const lasting = `UPDATE history SET until = NULL WHERE no IN (${over}) AND queue IN (${keeping}) RETURNING queue`
    for (const [queue] of this.#file.all<[number]>(lasting, now, limit)) this.#newest.delete(queue)
    this.#forget(over, now, limit)
    this.soonest = this.#file.get<[Ms | null]>('SELECT min(until) FROM history WHERE until IS NOT NULL')?.[0] ?? NEVER
  }

  trim(now: Ms, limit: number): void {
    const policies = this.#file.all<[number, string | null, number]>(
      `SELECT queue.no, record.value, record.version FROM ${POLICIES}
       WHERE ${KEEPS} OR (record.version > ? AND EXISTS (SELECT 1 FROM history WHERE history.queue = queue.no))`,
      this.#trimmed,
    )
    let whole = true
    let newest = this.#trimmed
    for (const [no, value, version] of policies) {
      newest = Math.max(newest, version)
      const { ms, jobs } = policyOf(value)?.keep ?? { jobs: 0 }
      if (ms !== undefined)
        this.#forget(
          'SELECT no FROM history WHERE queue = ? AND ended <= ? AND until IS NULL ORDER BY no LIMIT +?',
          no,
          now - ms,
          limit,
        )
      if (jobs === undefined || (version <= this.#trimmed && this.#fewSince(no, Math.floor(jobs / PART)))) continue
      const gone = this.#forget(
        `SELECT no FROM history WHERE queue = ?1 AND until IS NULL AND no <= coalesce((SELECT no FROM history WHERE queue = ?1 AND until IS NULL
           ORDER BY no DESC LIMIT 1 OFFSET ?2), -1) ORDER BY no LIMIT +?3`,
        no,
        jobs,
        limit,
      )
      whole &&= gone < limit
      if (gone < limit)
        this.#newest.set(no, this.#file.value('SELECT coalesce(max(no), 0) FROM history WHERE queue = ?', no))
    }
    if (whole) this.#trimmed = newest
  }

  /** Whether fewer than so many came to the queue's since no more lay here than its policy says. */
  #fewSince(queue: number, most: number): boolean {
    const newest = this.#newest.get(queue)
    if (newest === undefined || most === 0) return false
    const came = 'SELECT count(*) FROM (SELECT 1 FROM history WHERE queue = ? AND no > ? LIMIT +?)'
    return this.#file.value(came, queue, newest, most) < most
  }

  /** Deletes what the query names, with its notes. Returns how many there were. */
  #forget(query: string, ...values: SQLInputValue[]): number {
    const gone = this.#file.all<[number, number]>(
      `DELETE FROM history WHERE no IN (${query}) RETURNING no, job`,
      ...values,
    )
    if (gone.length > 0)
      this.#file.run(
        'DELETE FROM note WHERE job IN (SELECT value FROM json_each(?))',
        JSON.stringify(gone.map(([, job]) => job)),
      )
    return gone.length
  }
}
