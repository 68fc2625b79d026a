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
    const taken = new Map<Row['holder'], Map<Ms, number[]>>()
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
      if (change === 'taken') note(taken, row)
      else if (row.stored) this.#update(row)
      else fresh.push(row)
    }
    this.#delete(gone)
    for (const [holder, byDeadline] of taken)
      for (const [at, ids] of byDeadline) this.#take(ids, at, holder instanceof NumberedHolder ? holder.no : null, now)
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

  #take(ids: number[], until: Ms, session: number | null, now: Ms): void {
    this.#file.run(
      `UPDATE job SET state = 1, at = ?, session = ?, n = max(n + 1, ?), reserves = reserves + 1, first = iif(first = 0, ?, first)
       WHERE id IN (SELECT value FROM json_each(?))`,
      until,
      session,
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
        `INSERT INTO job (id, queue, pri, rank, state, at, lease, n, session, reserves, failures, delay, put, first, expires, dead, grp, more, size, envelope, body)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        row.id,
        ...columnsOf(row, sessionOf(row)),
        apart,
        row.envelope ?? null,
        body,
      )
  }

  #update(row: Row): void {
    this.#file.run(
      `UPDATE job SET queue = ?, pri = ?, rank = ?, state = ?, at = ?, lease = ?, n = ?, session = ?, reserves = ?, failures = ?, delay = ?, put = ?,
       first = ?, expires = ?, dead = ?, grp = ?, more = ? WHERE id = ?`,
      ...columnsOf(row, sessionOf(row)),
      row.id,
    )
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

function note(taken: Map<Row['holder'], Map<Ms, number[]>>, row: Row): void {
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
