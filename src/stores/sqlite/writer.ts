/** Writes rows back that a commit changed: what is alike in one statement, what has nothing special in a short one. */
import type { SQLInputValue } from 'node:sqlite'
import type { Bytes, JobId, Ms } from '../../job.ts'
import type { Row } from '../machine/row.ts'
import type { Connection } from './connection.ts'
import { NumberedHolder } from './holder.ts'
import { otherInserts, readyInserts, reservedInserts, type Inserts } from './inserts.ts'
import { BODY_OF, columnsOf, gatesOf, INLINE, isPlain } from './rows.ts'
import { spansOf } from './spans.ts'

/** A statement for rows that follow one another, and the same for any. */
interface ForIds {
  span: string
  list: string
}

const TAKE_ROWS =
  'UPDATE job SET state = 1, at = ?1, session = ?2, n = max(n + 1, ?3), reserves = reserves + 1, first = iif(first = 0, ?4, first)'
const TAKE = forIds(TAKE_ROWS)
const TAKE_FROM_GATES = forIds(`${TAKE_ROWS}, gate = NULL, begun = ?4`)
const RELEASE = forIds('UPDATE job SET state = 0, gate = NULL')
const DELETE = forIds('DELETE FROM job')
const DELETE_BODY = forIds('DELETE FROM body')

export class Writer {
  readonly #file: Connection
  readonly #firstFence: number
  readonly #ready: Inserts
  readonly #reserved: Inserts
  readonly #others: Inserts

  /** @param firstFence the smallest fence of this opening of the file */
  constructor(file: Connection, firstFence: number) {
    this.#file = file
    this.#firstFence = firstFence
    this.#ready = readyInserts(file)
    this.#reserved = reservedInserts(file)
    this.#others = otherInserts(file)
  }

  /** The rows from this one on. Which of them are stored, and gone, is so afterwards. */
  write(rows: readonly Row[], from: number, now: Ms): void {
    const gone: Row[] = []
    let taken: Taken | undefined
    let takenFromGates: Taken | undefined
    const released: Row[] = []
    const fresh: Row[] = []
    for (let i = from; i < rows.length; i++) {
      const row = rows[i] as Row
      row.visited = false
      const { change } = row
      if (change === 'none') continue
      if (change === 'gone') {
        if (row.stored) gone.push(row)
        continue
      }
      row.change = 'none'
      if (change === 'taken')
        if (row.gates || row.begun !== 0) takenFromGates = noted(takenFromGates, row)
        else taken = noted(taken, row)
      else if (change === 'released') released.push(row)
      else if (row.stored) this.#update(row)
      else fresh.push(row)
    }
    this.#delete(gone)
    if (taken) this.#takeAll(TAKE, taken, now)
    if (takenFromGates) this.#takeAll(TAKE_FROM_GATES, takenFromGates, now)
    if (released.length > 0) this.#forAll(RELEASE, idsOf(released))
    this.#insertAll(fresh)
  }

  bodyOf(row: Row): Bytes {
    return (
      row.body ?? this.#file.get<[Bytes]>(`SELECT ${BODY_OF} FROM job WHERE id = ?`, row.id)?.[0] ?? new Uint8Array()
    )
  }

  /** @param values of the statement, before those that say which rows */
  #forAll({ span, list }: ForIds, ids: JobId[], ...values: SQLInputValue[]): void {
    const { spans, rest } = spansOf(ids)
    for (const { first, last } of spans) this.#file.run(span, ...values, first, last)
    if (rest.length > 0) this.#file.run(list, ...values, `[${rest.join()}]`)
  }

  #delete(rows: Row[]): void {
    if (rows.length === 0) return
    this.#forAll(DELETE, idsOf(rows))
    // One that was rewritten may have had a larger body.
    const apart = rows.filter((row) => row.size > INLINE || row.rewritten)
    if (apart.length > 0) this.#forAll(DELETE_BODY, idsOf(apart))
  }

  #takeAll(statement: ForIds, taken: Taken, now: Ms): void {
    for (const [holder, byDeadline] of taken)
      for (const [until, ids] of byDeadline)
        this.#forAll(statement, ids, until, holder instanceof NumberedHolder ? holder.no : null, this.#firstFence, now)
  }

  #insertAll(rows: readonly Row[]): void {
    this.#ready.begin()
    this.#reserved.begin()
    this.#others.begin()
    for (const row of rows) {
      row.stored = true
      row.rewritten = false
      if (row.size > INLINE) this.#file.run('INSERT INTO body (id, body) VALUES (?, ?)', row.id, row.body as Bytes)
      this.#insertsFor(row).add(row)
    }
    this.#ready.end()
    this.#reserved.end()
    this.#others.end()
  }

  #insertsFor(row: Row): Inserts {
    if (!isPlain(row)) return this.#others
    if (row.state === 'ready' && row.n === 0 && row.reserves === 0) return this.#ready
    return row.state === 'reserved' && row.reserves === 1 && row.holder instanceof NumberedHolder
      ? this.#reserved
      : this.#others
  }

  #update(row: Row): void {
    this.#file.run(
      `UPDATE job SET queue = ?, pri = ?, rank = ?, state = ?, at = ?, lease = ?, n = ?, session = ?, reserves = ?, failures = ?, delay = ?, put = ?,
       first = ?, dead = ?, fair = ?, turn = ?, expires = ?, grp = ?, more = ? WHERE id = ?`,
      ...columnsOf(row),
      row.id,
    )
    if (row.rewritten) this.#rewrite(row, this.bodyOf(row))
    else if (row.gates || row.begun !== 0)
      this.#file.run('UPDATE job SET gate = ?, begun = ? WHERE id = ?', row.parked ?? null, row.begun || null, row.id)
  }

  #rewrite(row: Row, body: Bytes): void {
    row.rewritten = false
    this.#file.run('DELETE FROM body WHERE id = ?', row.id)
    const apart = body.length > INLINE
    if (apart) this.#file.run('INSERT INTO body (id, body) VALUES (?, ?)', row.id, body)
    this.#file.run(
      'UPDATE job SET gates = ?, gate = ?, begun = ?, size = ?, envelope = ?, body = ? WHERE id = ?',
      ...gatesOf(row),
      apart ? body.length : null,
      row.envelope ?? null,
      apart ? null : body,
      row.id,
    )
  }
}

/** Ids by who holds them, and until when. */
type Taken = Map<Row['holder'], Map<Ms, number[]>>

function noted(taken: Taken | undefined, row: Row): Taken {
  taken ??= new Map<Row['holder'], Map<Ms, number[]>>()
  let byDeadline = taken.get(row.holder)
  if (!byDeadline) taken.set(row.holder, (byDeadline = new Map<Ms, number[]>()))
  const ids = byDeadline.get(row.at)
  if (ids) ids.push(row.id)
  else byDeadline.set(row.at, [row.id])
  return taken
}

function idsOf(rows: readonly Row[]): JobId[] {
  return rows.map(({ id }) => id)
}

function forIds(sql: string): ForIds {
  return { span: `${sql} WHERE id BETWEEN ? AND ?`, list: `${sql} WHERE id IN (SELECT value FROM json_each(?))` }
}
