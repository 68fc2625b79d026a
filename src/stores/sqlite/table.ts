import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { Bytes, JobId, Ms, Queue, State, Where } from '../../job.ts'
import type { StoreRecord } from '../store.ts'
import type { QueueRow } from '../machine/queue.ts'
import { Holder, NEVER, type Finished, type Row } from '../machine/row.ts'
import type { Claim, Table } from '../machine/table.ts'
import { viewOf } from '../machine/view.ts'
import type { ProcessRow } from './processes.ts'
import { policyOf, SqliteQueue } from './queue.ts'
import { CODES, COLUMNS, columnsOf, isPlain, rowOf, type Columns } from './rows.ts'

/** Ids are taken from the file in blocks, so that a put alone writes no counter. */
const BLOCK = 1000
/** The window on a queue's ready jobs: at most so many rows are fetched at once, so many are kept, and bodies up to so many bytes with them. */
const REACH = 1024
const WINDOW = 4096
const SMALL_BODY = 2048
/** So many rows all windows together hold; past it they are dropped and fetched anew. */
const WINDOWS = 65_536
/** Sessions of one process are numbered below this; the process's slot stands above. */
export const SESSIONS = 2 ** 36

/** A session, of this process or another. */
class NumberedHolder extends Holder {
  readonly no: number
  /** It belongs to this process. */
  readonly own: boolean

  constructor(session: string, no: number, own: boolean) {
    super(session)
    this.no = no
    this.own = own
  }
}

interface Mark {
  next: number
  burial: number
  epoch: number
  records: number
  processes: number
  meddled: number
  soonest: number
}

/**
 * The rows of a store in an SQLite file, behind a cache that is written back at the end of each commit. What was put and taken in one commit touches the
 * index of ready jobs not at all. The cache holds while nobody else writes to the file: `begin` asks.
 */
export class SqliteTable implements Table {
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly slot: number
  readonly epoch: number
  /** Slots of processes that died; their leases are to come back. */
  readonly deadSlots = new Set<number>()
  /** The moment of the commit that runs. */
  now: Ms = 0
  /** This commit brought the soonest moment at which something is due forward to this. */
  lowered: Ms | undefined
  /** Something was written since this was last set to false. */
  wrote = false
  /** Called when other processes came or went. */
  onProcesses: () => void = () => undefined

  #dataVersion = -1
  #generation = 0
  #mark: Mark = { next: 0, burial: 0, epoch: 0, records: 0, processes: -1, meddled: -1, soonest: NEVER }
  #markDirty = false
  #block = 0

  readonly #queues = new Map<Queue, SqliteQueue>()
  readonly #byNo = new Map<number, SqliteQueue>()
  readonly #dirtyQueues: SqliteQueue[] = []
  #lastQueue: SqliteQueue | undefined

  readonly #rows = new Map<JobId, Row>()
  /** Rows to be looked at when the commit ends: written, or forgotten. */
  #visited: Row[] = []
  #flushed = 0
  #windowed = 0

  readonly #holders = new Map<string, NumberedHolder>()
  readonly #holdersByNo = new Map<number, NumberedHolder>()
  #lastHolder: NumberedHolder | undefined
  #sessions = 0
  /** The cache of leases was dropped: the holders' lists are not whole. */
  #forgot = false

  constructor(db: DatabaseSync, slot: number, epoch: number) {
    this.#db = db
    this.slot = slot
    this.epoch = epoch
  }

  // ------------------------------------------------------------------ the commit around the machine

