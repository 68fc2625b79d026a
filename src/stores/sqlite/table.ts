import type { Bytes, Fence, JobId, Ms, Queue, State, Where } from '../../job.ts'
import { IdMap } from '../../id-map.ts'
import { NATURAL, type Position } from '../machine/page.ts'
import type { QueueRow } from '../machine/queue.ts'
import { FENCES, type Row } from '../machine/row.ts'
import type { Selection, Table } from '../machine/table.ts'
import { Claims } from './claims.ts'
import type { Connection } from './connection.ts'
import { Dead } from './dead.ts'
import { Ring } from './events.ts'
import { Gates } from './gates.ts'
import { Groups } from './groups.ts'
import { History } from './history.ts'
import { NumberedHolder } from './holder.ts'
import { Holders } from './holders.ts'
import { Jobs } from './jobs.ts'
import { Mark } from './mark.ts'
import type { SqliteQueue } from './queue.ts'
import { Notes } from './notes.ts'
import { Queues } from './queues.ts'
import { Records } from './records.ts'
import { Roster } from './roster.ts'
import { Turns } from './turns.ts'
import { COLUMNS, INLINE, rowOf, type Columns } from './rows.ts'
import { ReadAhead } from './read-ahead.ts'
import { Writer } from './writer.ts'

/** Made once: a text that is put together for each call is hashed for each call. */
const BY_ID = `SELECT ${COLUMNS}, body FROM job WHERE id = ?`

/**
 * The rows of a store in an SQLite file, behind a cache that is written back at the end of each commit. What was put and taken in one commit touches the
 * index of ready jobs not at all. The cache holds while nobody else writes to the file: `begin` asks.
 */
export class SqliteTable implements Table {
  readonly file: Connection
  readonly slot: number
  readonly epoch: number
  /** The moment of the commit that runs. */
  now: Ms = 0
  /** Called when other processes came or went. */
  onProcesses: () => void = () => undefined

  readonly mark: Mark
  readonly holders: Holders
  readonly roster: Roster
  readonly dead: Dead
  readonly groups: Groups
  readonly gates: Gates
  readonly claims: Claims
  readonly records: Records
  readonly history: History
  readonly notes: Notes
  readonly events: Ring
  readonly #jobs: Jobs
  readonly #queues: Queues
  readonly #writer: Writer
  readonly #turns: Turns
  readonly #ahead: ReadAhead
  #dataVersion = -1
  #seenVersion = -1

  readonly #rows = new IdMap<Row>()
  /** Rows to be looked at when the commit ends: written, or forgotten. */
  #visited: Row[] = []
  #flushed = 0
  /** The cache of leases was dropped: the holders' lists are not whole. */
  #forgot = false

