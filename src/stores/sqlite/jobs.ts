import type { SQLInputValue } from 'node:sqlite'
import type { Fence, JobId, Ms, State } from '../../job.ts'
import { keyOf, KEYS, type Order, type Position } from '../machine/page.ts'
import type { Row } from '../machine/row.ts'
import type { Selection } from '../machine/table.ts'
import type { Connection } from './connection.ts'
import { sessionsOf } from './holder.ts'
import { BODY_OF, CODES, COLUMNS, type Columns } from './rows.ts'

/** Jobs in the file, looked up by what the cache has no order of: moments, gates, who holds them. What the commit has changed by now is written first. */
export class Jobs {
  readonly #file: Connection
  readonly #flush: () => void
  readonly #load: (columns: Columns) => Row

  /**
   * @param flush writes what the commit has changed by now
   * @param load the row of these columns, as the cache has it
   */
  constructor(file: Connection, flush: () => void, load: (columns: Columns) => Row) {
    this.#file = file
    this.#flush = flush
    this.#load = load
  }

  /** @param after only those behind it */
  list(
    queue: number,
    state: Exclude<State, 'finished'>,
    order: Order,
    limit: number,
    where: Selection | undefined,
    after: Position | undefined,
  ): Row[] {
    this.#flush()
    const { sql, values } = filter(where)
    const from = after ? keyOf(after, order) : []
    const rest = after ? ` AND (${KEYS[order].join()}) > (${from.map(() => '?').join()})` : ''
    return this.#find(
      `queue = ? AND state = ${CODES[state]}${sql}${rest} ORDER BY ${KEYS[order].join()}`,
      [queue, ...values, ...from],
      Number.isFinite(limit) ? limit : -1,
    )
  }

  /** The rank of the first ready one, but this, of its queue and priority. */
  firstRank({ queue, pri, id }: Row): number | undefined {
    this.#flush()
    return this.#file.get<[number]>(
      'SELECT rank FROM job WHERE queue = ? AND state = 0 AND pri = ? AND id <> ? ORDER BY rank LIMIT 1',
      queue.no,
      pri,
      id,
    )?.[0]
  }

  due(now: Ms, limit: number): Row[] {
    this.#flush()
    const timed = [1, 2].flatMap((state) => this.#find(`state = ${state} AND at <= ? ORDER BY at, id`, [now], limit))
    timed.sort((a, b) => a.at - b.at || a.id - b.id)
    const expired = this.#find('expires <= ? AND expires IS NOT NULL AND state <> 1 ORDER BY expires, id', [now], limit)
    return [...new Set([...timed, ...expired])].slice(0, limit)
  }

  parked(gate: string, queue: number, limit: number): Row[] {
    this.#flush()
    return this.#find('gate = ? AND queue = ? ORDER BY pri, rank, id', [gate, queue], limit, `${COLUMNS}, body`)
  }

  /** Leased by the process of that slot. */
  leased(slot: number, limit: number): Row[] {
    this.#flush()
    return this.#find('state = 1 AND session BETWEEN ? AND ?', sessionsOf(slot), limit)
  }

  lease(id: JobId, n: Fence): { cancelled: boolean } | undefined {
    const sql = "SELECT more ->> '$.cancelled' FROM job WHERE id = ? AND n = ? AND state = 1"
    const found = this.#file.get<[number | null]>(sql, id, n)
    return found && { cancelled: found[0] === 1 }
  }

  deadLetters(limit: number, after: number): Row[] {
    this.#flush()
    return this.#find('dead IS NOT NULL AND at > ? ORDER BY at', [after], limit)
  }

  /** @param limit negative: all */
  #find(where: string, values: SQLInputValue[], limit: number, columns = COLUMNS): Row[] {
    return this.#file
      .all<Columns>(`SELECT ${columns} FROM job WHERE ${where} LIMIT +?`, ...values, limit)
      .map((found) => this.#load(found))
  }
}

/** Whether a unique key is this one, within its queue or its group; to be bound to `keyValues`. */
export function isKey(unique: string, group: string): string {
  return `${unique} IN ('queue' || ?, 'group' || char(0) || coalesce(${group}, '') || ?)`
}

export function keyValues(key: string): SQLInputValue[] {
  return [`\0${key}`, `\0${key}`]
}

/** What else a selection asks than queue and state, to stand behind these. */
export function filter(where: Selection | undefined): { sql: string; values: SQLInputValue[] } {
  let sql = ''
  const values: SQLInputValue[] = []
  const add = (condition: string, value: SQLInputValue | undefined) => {
    if (value === undefined) return
    sql += ` AND ${condition}`
    values.push(value)
  }
  if (where?.died) sql += " AND more ->> '$.deaths' IS NOT NULL"
  add('id <= ?', where?.upTo)
  add(`more ->> '$.name' = ?`, where?.name)
  if (where?.key !== undefined) {
    sql += ` AND ${isKey("more ->> '$.unique.key'", 'coalesce(grp, fair)')}`
    values.push(...keyValues(where.key))
  }
  add(`instr(${BODY_OF}, ?) > 0`, where?.match === undefined ? undefined : Buffer.from(where.match))
  return { sql, values }
}