  /** After BEGIN IMMEDIATE: drops what others may have changed. */
  begin(): void {
    this.lowered = undefined
    const version = this.#value('PRAGMA data_version')
    if (version === this.#dataVersion) return
    this.#dataVersion = version
    this.#generation++
    this.#readMark()
  }

  /** Writes back all that the commit changed. */
  end(): void {
    this.flush()
    if (this.#mark.next > this.#block) this.#takeBlock()
    if (this.#markDirty) {
      const { burial, records, meddled, soonest } = this.#mark
      this.#run(
        'UPDATE mark SET next = ?, burial = ?, records = ?, meddled = ?, soonest = ? WHERE k = 1',
        this.#block,
        burial,
        records,
        meddled,
        soonest,
      )
      this.#markDirty = false
    }
  }

  /** After COMMIT: forgets the rows that no window and no lease of ours holds. */
  settle(): void {
    for (const row of this.#visited) {
      if (row.change === 'gone') continue
      if (row.state === 'reserved' && row.mine) row.body = undefined
      else if (row.slot < 0) this.#rows.delete(row.id)
      else if (row.size > SMALL_BODY) row.body = undefined
    }
    this.#visited = []
    this.#flushed = 0
    if (this.#windowed > WINDOWS) for (const queue of this.#queues.values()) this.#dropWindow(queue)
  }

  /** After ROLLBACK: nothing in the cache is known to be so. */
  reset(): void {
    for (const queue of this.#queues.values()) {
      queue.window.clear()
      queue.complete = queue.dirty = false
      queue.edge = undefined
    }
    this.#windowed = 0
    this.#dirtyQueues.length = 0
    this.#queues.clear()
    this.#byNo.clear()
    this.#lastQueue = undefined
    this.#visited = []
    this.#flushed = 0
    this.#forgetLeases()
    this.#rows.clear()
    this.#dataVersion = -1
    this.#markDirty = false
  }

  flush(): void {
    if (this.#flushed < this.#visited.length) this.#flushRows()
    for (const queue of this.#dirtyQueues) this.#writeQueue(queue)
    this.#dirtyQueues.length = 0
  }

  get recordsVersion(): number {
    return this.#mark.records
  }

  // ------------------------------------------------------------------ counters

  next(): number {
    return this.#mark.next++
  }

  nextBurial(): number {
    this.#markDirty = true
    return this.#mark.burial++
  }

  above(id: number): void {
    if (id >= this.#mark.next) this.#mark.next = id + 1
  }

  soonest(now: Ms): Ms {
    if (this.deadSlots.size > 0) return now
    if (this.#mark.soonest <= now) this.#lookAhead()
    return this.#mark.soonest
  }

  // ------------------------------------------------------------------ queues

  queue(name: Queue): SqliteQueue | undefined {
    let queue = this.#lastQueue
    if (queue?.name !== name) {
      queue = this.#queues.get(name) ?? this.#loadQueue('name', name)
      if (!queue) return undefined
      this.#lastQueue = queue
    }
    return this.#fresh(queue)
  }

  createQueue(name: Queue): SqliteQueue {
    this.#run('INSERT INTO queue (name) VALUES (?)', name)
    return this.queue(name) as SqliteQueue
  }

  collectQueues(unusedSince: Ms): void {
    this.flush()
    const unused = this.#all<[number, Queue]>(
      `SELECT no, name FROM queue WHERE used <= ? AND ready = 0 AND delayed = 0 AND waiting = 0 AND reserved = 0 AND buried = 0
       AND NOT EXISTS (SELECT 1 FROM record WHERE key = 'queue/' || name AND value IS NOT NULL)
       AND NOT EXISTS (SELECT 1 FROM claim WHERE queue = no) LIMIT 100`,
      unusedSince,
    )
    for (const [no, name] of unused) {
      this.#run('DELETE FROM queue WHERE no = ?', no)
      this.#forgetQueue(name, no)
    }
  }

  // ------------------------------------------------------------------ rows

  get(id: JobId): Row | undefined {
    let row = this.#rows.get(id)
    if (row && this.#isStale(row)) {
      this.#fresh(row.queue as SqliteQueue)
      row = this.#rows.get(id)
    }
    if (row) return row.change === 'gone' ? undefined : row
    const columns = this.#get<Columns>(`SELECT ${COLUMNS} FROM job WHERE id = ?`, id)
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
    row.fromReady = row.state === 'ready' && row.stored && row.change === 'none'
    if (row.state === 'reserved' && !row.mine) this.#meddle()
  }

  enter(row: Row): void {
    const queue = row.queue as SqliteQueue
    this.#dirty(queue)
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
        if (row.at < this.#mark.soonest) this.#sooner(row.at)
        return
      case 'delayed':
        row.change = 'changed'
        this.#sooner(row.at)
        break
      default:
        row.change = 'changed'
    }
    if (row.expires !== 0) this.#sooner(row.expires)
  }

  remove(row: Row): void {
    this.#dirty(row.queue as SqliteQueue)
    if (!row.visited) {
      row.visited = true
      this.#visited.push(row)
    }
    row.change = 'gone'
    if (!row.stored) this.#rows.delete(row.id)
  }

  bodyOf(row: Row): Bytes {
    return row.body ?? this.#get<[Bytes]>('SELECT body FROM job WHERE id = ?', row.id)?.[0] ?? new Uint8Array()
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
    return this.#all<Columns>(
      `SELECT ${COLUMNS} FROM job WHERE queue = ? AND state = ${CODES[state]}${sql} ORDER BY ${order} LIMIT ?`,
      queue.no,
      ...values,
      Number.isFinite(limit) ? limit : -1,
    ).map((columns) => this.#load(columns))
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
    if (this.#mark.soonest > now) return []
    this.flush()
    const rows = new Set<Row>()
    for (const where of ['state = 1 AND at <= ? ORDER BY at', 'state = 2 AND at <= ? ORDER BY at', 'expires <= ? AND expires IS NOT NULL AND state <> 1 ORDER BY expires']) {
      if (rows.size >= limit) break
      for (const columns of this.#all<Columns>(`SELECT ${COLUMNS} FROM job WHERE ${where} LIMIT ?`, now, limit - rows.size))
        rows.add(this.#load(columns))
    }
    return [...rows]
  }

  dueRecords(now: Ms, limit: number): string[] {
    if (this.#mark.soonest > now) return []
    const keys = this.#all<[string]>('SELECT key FROM record WHERE at <= ? ORDER BY at LIMIT ?', now, limit).map(([key]) => key)
    for (const key of keys) this.#run('UPDATE record SET at = NULL WHERE key = ?', key)
    return keys
  }

  /** Whether something may be due, without asking the file. */
  dueBy(now: Ms): boolean {
    return this.#mark.soonest <= now
  }

  /** The mark is a bound from below; this finds the moment itself. */
  #lookAhead(): void {
    this.flush()
    const soonest = this.#value(
      `SELECT min(coalesce((SELECT min(at) FROM job WHERE state = 1), ${NEVER}), coalesce((SELECT min(at) FROM job WHERE state = 2), ${NEVER}),
       coalesce((SELECT min(expires) FROM job WHERE expires IS NOT NULL AND state <> 1), ${NEVER}), coalesce((SELECT min(at) FROM record WHERE at IS NOT NULL), ${NEVER}))`,
    )
    if (soonest === this.#mark.soonest) return
    this.#mark.soonest = soonest
    this.#markDirty = true
  }

  // ------------------------------------------------------------------ leases and their holders

  holder(session: string): Holder {
    const last = this.#lastHolder
    if (last?.session === session) return last
    let holder = this.#holders.get(session)
    if (!holder) {
      holder = new NumberedHolder(session, this.slot * SESSIONS + ++this.#sessions, true)
      this.#holders.set(session, holder)
      this.#holdersByNo.set(holder.no, holder)
    }
    return (this.#lastHolder = holder)
  }

  held(session: string): Row[] {
    const holder = this.#holders.get(session)
    if (!holder) return []
    if (this.#forgot) this.#recallLeases()
    return holder.rows().reverse()
  }

  /** This process's sessions that hold or held something. */
  sessions(): string[] {
    return [...this.#holders.keys()]
  }

  isOwn(session: string): boolean {
    return this.#holders.has(session)
  }

  sessionName(no: number): string | undefined {
    return this.#holdersByNo.get(no)?.session
  }

  forgetHolder(session: string): void {
    const holder = this.#holders.get(session)
    if (!holder) return
    this.#holders.delete(session)
    this.#holdersByNo.delete(holder.no)
    if (this.#lastHolder === holder) this.#lastHolder = undefined
  }

  orphans(limit: number): Row[] {
    const rows: Row[] = []
    for (const slot of this.deadSlots) {
      this.flush()
      const found = this.#all<Columns>(
        `SELECT ${COLUMNS} FROM job WHERE state = 1 AND session BETWEEN ? AND ? LIMIT ?`,
        slot * SESSIONS,
        slot * SESSIONS + SESSIONS - 1,
        limit - rows.length,
      )
      rows.push(...found.map((columns) => this.#load(columns)))
      if (rows.length >= limit) return rows
      this.#bury(slot)
    }
    return rows
  }

  deadLetters(limit: number): Row[] {
    this.flush()
    return this.#all<Columns>(`SELECT ${COLUMNS} FROM job WHERE dead IS NOT NULL ORDER BY id LIMIT ?`, limit).map((columns) => this.#load(columns))
  }

  // ------------------------------------------------------------------ unique keys

  claim(queue: QueueRow, key: string): Claim | undefined {
    const found = this.#get<[number, 'waiting' | 'unfinished' | null, number | null]>(
      'SELECT job, until, expires FROM claim WHERE queue = ? AND key = ?',
      queue.no,
      key,
    )
    return found && { id: found[0], for: found[1] ?? (found[2] as number) }
  }

  setClaim(queue: QueueRow, key: string, claim: Claim | undefined): void {
    if (!claim) this.#run('DELETE FROM claim WHERE queue = ? AND key = ?', queue.no, key)
    else {
      const [until, expires] = typeof claim.for === 'number' ? [null, claim.for] : [claim.for, null]
      this.#run('INSERT OR REPLACE INTO claim (queue, key, job, until, expires) VALUES (?, ?, ?, ?, ?)', queue.no, key, claim.id, until, expires)
    }
  }

  collectClaims(now: Ms, limit: number): void {
    this.#run(
      'DELETE FROM claim WHERE (queue, key) IN (SELECT queue, key FROM claim WHERE expires <= ? AND expires IS NOT NULL LIMIT ?)',
      now,
      limit,
    )
  }

  // ------------------------------------------------------------------ records

  record(key: string): StoreRecord | undefined {
    const found = this.#get<[string, number]>('SELECT value, version FROM record WHERE key = ? AND value IS NOT NULL', key)
    return found && { key, value: JSON.parse(found[0]), version: found[1] }
  }

  setRecord(key: string, value: unknown, session: string | undefined, at: Ms | undefined): number {
    const version = ++this.#mark.records
    this.#markDirty = true
    if (value === undefined) this.#run('UPDATE record SET value = NULL, version = ?, session = NULL, at = NULL WHERE key = ?', version, key)
    else {
      const holder = session === undefined ? undefined : (this.holder(session) as NumberedHolder)
      this.#run(
        'INSERT OR REPLACE INTO record (key, value, version, session, at) VALUES (?, ?, ?, ?, ?)',
        key,
        JSON.stringify(value),
        version,
        holder?.no ?? null,
        at ?? null,
      )
      if (at !== undefined) this.#sooner(at)
    }
    return version
  }

  anyRecord(prefix: string): boolean {
    const end = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
    return this.#get('SELECT 1 FROM record WHERE key >= ? AND key < ? AND value IS NOT NULL LIMIT 1', prefix, end) !== undefined
  }

  sessionRecords(session: string): string[] {
    const holder = this.#holders.get(session)
    return holder ? this.#all<[string]>('SELECT key FROM record WHERE session = ?', holder.no).map(([key]) => key) : []
  }

  // ------------------------------------------------------------------ history

  keep(finished: Finished): void {
    const { row, outcome } = finished
    const { result, error, ...rest } = outcome
    this.#run(
      'INSERT INTO history (job, queue, name, ended, outcome, job_view, result, error, envelope, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      row.id,
      row.queue.no,
      row.more?.name ?? null,
      outcome.at,
      JSON.stringify(rest),
      JSON.stringify({ ...viewOf(row, outcome.at, undefined), envelope: undefined, error: undefined }),
      result ?? null,
      error ?? null,
      row.envelope ?? null,
      this.bodyOf(row),
    )
  }

  collectHistory(now: Ms, limit: number): void {
    const kept = this.#all<[number, string]>(
      `SELECT queue.no, record.value FROM record JOIN queue ON queue.name = substr(record.key, 7)
       WHERE record.key >= 'queue/' AND record.key < 'queue0' AND record.value ->> '$.keep' IS NOT NULL`,
    )
    for (const [no, value] of kept) {
      const keep = policyOf(value)?.keep ?? {}
      if (keep.ms !== undefined)
        this.#run('DELETE FROM history WHERE no IN (SELECT no FROM history WHERE queue = ? AND ended <= ? ORDER BY no LIMIT ?)', no, now - keep.ms, limit)
      if (keep.jobs !== undefined)
        this.#run(
          `DELETE FROM history WHERE no IN (SELECT no FROM history WHERE queue = ?1 AND no <= coalesce((SELECT no FROM history WHERE queue = ?1
           ORDER BY no DESC LIMIT 1 OFFSET ?2), -1) ORDER BY no LIMIT ?3)`,
          no,
          keep.jobs,
          limit,
        )
    }
  }

  // ------------------------------------------------------------------ processes

  /** The other processes that have the file open. */
  processes(): ProcessRow[] {
    return this.#all<[number, string]>('SELECT slot, name FROM process WHERE slot <> ?', this.slot).map(([slot, name]) => ({ slot, name }))
  }

  /** Slots of other processes that wait for jobs of one of these queues. */
  waiters(queues: Iterable<QueueRow>): Map<number, Queue[]> {
    const waiters = new Map<number, Queue[]>()
    for (const { name } of queues)
      for (const [slot] of this.#all<[number]>('SELECT slot FROM waiter WHERE queue = ? AND slot <> ?', name, this.slot)) {
        const known = waiters.get(slot)
        if (known) known.push(name)
        else waiters.set(slot, [name])
      }
    return waiters
  }

  setWaits(queues: readonly Queue[]): void {
    this.#run('DELETE FROM waiter WHERE slot = ?', this.slot)
    for (const queue of queues) this.#run('INSERT OR IGNORE INTO waiter (queue, slot) VALUES (?, ?)', queue, this.slot)
  }

  /** This process goes. */
  depart(): void {
    this.#bury(this.slot)
  }

  // ------------------------------------------------------------------ units that may be undone

  atomic(run: () => boolean): void {
    this.end()
    this.#exec('SAVEPOINT unit')
    const done = run()
    if (!done) {
      this.#exec('ROLLBACK TO unit')
      this.reset()
      this.begin()
    }
    this.#exec('RELEASE unit')
  }

  // ------------------------------------------------------------------ inside

  #readMark(): void {
    const mark = this.#get<number[]>('SELECT next, burial, epoch, records, processes, meddled, soonest FROM mark WHERE k = 1') as number[]
    const [next, burial, epoch, records, processes, meddled, soonest] = mark as [number, number, number, number, number, number, number]
    if (meddled !== this.#mark.meddled && this.#mark.meddled >= 0) this.#forgetLeases()
    const changed = processes !== this.#mark.processes
    this.#mark = { next, burial, epoch, records, processes, meddled, soonest }
    this.#block = next
    if (changed) this.onProcesses()
  }

  #takeBlock(): void {
    this.#block = this.#mark.next + BLOCK
    this.#markDirty = true
  }

  #sooner(at: Ms): void {
    if (at >= this.#mark.soonest) return
    this.#mark.soonest = this.lowered = at
    this.#markDirty = true
  }

  #meddle(): void {
    this.#mark.meddled++
    this.#markDirty = true
  }

  #forgetLeases(): void {
    for (const holder of this.#holders.values()) for (const row of holder.rows()) holder.remove(row)
    for (const [id, row] of this.#rows) if (row.state === 'reserved' && !row.visited) this.#rows.delete(id)
    this.#forgot = this.#holders.size > 0
  }

  #recallLeases(): void {
    this.flush()
    const [from, to] = [this.slot * SESSIONS, this.slot * SESSIONS + SESSIONS - 1]
    for (const columns of this.#all<Columns>(`SELECT ${COLUMNS} FROM job WHERE state = 1 AND session BETWEEN ? AND ?`, from, to)) this.#load(columns)
    this.#forgot = false
  }

  /** A process is dead and has no lease left: its slot may be given out again. */
  #bury(slot: number): void {
    const [from, to] = [slot * SESSIONS, slot * SESSIONS + SESSIONS - 1]
    for (const [key] of this.#all<[string]>('SELECT key FROM record WHERE session BETWEEN ? AND ?', from, to))
      this.setRecord(key, undefined, undefined, undefined)
    this.#run('DELETE FROM waiter WHERE slot = ?', slot)
    this.#run('DELETE FROM process WHERE slot = ?', slot)
    this.#run('UPDATE mark SET processes = processes + 1')
    this.deadSlots.delete(slot)
    this.onProcesses()
  }

  #loadQueue(by: 'name' | 'no', value: string | number): SqliteQueue | undefined {
    const found = this.#get<[number, Queue]>(`SELECT no, name FROM queue WHERE ${by} = ?`, value)
    if (!found) return undefined
    const queue = new SqliteQueue(found[0], found[1])
    this.#queues.set(queue.name, queue)
    this.#byNo.set(queue.no, queue)
    return queue
  }

  #queueOf(no: number): SqliteQueue {
    const queue = this.#byNo.get(no) ?? (this.#loadQueue('no', no) as SqliteQueue)
    return this.#fresh(queue) as SqliteQueue
  }

  /** The queue with counters, policy and window of now; undefined: others have forgotten it. */
  #fresh(queue: SqliteQueue): SqliteQueue | undefined {
    if (queue.generation === this.#generation) return queue
    this.#dropWindow(queue)
    queue.reach = Math.max(16, queue.reach >> 1)
    const counters = this.#get<number[]>(
      'SELECT ready, urgent, delayed, waiting, reserved, buried, bytes, puts, gone, used FROM queue WHERE no = ?',
      queue.no,
    )
    if (!counters) {
      this.#forgetQueue(queue.name, queue.no)
      const anew = this.#loadQueue('name', queue.name)
      return anew && this.#fresh(anew)
    }
    ;[queue.ready, queue.urgent, queue.delayed, queue.waiting, queue.reserved, queue.buried, queue.bytes, queue.puts, queue.gone, queue.used] =
      counters as [number, number, number, number, number, number, number, number, number, number]
    if (queue.records !== this.#mark.records) {
      queue.policy = policyOf(this.#get<[string | null]>('SELECT value FROM record WHERE key = ?', `queue/${queue.name}`)?.[0])
      queue.pausedUntil = Number(this.#get<[string | null]>('SELECT value FROM record WHERE key = ?', `pause/${queue.name}`)?.[0] ?? 0)
      queue.records = this.#mark.records
    }
    queue.generation = this.#generation
    return queue
  }

  #forgetQueue(name: Queue, no: number): void {
    this.#queues.delete(name)
    this.#byNo.delete(no)
    if (this.#lastQueue?.no === no) this.#lastQueue = undefined
  }

  #dirty(queue: SqliteQueue): void {
    if (queue.dirty) return
    queue.dirty = true
    this.#dirtyQueues.push(queue)
  }

  #writeQueue(queue: SqliteQueue): void {
    queue.dirty = false
    this.#run(
      `UPDATE queue SET ready = ?, urgent = ?, delayed = ?, waiting = ?, reserved = ?, buried = ?, bytes = ?, puts = ?, gone = ?, used = ?
       WHERE no = ?`,
      queue.ready,
      queue.urgent,
      queue.delayed,
      queue.waiting,
      queue.reserved,
      queue.buried,
      queue.bytes,
      queue.puts,
      queue.gone,
      queue.used,
      queue.no,
    )
  }

  #isStale(row: Row): boolean {
    return (row.queue as SqliteQueue).generation !== this.#generation
  }

  #load(columns: Columns): Row {
    const known = this.#rows.get(columns[0])
    if (known && !this.#isStale(known)) return known
    const queue = this.#queueOf(columns[1])
    const still = this.#rows.get(columns[0])
    if (still) return still
    const row = rowOf(columns, queue)
    this.#rows.set(row.id, row)
    if (row.state === 'reserved') {
      const session = columns[8]
      const holder = session === null ? undefined : this.#holdersByNo.get(session)
      if (holder) {
        holder.add(row)
        row.mine = true
      } else if (session !== null) new NumberedHolder(`${Math.floor(session / SESSIONS)}:${session % SESSIONS}`, session, false).add(row)
    }
    row.visited = true
    this.#visited.push(row)
    return row
  }

  #groupRow(and: string, ...values: SQLInputValue[]): Row | undefined {
    this.flush()
    const columns = this.#get<Columns>(
      `SELECT ${COLUMNS} FROM job WHERE queue = ? AND grp = ? AND grp IS NOT NULL AND state <> 3 ${and} ORDER BY rank LIMIT 1`,
      ...values,
    )
    return columns && this.#load(columns)
  }

