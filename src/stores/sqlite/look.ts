/** Reading without taking: pages of jobs, statistics, records. Each statement runs to its end, so that no reader holds the log back. */
import type { SQLInputValue } from 'node:sqlite'
import type { Bytes, JobId, Ms, Outcome, Queue, Where } from '../../job.ts'
import { keyText, parseKey } from '../machine/page.ts'
import { statsOf, viewOf, type Views } from '../machine/view.ts'
import { NEVER, type Row } from '../machine/row.ts'
import type { JobView, Look, QueueStats, RecordChanges, StoreLimit, StoreRecord } from '../store.ts'
import type { Connection } from './connection.ts'
import { GATE, gateOf, type GateColumns } from './gates.ts'
import { filter, isKey, keyValues } from './jobs.ts'
import { noteOf, NOTES_OF, type NoteColumns } from './notes.ts'
import { policyOf, SqliteQueue } from './queue.ts'
import { BODY, BODY_OF, CODES, COLUMNS, rowOf, type Columns } from './rows.ts'

const ORDERS = {
  take: { columns: 'pri, rank, id', key: (c: Columns) => [c[2], c[3], c[0]] },
  due: { columns: 'at, id', key: (c: Columns) => [c[5], c[0]] },
  buried: { columns: 'at, id', key: (c: Columns) => [c[5], c[0]] },
  id: { columns: 'id', key: (c: Columns) => [c[0]] },
} as const

const COUNTERS = ['ready', 'urgent', 'delayed', 'waiting', 'reserved', 'buried', 'bytes', 'puts', 'gone'] as const
/** A queue, with its policy, its pause and its counters. */
const QUEUE = `no, name, (SELECT value FROM record WHERE key = 'queue/' || name), (SELECT value FROM record WHERE key = 'pause/' || name),
  ${COUNTERS.join()}`
type QueueColumns = [no: number, name: Queue, policy: string | null, pause: string | null, ...counters: number[]]
type StatsColumns = [headPut: number | null, ...QueueColumns]
/** When the ready job was put that is taken next; null: there is none. */
const HEAD_PUT = 'iif(ready = 0, NULL, (SELECT put FROM job WHERE queue = no AND state = 0 ORDER BY pri, rank LIMIT 1))'

export class Reader {
  readonly #file: Connection
  readonly #now: () => Ms
  readonly #session: (no: number) => string | undefined

  /** @param session the name of this process's session of that number */
  constructor(file: Connection, now: () => Ms, session: (no: number) => string | undefined) {
    this.#file = file
    this.#now = now
    this.#session = session
  }

  look(at: Look): { jobs: JobView[]; after?: string } {
    const page = this.#look(at)
    if (at.with?.includes('notes'))
      for (const job of page.jobs) job.notes = this.#file.all<NoteColumns>(NOTES_OF, job.id).map(noteOf)
    return page
  }

  /** Over all keys of a limit; what a queue counts for itself isn't one. */
  limits(): StoreLimit[] {
    return this.#file
      .all<[string, number, number, number]>(
        `SELECT CASE instr(name, '/') WHEN 0 THEN name ELSE substr(name, 1, instr(name, '/') - 1) END AS own,
       sum(running), sum(parked), sum(instr(name, '/') > 0 AND running + parked > 0)
       FROM gate WHERE name NOT LIKE '/%' GROUP BY own ORDER BY own`,
      )
      .map(([name, running, parked, keys]) => ({ name, running, parked, keys }))
  }