  constructor(file: Connection, slot: number, epoch: number) {
    this.file = file
    this.slot = slot
    this.epoch = epoch
    this.mark = new Mark(this.file)
    this.holders = new Holders(slot)
    this.roster = new Roster(this.file, slot)
    this.events = new Ring(this.file)
    this.#jobs = new Jobs(
      this.file,
      () => this.flush(),
      (columns) => this.#load(columns),
    )
    this.#ahead = new ReadAhead(this.file, this.#rows, () => this.flush())
    this.#queues = new Queues(this.file, this.mark, (queue) => this.#ahead.doubt(queue))
    this.#writer = new Writer(this.file, epoch * FENCES)
    this.gates = new Gates(this.file, this.mark, this.#jobs)
    this.claims = new Claims(this.file)
    this.records = new Records(this.file, this.mark, this.holders)
    this.dead = new Dead(this.roster, this.records, this.#jobs, () => this.onProcesses())
    this.history = new History(this.file, this.#writer)
    this.notes = new Notes(this.file)
    this.#turns = new Turns(this.file)
    this.groups = new Groups(this.file, this.#rows, (id) => this.get(id))
  }

  // ------------------------------------------------------------------ the commit around the machine

  /** After BEGIN IMMEDIATE: drops what others may have changed. */
  begin(): void {
    this.mark.lowered = undefined
    const version = this.file.value('PRAGMA data_version')
    if (version === this.#dataVersion) return
    this.#dataVersion = version
    this.#queues.doubt()
    this.groups.doubt()
    this.#turns.doubt()
    this.gates.doubt()
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
    this.gates.write(this.now)
    this.mark.write()
  }

  /** After COMMIT: forgets the rows that were not read ahead and no lease of ours holds. */
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
    this.gates.settle()
    this.#ahead.settle(this.#queues)
  }

  /**
   * After ROLLBACK: nothing in the cache is known to be so.
   * @param ended so many sessions had ended before
   */
  reset(ended = 0): void {
    this.holders.takeBack(ended)
    for (const queue of this.#queues) this.#ahead.drop(queue)
    this.#queues.reset()
    this.gates.doubt()
    this.history.doubt()
    this.#visited = []
    this.#flushed = 0
    this.groups.doubt()
    this.#turns.reset()
    this.#forgetLeases()
    this.#rows.clear()
    this.#dataVersion = -1
  }

  flush(): void {
    this.groups.written()
    this.#turns.written()
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
      this.gates.write(now)
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

  collectQueues(unusedSince: Ms, limit: number): boolean {
    this.flush()
    return this.#queues.collect(unusedSince, limit)
  }

  // ------------------------------------------------------------------ rows

  get(id: JobId): Row | undefined {
    const row = this.#cached(id)
    if (row) return row.change === 'gone' ? undefined : row
    const columns = this.file.get<Columns>(BY_ID, id)
    return columns && this.#load(columns)
  }

  insert(row: Row): void {
    this.#rows.set(row)
    this.enter(row)
  }

  leave(row: Row): void {
    const queue = row.queue as SqliteQueue
    if (row.slot >= 0) this.#ahead.leave(row, queue)
    this.#queues.touched(queue)
    if (row.turn) this.#turns.leave(row)
    row.untouched = row.stored && (row.change === 'none' || row.change === 'released')
    row.fromReady = row.untouched && row.state === 'ready'
    if (row.group !== undefined) {
      this.groups.leave(row, row.group)
      // What the file has of it says no more that it is in its group.
      row.change = 'changed'
    }
    if (row.state === 'reserved' && !row.mine) this.mark.meddle()
  }

  enter(row: Row): void {
    const queue = row.queue as SqliteQueue
    this.#queues.touched(queue)
    if (!row.visited) {
      row.visited = true
      this.#visited.push(row)
    }
    if (row.group !== undefined) this.groups.enter(row, row.group)
    if (row.turn) this.#turns.enter(row)
    switch (row.state) {
      case 'ready':
        row.change = row.released && row.untouched ? 'released' : 'changed'
        row.released = false
        this.#ahead.enter(row, queue)
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

  head(queue: QueueRow): Row | undefined {
    return this.#ahead.head(queue as SqliteQueue)
  }

  list(queue: QueueRow, state: Exclude<State, 'finished'>, limit: number, where?: Selection, after?: Position): Row[] {
    return this.#jobs.list(queue.no, state, NATURAL[state], limit, where, after)
  }

  waiting(queue: QueueRow, limit: number, where: Where, after?: Position): Row[] {
    return this.#jobs.list(queue.no, 'waiting', 'id', limit, where, after)
  }

  firstReady(row: Row): number | undefined {
    const first = this.#ahead.head(row.queue as SqliteQueue, row)
    if (!first || first.pri > row.pri) return undefined
    return first.pri === row.pri ? first.rank : this.#jobs.firstRank(row)
  }

  lastTurn(row: Row): number | undefined {
    return this.#turns.last(row, (id) => this.#rows.get(id))
  }

  // ------------------------------------------------------------------ time

  due(now: Ms, limit: number): Row[] {
    return this.mark.soonest > now ? [] : this.#jobs.due(now, limit)
  }

  // ------------------------------------------------------------------ leases and their holders

  holder(session: string): NumberedHolder {
    return this.holders.get(session)
  }

  held(session: string): Row[] {
    const holder = this.holders.find(session)
    if (!holder) return []
    if (this.#forgot) {
      // Each comes back to its holder.
      this.#jobs.leased(this.slot, -1)
      this.#forgot = false
    }
    const rows = holder.rows().reverse()
    for (const row of rows) this.#queues.fresh(row.queue as SqliteQueue)
    return rows
  }

  forgetHolder(session: string): void {
    this.holders.end(session)
  }

  orphans(limit: number): Row[] {
    return this.dead.orphans(limit)
  }

  /** How that lease stands, as the file says; undefined: it has ended. */
  lease(id: JobId, n: Fence): { cancelled: boolean } | undefined {
    return this.#jobs.lease(id, n)
  }

  deadLetters(limit: number, after: number): Row[] {
    return this.#jobs.deadLetters(limit, after)
  }

  // ------------------------------------------------------------------ units that may be undone

  atomic(run: () => boolean): void {
    this.end()
    this.file.exec('SAVEPOINT unit')
    const { ended } = this.holders
    const done = run()
    if (!done) {
      this.file.exec('ROLLBACK TO unit')
      this.reset(ended)
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
    for (const row of [...this.#rows]) if (row.state === 'reserved' && !row.visited) this.#rows.delete(row.id)
    this.#forgot = this.holders.size > 0
  }

  /** The row of that id, if it is in the cache and others can't have changed it. */
  #cached(id: JobId): Row | undefined {
    const row = this.#rows.get(id)
    const queue = row?.queue as SqliteQueue | undefined
    if (!queue || !this.#queues.isDoubted(queue)) return row
    this.#queues.fresh(queue)
    return this.#rows.get(id)
  }

  #load(columns: Columns): Row {
    const cached = this.#cached(columns[0])
    if (cached) return cached
    const queue = this.#queues.numbered(columns[1])
    const row = rowOf(columns, queue)
    this.#rows.set(row)
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
}
