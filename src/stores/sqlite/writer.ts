/** Writes rows back that a commit changed: what is alike in one statement, what has nothing special in a short one. */
import type { Bytes, Ms } from '../../job.ts'
import type { Row } from '../machine/row.ts'
import type { Connection } from './connection.ts'
import { NumberedHolder } from './holder.ts'
import { BODY_OF, columnsOf, INLINE, isPlain } from './rows.ts'

export class Writer {
  readonly #file: Connection
  readonly #firstFence: number

  /** @param firstFence the smallest fence of this opening of the file */
  constructor(file: Connection, firstFence: number) {
    this.#file = file
    this.#firstFence = firstFence
  }

  /** The rows from this one on. Which of them are stored, and gone, is so afterwards. */
  write(rows: readonly Row[], from: number, now: Ms): void {
    const gone: Row[] = []
    const taken: Taken = new Map()
    const takenFromGates: Taken = new Map()
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
      if (change === 'taken') note(row.gates || row.begun !== 0 ? takenFromGates : taken, row)
      else if (change === 'released') released.push(row)
      else if (row.stored) this.#update(row)
      else fresh.push(row)
    }
    this.#delete(gone)
    this.#takeAll(taken, now, '')
    this.#takeAll(takenFromGates, now, ', gate = NULL, begun = ?4')
    if (released.length > 0)
      this.#file.run(
        'UPDATE job SET state = 0, gate = NULL WHERE id IN (SELECT value FROM json_each(?))',
        idsOf(released),
      )
    for (const row of fresh) this.#insert(row)
  }

  bodyOf(row: Row): Bytes {
    return (
      row.body ?? this.#file.get<[Bytes]>(`SELECT ${BODY_OF} FROM job WHERE id = ?`, row.id)?.[0] ?? new Uint8Array()
    )
  }

  #delete(rows: Row[]): void {
    const apart = rows.filter((row) => row.size > INLINE)
    if (rows.length === 1) this.#file.run('DELETE FROM job WHERE id = ?', (rows[0] as Row).id)
    else if (rows.length > 1)
      this.#file.run('DELETE FROM job WHERE id IN (SELECT value FROM json_each(?))', idsOf(rows))
    if (apart.length > 0) this.#file.run('DELETE FROM body WHERE id IN (SELECT value FROM json_each(?))', idsOf(apart))
  }

  #takeAll(taken: Taken, now: Ms, also: string): void {
    for (const [holder, byDeadline] of taken)
      for (const [until, ids] of byDeadline)
        this.#file.run(
          `UPDATE job SET state = 1, at = ?1, session = ?2, n = max(n + 1, ?3), reserves = reserves + 1, first = iif(first = 0, ?4, first)${also}
           WHERE id IN (SELECT value FROM json_each(?5))`,
          until,
          holder instanceof NumberedHolder ? holder.no : null,
          this.#firstFence,
          now,
          `[${ids.join()}]`,
        )
  }

  #insert(row: Row): void {
    row.stored = true
    row.rewritten = false
    const { size, holder } = row
    let body = row.body as Bytes | null
    if (size > INLINE) {
      this.#file.run('INSERT INTO body (id, body) VALUES (?, ?)', row.id, body)
      body = null
    }
    const apart = body ? null : size
    const plain = isPlain(row)
    if (plain && row.state === 'ready' && row.reserves === 0)
      this.#file.run(
        'INSERT INTO job (id, queue, pri, rank, state, lease, put, size, body) VALUES (?1, ?2, ?3, ?1, 0, ?4, ?5, ?6, ?7)',
        row.id,
        row.queue.no,
        row.pri,
        row.lease,
        row.put,
        apart,
        body,
      )
    else if (plain && row.state === 'reserved' && row.reserves === 1 && holder instanceof NumberedHolder)
      this.#file.run(
        `INSERT INTO job (id, queue, pri, rank, state, at, lease, n, session, reserves, put, first, size, body)
         VALUES (?1, ?2, ?3, ?1, 1, ?4, ?5, ?6, ?7, 1, ?8, ?9, ?10, ?11)`,
        row.id,
        row.queue.no,
        row.pri,
        row.at,
        row.lease,
        row.n,
        holder.no,
        row.put,
        row.first,
        apart,
        body,
      )
    else
      this.#file.run(
        `INSERT INTO job (id, queue, pri, rank, state, at, lease, n, session, reserves, failures, delay, put, first, expires, dead, grp, more, fair, turn, gates, gate, begun, size, envelope, body)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        row.id,
        ...columnsOf(row, sessionOf(row)),
        row.gates ? JSON.stringify(row.gates) : null,
        row.parked ?? null,
        row.begun || null,
        apart,
        row.envelope ?? null,
        body,
      )
  }

  #update(row: Row): void {
    this.#file.run(
      `UPDATE job SET queue = ?, pri = ?, rank = ?, state = ?, at = ?, lease = ?, n = ?, session = ?, reserves = ?, failures = ?, delay = ?, put = ?,
       first = ?, expires = ?, dead = ?, grp = ?, more = ?, fair = ?, turn = ? WHERE id = ?`,
      ...columnsOf(row, sessionOf(row)),
      row.id,
    )
    if (row.gates || row.begun !== 0)
      this.#file.run('UPDATE job SET gate = ?, begun = ? WHERE id = ?', row.parked ?? null, row.begun || null, row.id)
    if (row.rewritten) this.#rewrite(row, this.bodyOf(row))
  }

  #rewrite(row: Row, body: Bytes): void {
    row.rewritten = false
    this.#file.run('DELETE FROM body WHERE id = ?', row.id)
    const apart = body.length > INLINE
    if (apart) this.#file.run('INSERT INTO body (id, body) VALUES (?, ?)', row.id, body)
    this.#file.run(
      'UPDATE job SET size = ?, envelope = ?, body = ? WHERE id = ?',
      apart ? body.length : null,
      row.envelope ?? null,
      apart ? null : body,
      row.id,
    )
  }
}

/** Ids by who holds them, and until when. */
type Taken = Map<Row['holder'], Map<Ms, number[]>>

function note(taken: Taken, row: Row): void {
  let byDeadline = taken.get(row.holder)
  if (!byDeadline) taken.set(row.holder, (byDeadline = new Map<Ms, number[]>()))
  const ids = byDeadline.get(row.at)
  if (ids) ids.push(row.id)
  else byDeadline.set(row.at, [row.id])
}

function sessionOf(row: Row): number | null {
  return row.state === 'reserved' && row.holder instanceof NumberedHolder ? row.holder.no : null
}

function idsOf(rows: readonly Row[]): string {
  return `[${rows.map((row) => row.id).join()}]`
}
