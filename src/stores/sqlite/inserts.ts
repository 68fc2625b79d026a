/** Inserts rows that are alike. */
import type { SQLInputValue } from 'node:sqlite'
import type { Row } from '../machine/row.ts'
import type { Connection } from './connection.ts'
import { columnsOf, gatesOf, moreOrNull, INLINE, sessionOf } from './rows.ts'

/**
 * So many rows are inserted by one statement: the table and its ten indexes are opened once for them. Its variables have no numbers: SQLite looks for those
 * in a list, again for each that is bound.
 */
const TOGETHER = 8

/** A row's values from `at` on, in the order of the columns. */
type Fill = (values: SQLInputValue[], at: number, row: Row) => void

export class Inserts {
  readonly #file: Connection
  readonly #fill: Fill
  readonly #width: number
  readonly #one: string
  readonly #several: string
  /** Of the rows that wait for their statement. Made once, since it would be most of the garbage that a put leaves behind. */
  readonly #values: SQLInputValue[]
  #size = 0

  /** @param alike columns that have the same `values` in each row */
  constructor(file: Connection, columns: string, fill: Fill, alike = '', values = '') {
    this.#file = file
    this.#fill = fill
    this.#width = columns.split(',').length
    const row = `(${Array(this.#width).fill('?').join()}${values})`
    const into = `INSERT INTO job (${columns}${alike}) VALUES`
    this.#one = `${into} ${row}`
    this.#several = `${into} ${Array(TOGETHER).fill(row).join()}`
    this.#values = Array<SQLInputValue>(this.#width * TOGETHER).fill(null)
  }

  /** None waits, whatever became of those before. */
  begin(): void {
    this.#size = 0
  }

  add(row: Row): void {
    this.#fill(this.#values, this.#size, row)
    this.#size += this.#width
    if (this.#size < this.#values.length) return
    this.#size = 0
    this.#file.runAll(this.#several, this.#values)
  }

  /** Inserts those that wait. */
  end(): void {
    for (let from = 0; from < this.#size; from += this.#width)
      this.#file.runAll(this.#one, this.#values.slice(from, from + this.#width))
  }
}

/** Jobs as they are put. */
export const readyInserts = (file: Connection): Inserts =>
  new Inserts(
    file,
    'id, queue, pri, rank, lease, put, expires, grp, more, size, envelope, body',
    (values, at, row) => {
      values[at++] = row.id
      values[at++] = row.queue.no
      values[at++] = row.pri
      values[at++] = row.rank
      values[at++] = row.lease
      values[at++] = row.put
      fillContent(values, at, row)
    },
    ', state',
    ', 0',
  )

/** Jobs that were put and taken in one transaction. */
export const reservedInserts = (file: Connection): Inserts =>
  new Inserts(
    file,
    'id, queue, pri, rank, at, lease, n, session, put, first, expires, grp, more, size, envelope, body',
    (values, at, row) => {
      values[at++] = row.id
      values[at++] = row.queue.no
      values[at++] = row.pri
      values[at++] = row.rank
      values[at++] = row.at
      values[at++] = row.lease
      values[at++] = row.n
      values[at++] = sessionOf(row)
      values[at++] = row.put
      values[at++] = row.first
      fillContent(values, at, row)
    },
    ', state, reserves',
    ', 1, 1',
  )

/** Any jobs. */
export const otherInserts = (file: Connection): Inserts =>
  new Inserts(
    file,
    'id, queue, pri, rank, state, at, lease, n, session, reserves, failures, delay, put, first, dead, fair, turn, expires, grp, more, gates, gate, begun, size, envelope, body',
    (values, at, row) => {
      values[at++] = row.id
      for (const value of columnsOf(row)) values[at++] = value
      for (const value of gatesOf(row)) values[at++] = value
      fillBody(values, at, row)
    },
  )

/** expires, grp, more, size, envelope, body. */
function fillContent(values: SQLInputValue[], at: number, row: Row): void {
  values[at++] = row.expires || null
  values[at++] = row.group ?? null
  values[at++] = moreOrNull(row)
  fillBody(values, at, row)
}

/** size, envelope, body. */
function fillBody(values: SQLInputValue[], at: number, row: Row): void {
  const apart = row.size > INLINE
  values[at++] = apart ? row.size : null
  values[at++] = row.envelope ?? null
  values[at] = apart ? null : (row.body ?? null)
}
