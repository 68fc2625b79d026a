import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { Bytes, JobId, Ms, Queue, State, Where } from '../../job.ts'
import type { StoreRecord } from '../store.ts'
import type { QueueRow } from '../machine/queue.ts'
import { FENCES, type Finished, type Row } from '../machine/row.ts'
import type { Claim, Table } from '../machine/table.ts'
import { Claims } from './claims.ts'
import { Connection } from './connection.ts'
import { History } from './history.ts'
import { NumberedHolder, sessionsOf } from './holder.ts'
import { Holders } from './holders.ts'
import { Mark } from './mark.ts'
import type { SqliteQueue } from './queue.ts'
import { Queues } from './queues.ts'
import { Records } from './records.ts'
import { Roster } from './roster.ts'
import { BODY_OF, CODES, COLUMNS, INLINE, rowOf, type Columns } from './rows.ts'
import { Writer } from './writer.ts'

/** The window on a queue's ready jobs: at most so many rows are fetched at once, so many are kept, and bodies up to so many bytes with them. */
const REACH = 1024
const WINDOW = 4096
/** So many rows all windows together hold; past it they are dropped and fetched anew. */
const WINDOWS = 65_536
/**
 * The rows of a store in an SQLite file, behind a cache that is written back at the end of each commit. What was put and taken in one commit touches the
 * index of ready jobs not at all. The cache holds while nobody else writes to the file: `begin` asks.
 */
export class SqliteTable implements Table {
  readonly file: Connection
  readonly slot: number
  readonly epoch: number
  /** Processes that died, by slot: their leases are to come back. The name tells them from who gets the slot after them. */
  readonly dead = new Map<number, string>()
  /** The moment of the commit that runs. */
  now: Ms = 0
  /** Called when other processes came or went. */
  onProcesses: () => void = () => undefined

  readonly mark: Mark
  readonly holders: Holders
  readonly roster: Roster
  readonly #queues: Queues
  readonly #writer: Writer
  readonly #claims: Claims
  readonly #records: Records
  readonly #history: History
  #dataVersion = -1
  #seenVersion = -1

  readonly #rows = new Map<JobId, Row>()
  /** Rows to be looked at when the commit ends: written, or forgotten. */
  #visited: Row[] = []
  #flushed = 0
  #windowed = 0
  /** The cache of leases was dropped: the holders' lists are not whole. */
  #forgot = false

  constructor(db: DatabaseSync, slot: number, epoch: number) {
    this.file = new Connection(db)
    this.slot = slot
    this.epoch = epoch
    this.mark = new Mark(this.file)
    this.holders = new Holders(slot)
    this.roster = new Roster(this.file, slot)
    this.#queues = new Queues(this.file, this.mark, (queue) => this.#doubt(queue))
    this.#writer = new Writer(this.file, epoch * FENCES)
    this.#claims = new Claims(this.file)
    this.#records = new Records(this.file, this.mark)
    this.#history = new History(this.file)
  }

  // ------------------------------------------------------------------ the commit around the machine