  #look({ id, ids, where, order = 'take', after, limit, with: parts }: Look): { jobs: JobView[]; after?: string } {
    const body = parts?.includes('body') === true
    const columns = body ? `${COLUMNS}, ${BODY_OF}` : COLUMNS
    if (id !== undefined) {
      const found = this.#file.all<Columns>(`SELECT ${columns} FROM job WHERE id = ?`, id)
      return {
        jobs: found.length > 0 ? found.map((one) => this.#view(one)) : this.#finished('job = ?', [id], 1, body).jobs,
      }
    }
    if (ids) return { jobs: this.#several(ids, columns, body) }
    const queue = where && this.#queue('name', where.queue)
    if (!where || !queue) return { jobs: [] }
    if (where.states.includes('finished')) return this.#history(queue, where, after, limit, body)

    const { columns: orderBy, key } = ORDERS[order]
    const { sql, values } = filter(where)
    const from = after === undefined ? [] : parseKey(after)
    const rest = from.length > 0 ? ` AND (${orderBy}) > (${from.map(() => '?').join()})` : ''
    const states = queue.inhabited(where.states).map((state) => CODES[state])
    if (states.length === 0) return { jobs: [] }
    const found = this.#file.all<Columns>(
      `SELECT ${columns} FROM job WHERE queue = ? AND ${states.length === 1 ? `state = ${states[0]}` : `state IN (${states.join()})`}${sql}${rest}
       ORDER BY ${orderBy} LIMIT +?`,
      queue.no,
      ...values,
      ...from,
      limit + 1,
    )
    const page = found.slice(0, limit)
    const last = page.at(-1)
    return {
      jobs: page.map((one) => this.#view(one, queue)),
      ...(last && found.length > limit && { after: keyText(key(last)) }),
    }
  }

  #several(ids: readonly JobId[], columns: string, body: boolean): JobView[] {
    const listed = '(SELECT value FROM json_each(?))'
    const jobs = this.#file
      .all<Columns>(`SELECT ${columns} FROM job WHERE id IN ${listed}`, JSON.stringify(ids))
      .map((one) => this.#view(one))
    const here = new Set(jobs.map((job) => job.id))
    const others = ids.filter((id) => !here.has(id))
    if (others.length > 0)
      jobs.push(...this.#finished(`job IN ${listed}`, [JSON.stringify(others)], others.length, body).jobs)
    return jobs
  }

  stats(names?: Queue[]): QueueStats[] {
    const now = this.#now()
    const sql = `SELECT ${HEAD_PUT}, ${QUEUE} FROM queue`
    const found = names
      ? names.flatMap((name) => this.#file.all<StatsColumns>(`${sql} WHERE name = ?`, name))
      : this.#file.all<StatsColumns>(`${sql} ORDER BY no`)
    return found.map(([headPut, ...columns]) => statsOf(queueOf(columns), now, headPut ?? undefined))
  }

  records(since: number): RecordChanges {
    const [version, forgotten] = this.#file.all<[number, number]>('SELECT records, forgotten FROM mark')[0] as [
      number,
      number,
    ]
    const all = since === 0 || since < forgotten
    const changed: StoreRecord[] = []
    const deleted: string[] = []
    for (const [key, value, version, session] of this.#file.all<[string, string | null, number, number | null]>(
      `SELECT key, value, version, session FROM record WHERE version > ? ${all ? 'AND value IS NOT NULL' : ''}`,
      all ? 0 : since,
    ))
      if (value === null) deleted.push(key)
      else
        changed.push({
          key,
          value: JSON.parse(value),
          version,
          ...(session !== null && { session: this.#session(session) ?? `${session}` }),
        })
    return { version, changed, deleted, all }
  }

  #view(columns: Columns, queue = this.#queue('no', columns[1]) as SqliteQueue): JobView {
    const row = rowOf(columns, queue)
    const session = columns[8]
    const view = viewOf(row, this.#now(), columns[BODY] ?? undefined, this.#views)
    return session === null
      ? view
      : { ...view, holder: this.#session(session) ?? `process ${Math.floor(session / 2 ** 36)}` }
  }

  readonly #views: Views = {
    headOf: (row, group) => this.#headOf(row, group),
    gate: (name) => gateOf(name, this.#file.all<GateColumns>(`SELECT ${GATE} FROM gate WHERE name = ?`, name)[0]),
    record: (key) => {
      const [found] = this.#file.all<[string | null]>('SELECT value FROM record WHERE key = ?', key)
      return found?.[0] ? (JSON.parse(found[0]) as unknown) : undefined
    },
  }

  #headOf(row: Row, group: string): JobId | undefined {
    return this.#file.all<[number]>(
      'SELECT id FROM job WHERE queue = ? AND grp = ? AND grp IS NOT NULL AND state <> 3 ORDER BY rank LIMIT 1',
      row.queue.no,
      group,
    )[0]?.[0]
  }

  #history(
    queue: SqliteQueue,
    where: Where,
    after: string | undefined,
    limit: number,
    body: boolean,
  ): { jobs: JobView[]; after?: string } {
    let sql = 'queue = ? AND no < ?'
    const values: SQLInputValue[] = [queue.no, after === undefined ? NEVER : (parseKey(after)[0] as number)]
    const add = (condition: string, value: SQLInputValue | undefined) => {
      if (value === undefined) return
      sql += ` AND ${condition}`
      values.push(value)
    }
    add('job <= ?', where.upTo)
    add('name = ?', where.name)
    if (where.key !== undefined) {
      sql += ` AND ${isKey("job_view ->> '$.unique'", "job_view ->> '$.group'")}`
      values.push(...keyValues(where.key))
    }
    add('instr(body, ?) > 0', where.match === undefined ? undefined : Buffer.from(where.match))
    return this.#finished(sql, values, limit, body)
  }

  #finished(where: string, values: SQLInputValue[], limit: number, body: boolean): { jobs: JobView[]; after?: string } {
    const found = this.#file.all<[number, string, string, Bytes | null, Bytes | null, Bytes | null, Bytes]>(
      `SELECT no, job_view, outcome, result, error, envelope, body FROM history WHERE ${where} ORDER BY no DESC LIMIT +?`,
      ...values,
      limit + 1,
    )
    const page = found.slice(0, limit)
    const last = page.at(-1)
    return {
      jobs: page.map(([, view, outcome, result, error, envelope, bytes]) => ({
        ...viewFrom(view),
        state: 'finished',
        outcome: {
          ...(JSON.parse(outcome) as Outcome & { at: Ms }),
          ...(result && { result }),
          ...(error && { error }),
        },
        ...(envelope && { envelope }),
        ...(body && { body: bytes }),
      })),
      ...(last && found.length > limit && { after: String(last[0]) }),
    }
  }

  #queue(by: 'name' | 'no', value: string | number): SqliteQueue | undefined {
    const [found] = this.#file.all<QueueColumns>(`SELECT ${QUEUE} FROM queue WHERE ${by} = ?`, value)
    return found && queueOf(found)
  }
}

/** What the history has of a job, without what is there to find it by. */
function viewFrom(text: string): JobView {
  const {
    unique: _unique,
    error,
    ...view
  } = JSON.parse(text) as Omit<JobView, 'error'> & { unique?: string; error?: string }
  return { ...view, ...(error !== undefined && { error: new Uint8Array(Buffer.from(error, 'base64')) }) }
}

function queueOf([no, name, policy, pause, ...counters]: QueueColumns): SqliteQueue {
  const queue = new SqliteQueue(no, name)
  for (const [i, counter] of COUNTERS.entries()) queue[counter] = counters[i] as number
  queue.policy = policyOf(policy)
  queue.pausedUntil = Number(pause ?? 0)
  return queue
}