  #fetchWindow(queue: SqliteQueue): void {
    this.flush()
    const { reach } = queue
    queue.reach = Math.min(REACH, reach * 2)
    const found = this.#all<Columns>(
      `SELECT ${COLUMNS}, CASE WHEN length(body) <= ${SMALL_BODY} THEN body END FROM job WHERE queue = ? AND state = 0 ORDER BY pri, rank LIMIT ?`,
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

  #dropWindow(queue: SqliteQueue): void {
    this.#windowed -= queue.window.size
    for (const row of queue.window) if (!row.visited) this.#rows.delete(row.id)
    queue.window.clear()
    queue.complete = false
    queue.edge = undefined
  }

  #flushRows(): void {
    const visited = this.#visited
    const gone: number[] = []
    const taken = new Map<Holder | undefined, Map<Ms, number[]>>()
    for (let i = this.#flushed; i < visited.length; i++) {
      const row = visited[i] as Row
      row.visited = false
      switch (row.change) {
        case 'none':
          continue
        case 'gone':
          if (row.stored) {
            gone.push(row.id)
            this.#rows.delete(row.id)
          }
          continue
        case 'taken': {
          let byMoment = taken.get(row.holder)
          if (!byMoment) taken.set(row.holder, (byMoment = new Map()))
          const ids = byMoment.get(row.at)
          if (ids) ids.push(row.id)
          else byMoment.set(row.at, [row.id])
          break
        }
        default:
          if (row.stored) this.#update(row)
          else this.#insert(row)
      }
      row.change = 'none'
    }
    this.#flushed = visited.length
    if (gone.length === 1) this.#run('DELETE FROM job WHERE id = ?', gone[0] as number)
    else if (gone.length > 0) this.#run('DELETE FROM job WHERE id IN (SELECT value FROM json_each(?))', `[${gone.join()}]`)
    for (const [holder, byMoment] of taken)
      for (const [at, ids] of byMoment)
        this.#run(
          `UPDATE job SET state = 1, at = ?, session = ?, n = max(n + 1, ?), reserves = reserves + 1, first = iif(first = 0, ?, first)
           WHERE id IN (SELECT value FROM json_each(?))`,
          at,
          (holder as NumberedHolder | undefined)?.no ?? null,
          this.epoch * 2 ** 20,
          this.now,
          `[${ids.join()}]`,
        )
  }

  #insert(row: Row): void {
    row.stored = true
    const body = row.body as Bytes
    if (isPlain(row) && row.state === 'ready' && row.reserves === 0)
      this.#run(
        'INSERT INTO job (id, queue, pri, rank, state, lease, put, body) VALUES (?1, ?2, ?3, ?1, 0, ?4, ?5, ?6)',
        row.id,
        row.queue.no,
        row.pri,
        row.lease,
        row.put,
        body,
      )
    else if (isPlain(row) && row.state === 'reserved' && row.reserves === 1 && row.holder)
      this.#run(
        `INSERT INTO job (id, queue, pri, rank, state, at, lease, n, session, reserves, put, first, body)
         VALUES (?1, ?2, ?3, ?1, 1, ?4, ?5, ?6, ?7, 1, ?8, ?9, ?10)`,
        row.id,
        row.queue.no,
        row.pri,
        row.at,
        row.lease,
        row.n,
        (row.holder as NumberedHolder).no,
        row.put,
        row.first,
        body,
      )
    else
      this.#run(
        `INSERT INTO job (id, queue, pri, rank, state, at, lease, n, session, reserves, failures, delay, put, first, expires, dead, grp, more, envelope, body)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        row.id,
        ...columnsOf(row, this.#sessionOf(row)),
        row.envelope ?? null,
        body,
      )
    row.rewritten = false
  }

  #update(row: Row): void {
    const body = row.rewritten ? ', envelope = ?, body = ?' : ''
    const values = columnsOf(row, this.#sessionOf(row))
    if (row.rewritten) values.push(row.envelope ?? null, this.bodyOf(row))
    row.rewritten = false
    this.#run(
      `UPDATE job SET queue = ?, pri = ?, rank = ?, state = ?, at = ?, lease = ?, n = ?, session = ?, reserves = ?, failures = ?, delay = ?, put = ?,
       first = ?, expires = ?, dead = ?, grp = ?, more = ?${body} WHERE id = ?`,
      ...values,
      row.id,
    )
  }

  #sessionOf(row: Row): number | null {
    return row.state === 'reserved' && row.holder instanceof NumberedHolder ? row.holder.no : null
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (!statement) {
      statement = this.#db.prepare(sql)
      statement.setReturnArrays(true)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.wrote = true
    this.#statement(sql).run(...values)
  }

  #get<T>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.#statement(sql).get(...values) as T | undefined
  }

  #all<T>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.#statement(sql).all(...values) as unknown as T[]
  }

  #value(sql: string): number {
    return (this.#get<[number]>(sql) as [number])[0]
  }

  #exec(sql: string): void {
    this.#db.exec(sql)
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
  add('instr(body, ?) > 0', where?.match === undefined ? undefined : Buffer.from(where.match))
  return { sql, values }
}