  /** After BEGIN IMMEDIATE: drops what others may have changed. */
  begin(): void {
    this.mark.lowered = undefined
    const version = this.file.value('PRAGMA data_version')
    if (version === this.#dataVersion) return
    this.#dataVersion = version
    this.#queues.doubt()
    this.#readMark()
  }

  /** Whether another connection has committed since this was last asked, or since the last commit. */
  othersWrote(): boolean {
    const version = this.file.value('PRAGMA data_version')
    const wrote = version !== this.#seenVersion
    this.#seenVersion = version
    return wrote
  }

  /** Writes back all that the commit changed. */
  end(): void {
    this.flush()
    this.mark.write()
  }

  /** After COMMIT: forgets the rows that no window and no lease of ours holds. */
  settle(): void {
    for (const row of this.#visited) {
      if (row.change === 'gone') {
        this.#rows.delete(row.id)
        continue
      }
      if (row.state === 'reserved' && row.mine) row.body = undefined
      else if (row.slot < 0) this.#rows.delete(row.id)
      else if (row.size > INLINE) row.body = undefined
    }
    this.#visited = []
    this.#flushed = 0
    this.holders.settle()
    if (this.#windowed > WINDOWS) for (const queue of this.#queues) this.#dropWindow(queue)
  }

  /** After ROLLBACK: nothing in the cache is known to be so. */
  reset(): void {
    for (const queue of this.#queues) this.#dropWindow(queue)
    this.#queues.reset()
    this.#visited = []
    this.#flushed = 0
    this.#forgetLeases()
    this.#rows.clear()
    this.#dataVersion = -1
  }

  flush(): void {
    if (this.#flushed < this.#visited.length) {
      this.#writer.write(this.#visited, this.#flushed, this.now)
      this.#flushed = this.#visited.length
    }
    this.#queues.write()
  }

  // ------------------------------------------------------------------ counters

  next(): number {
    return this.mark.next()
  }

  nextBurial(): number {
    return this.mark.nextBurial()
  }

  above(id: number): void {
    this.mark.above(id)
  }

  bound(): Ms {
    return this.mark.soonest
  }

  soonest(now: Ms): Ms {
    if (this.dead.size > 0) return now
    if (this.mark.soonest <= now) {
      this.flush()
      this.mark.lookAhead()
    }
    return this.mark.soonest
  }

  // ------------------------------------------------------------------ queues

  queue(name: Queue): SqliteQueue | undefined {
    return this.#queues.named(name)
  }

  createQueue(name: Queue, now: Ms): SqliteQueue {
    return this.#queues.create(name, now)
  }

  collectQueues(unusedSince: Ms): void {
    this.flush()
    this.#queues.collect(unusedSince)
  }

  // ------------------------------------------------------------------ rows

  get(id: JobId): Row | undefined {
    let row = this.#rows.get(id)
    if (row && this.#isStale(row)) {
      this.#queues.fresh(row.queue as SqliteQueue)
      row = this.#rows.get(id)
    }
    if (row) return row.change === 'gone' ? undefined : row
    const columns = this.file.get<Columns>(`SELECT ${COLUMNS} FROM job WHERE id = ?`, id)
    return columns && this.#load(columns)
  }

  insert(row: Row): void {
    this.#rows.set(row.id, row)
    this.enter(row)
  }

  leave(row: Row): void {
    const queue = row.queue as SqliteQueue
    if (row.slot >= 0) {
      queue.window.remove(row)
      this.#windowed--
    }
    this.#queues.touched(queue)
    row.fromReady = row.state === 'ready' && row.stored && row.change === 'none'
    if (row.state === 'reserved' && !row.mine) this.mark.meddle()
  }

  enter(row: Row): void {
    const queue = row.queue as SqliteQueue
    this.#queues.touched(queue)
    if (!row.visited) {
      row.visited = true
      this.#visited.push(row)
    }
    switch (row.state) {
      case 'ready':
        row.change = 'changed'
        if (queue.complete || (queue.edge && before(row, queue.edge))) this.#widen(queue, row)
        break
      case 'reserved':
        row.change = row.fromReady ? 'taken' : 'changed'
        row.mine = !(row.holder instanceof NumberedHolder) || row.holder.own
        if (row.at < this.mark.soonest) this.mark.sooner(row.at)
        return
      case 'delayed':
        row.change = 'changed'
        this.mark.sooner(row.at)
        break
      default:
        row.change = 'changed'
    }
    if (row.expires !== 0) this.mark.sooner(row.expires)
  }

  remove(row: Row): void {
    this.#queues.touched(row.queue as SqliteQueue)
    if (!row.visited) {
      row.visited = true
      this.#visited.push(row)
    }
    row.change = 'gone'
    if (!row.stored) this.#rows.delete(row.id)
  }

  bodyOf(row: Row): Bytes {
    return this.#writer.bodyOf(row)
  }

  head(of: QueueRow): Row | undefined {
    const queue = of as SqliteQueue
    const { first } = queue.window
    if (first || queue.complete) return first
    if (queue.ready === 0) {
      queue.complete = true
      return undefined
    }
    this.#fetchWindow(queue)
    return queue.window.first
  }

  list(queue: QueueRow, state: Exclude<State, 'finished'>, limit: number, where?: Where): Row[] {
    this.flush()
    const { sql, values } = filter(where)
    const order = state === 'ready' || state === 'waiting' ? 'pri, rank' : 'at, rank'
    return this.file
      .all<Columns>(
        `SELECT ${COLUMNS} FROM job WHERE queue = ? AND state = ${CODES[state]}${sql} ORDER BY ${order} LIMIT ?`,
        queue.no,
        ...values,
        Number.isFinite(limit) ? limit : -1,
      )
      .map((columns) => this.#load(columns))
  }

  groupHead(queue: QueueRow, group: string): Row | undefined {
    return this.#groupRow('', queue.no, group)
  }

  groupReady(queue: QueueRow, group: string): Row | undefined {
    return this.#groupRow('AND state = 0', queue.no, group)
  }

  groupNext(row: Row): Row | undefined {
    return this.#groupRow('AND rank > ?', row.queue.no, row.group as string, row.rank)
  }

  // ------------------------------------------------------------------ time

  due(now: Ms, limit: number): Row[] {
    if (this.mark.soonest > now) return []
    this.flush()
    const some = (where: string) =>
      this.file
        .all<Columns>(`SELECT ${COLUMNS} FROM job WHERE ${where} LIMIT ?`, now, limit)
        .map((columns) => this.#load(columns))
    const timed = [...some('state = 1 AND at <= ? ORDER BY at, id'), ...some('state = 2 AND at <= ? ORDER BY at, id')]
    timed.sort((a, b) => a.at - b.at || a.id - b.id)
    const expired = some('expires <= ? AND expires IS NOT NULL AND state <> 1 ORDER BY expires, id')
    return [...new Set([...timed, ...expired])].slice(0, limit)
  }

  dueRecords(now: Ms, limit: number, prefix: string): string[] {
    return this.mark.soonest > now ? [] : this.#records.due(now, limit, prefix)
  }

  // ------------------------------------------------------------------ leases and their holders

  holder(session: string): NumberedHolder {
    return this.holders.get(session)
  }

  held(session: string): Row[] {
    const holder = this.holders.find(session)
    if (!holder) return []
    if (this.#forgot) this.#recallLeases()
    const rows = holder.rows().reverse()
    for (const row of rows) this.#queues.fresh(row.queue as SqliteQueue)
    return rows
  }

  forgetHolder(session: string): void {
    this.holders.end(session)
  }

  orphans(limit: number): Row[] {
    const rows: Row[] = []
    for (const [slot, name] of this.dead) {
      if (!this.roster.has(slot, name)) {
        // Another process has seen to it, and the slot may be somebody else's by now.
        this.dead.delete(slot)
        continue
      }
      this.flush()
      const found = this.file.all<Columns>(
        `SELECT ${COLUMNS} FROM job WHERE state = 1 AND session BETWEEN ? AND ? LIMIT ?`,
        ...sessionsOf(slot),
        limit - rows.length,
      )
      rows.push(...found.map((columns) => this.#load(columns)))
      if (rows.length >= limit) return rows
      this.strike(slot)
    }
    return rows
  }

  deadLetters(limit: number, after: number): Row[] {
    this.flush()
    return this.file
      .all<Columns>(`SELECT ${COLUMNS} FROM job WHERE dead IS NOT NULL AND at > ? ORDER BY at LIMIT ?`, after, limit)
      .map((columns) => this.#load(columns))
  }

  // ------------------------------------------------------------------ unique keys, records, history

  claim(queue: QueueRow, key: string): Claim | undefined {
    return this.#claims.get(queue.no, key)
  }

  setClaim(queue: QueueRow, key: string, claim: Claim | undefined): void {
    this.#claims.set(queue.no, key, claim)
  }

  collectClaims(now: Ms, limit: number): void {
    this.#claims.collect(now, limit)
  }

  record(key: string): StoreRecord | undefined {
    return this.#records.get(key)
  }

  setRecord(key: string, value: unknown, session: string | undefined, at: Ms | undefined): number {
    return this.#records.set(key, value, session === undefined ? null : this.holder(session).no, at)
  }

  anyRecord(prefix: string): boolean {
    return this.#records.any(prefix)
  }

  sessionRecords(session: string): string[] {
    const no = this.holders.find(session)?.no
    return no === undefined ? [] : this.#records.ofSessions(no, no)
  }

  keep(finished: Finished): void {
    this.#history.add(finished, this.bodyOf(finished.row))
  }

  collectHistory(now: Ms, limit: number): void {
    this.#history.collect(now, limit)
  }

  // ------------------------------------------------------------------ units that may be undone

  atomic(run: () => boolean): void {
    this.end()
    this.file.exec('SAVEPOINT unit')
    this.holders.settle()
    const done = run()
    if (!done) {
      this.file.exec('ROLLBACK TO unit')
      this.holders.takeBack()
      this.reset()
      this.#queues.doubt()
      this.#dataVersion = this.file.value('PRAGMA data_version')
      this.mark.read(true)
    }
    this.file.exec('RELEASE unit')
  }

  // ------------------------------------------------------------------ inside

  #readMark(): void {
    const { meddled, processes } = this.mark
    this.mark.read(false)
    if (this.mark.meddled !== meddled && meddled >= 0) this.#forgetLeases()
    if (this.mark.processes !== processes) this.onProcesses()
  }

  #forgetLeases(): void {
    this.holders.forgetJobs()
    for (const [id, row] of this.#rows) if (row.state === 'reserved' && !row.visited) this.#rows.delete(id)
    this.#forgot = this.holders.size > 0
  }

  #recallLeases(): void {
    this.flush()
    const [from, to] = sessionsOf(this.slot)
    for (const columns of this.file.all<Columns>(
      `SELECT ${COLUMNS} FROM job WHERE state = 1 AND session BETWEEN ? AND ?`,
      from,
      to,
    ))
      this.#load(columns)
    this.#forgot = false
  }

  /** A process is dead and has no lease left, or this one goes. */
  strike(slot: number): void {
    for (const key of this.#records.ofSessions(...sessionsOf(slot))) this.#records.set(key, undefined, null, undefined)
    this.roster.strike(slot)
    this.dead.delete(slot)
    this.onProcesses()
  }

  #isStale(row: Row): boolean {
    return this.#queues.isDoubted(row.queue as SqliteQueue)
  }

  #load(columns: Columns): Row {
    const known = this.#rows.get(columns[0])
    if (known && !this.#isStale(known)) return known
    const queue = this.#queues.numbered(columns[1])
    const still = this.#rows.get(columns[0])
    if (still) return still
    const row = rowOf(columns, queue)
    this.#rows.set(row.id, row)
    const session = columns[8]
    if (row.state === 'reserved' && session !== null) {
      const holder = this.holders.numbered(session)
      holder.add(row)
      row.mine = holder.own
    }
    row.visited = true
    this.#visited.push(row)
    return row
  }

  #groupRow(and: string, ...values: SQLInputValue[]): Row | undefined {
    this.flush()
    const columns = this.file.get<Columns>(
      `SELECT ${COLUMNS} FROM job WHERE queue = ? AND grp = ? AND grp IS NOT NULL AND state <> 3 ${and} ORDER BY rank LIMIT 1`,
      ...values,
    )
    return columns && this.#load(columns)
  }

  #fetchWindow(queue: SqliteQueue): void {
    this.flush()
    const { reach } = queue
    queue.reach = Math.min(REACH, reach * 2)
    const found = this.file.all<Columns>(
      `SELECT ${COLUMNS}, body FROM job WHERE queue = ? AND state = 0 ORDER BY pri, rank LIMIT ?`,
      queue.no,
      reach,
    )
    for (const columns of found) {
      let row = this.#rows.get(columns[0])
      if (!row) this.#rows.set(columns[0], (row = rowOf(columns, queue)))
      if (row.slot >= 0) continue
      queue.window.push(row)
      this.#windowed++
    }
    queue.complete = found.length < reach
    const last = found.at(-1)
    queue.edge = queue.complete || !last ? undefined : { pri: last[2], rank: last[3] + 1 }
  }

  /** A ready row that belongs into the window; an overfull window gives up its end. */
  #widen(queue: SqliteQueue, row: Row): void {
    queue.window.push(row)
    this.#windowed++
    if (queue.window.size <= WINDOW) return
    const kept = queue.window.smallest(REACH)
    const last = kept.at(-1) as Row
    const all = [...queue.window]
    queue.window.clear()
    this.#windowed -= all.length - kept.length
    for (const one of kept) queue.window.push(one)
    for (const one of all) if (one.slot < 0 && !one.visited) this.#rows.delete(one.id)
    queue.complete = false
    queue.edge = { pri: last.pri, rank: last.rank + 1 }
  }

  /** Others may have changed its jobs; while they go on doing so, little is fetched at once. */
  #doubt(queue: SqliteQueue): void {
    this.#dropWindow(queue)
    queue.reach = Math.max(16, queue.reach >> 1)
  }

  #dropWindow(queue: SqliteQueue): void {
    this.#windowed -= queue.window.size
    for (const row of queue.window) if (!row.visited) this.#rows.delete(row.id)
    queue.window.clear()
    queue.complete = false
    queue.edge = undefined
  }
}

function before(row: Row, edge: { pri: number; rank: number }): boolean {
  return row.pri < edge.pri || (row.pri === edge.pri && row.rank < edge.rank)
}

export function filter(where: Where | undefined): { sql: string; values: SQLInputValue[] } {
  let sql = ''
  const values: SQLInputValue[] = []
  const add = (condition: string, value: SQLInputValue | undefined) => {
    if (value === undefined) return
    sql += ` AND ${condition}`
    values.push(value)
  }
  add('id <= ?', where?.upTo)
  add(`more ->> '$.name' = ?`, where?.name)
  add(`more ->> '$.unique.key' = ?`, where?.key === undefined ? undefined : `queue\0${where.key}`)
  add(`instr(${BODY_OF}, ?) > 0`, where?.match === undefined ? undefined : Buffer.from(where.match))
  return { sql, values }
}
