import type { DatabaseSync, StatementSync } from 'node:sqlite'
import {
  ClosedError,
  CorruptStoreError,
  NewerFormatError,
  OwnTransactionError,
  UnavailableError,
  UnknownOutcomeError,
} from '../../errors.ts'
import type { Ms, Queue } from '../../job.ts'
import { Machine } from '../machine/machine.ts'
import type {
  Hint,
  JobView,
  Look,
  Op,
  QueueStats,
  Result,
  Store,
  StoreLimit,
  StoreProcess,
  Traits,
  Unit,
} from '../store.ts'
import type { Ring } from './bell.ts'
import { Connection } from './connection.ts'
import { Disk } from './disk.ts'
import type { Durability } from './durability.ts'
import { ownTransaction, reasonOf } from './failure.ts'
import { Reader } from './look.ts'
import { holdsWriteLock } from './lock.ts'
import { isBusy, lockedFor } from './open.ts'
import { Peers } from './peers.ts'
import type { Processes } from './processes.ts'
import { readable } from './schema.ts'
import { SqliteTable } from './table.ts'
import { Upkeep } from './upkeep.ts'
import { commitWithin } from './within.ts'

/** A call that waits for its transaction. `also` is what the store itself has to write. */
interface Call {
  units: Unit[]
  answers: { resolve: (results: Result[]) => void; reject: (error: unknown) => void }[]
  also?: () => void
  since: number
}

/** So many operations of waiting calls go into one transaction. */
const BATCH = 512
/** So many units in one transaction are no load yet. */
const FEW = 8
/**
 * While another process holds the file it is asked again: at once for a moment, since a small transaction is over in a tenth of a millisecond; then after a
 * timer. All waits are random, so that nobody always comes second. Two processes with 8 connections each and 100 commands in flight kept 152 thousand jobs
 * a second together with a timer of 1 to 2 ms, 95 with one that grew to 8 (one process alone: 172).
 */
const SPIN: Ms = 0.15
const TIMER: Ms = 1

/**
 * A write that has waited for so long, because this process itself has a transaction open on the file, is refused: most likely that transaction waits for
 * the write. It is long enough for one that merely is held across an await. And so often it is asked who holds the lock.
 */
const OWN: Ms = 5000
const OWN_PERIOD: Ms = 500

export class SqliteStore implements Store {
  readonly traits: Traits = { shared: true, durable: true, within: true, gates: true, notes: true, children: false }
  readonly now: () => Ms
  /** A process that had the file open before is dead. */
  readonly crashed: boolean
  readonly #db: DatabaseSync
  readonly #path: string
  readonly #patience: Ms
  readonly #peers: Peers
  readonly #disk: Disk
  readonly #upkeep: Upkeep
  readonly #table: SqliteTable
  readonly #machine: Machine
  readonly #reader: Reader
  readonly #begin: StatementSync
  readonly #commit: StatementSync

  #calls: Call[] = []
  #retry: NodeJS.Timeout | undefined
  #askedForHolder = 0
  #failure: Error | undefined
  #closing: Promise<void> | undefined
  readonly #listeners = new Set<(hint: Hint) => void>()

  constructor(o: {
    db: DatabaseSync
    path: string
    processes: Processes
    slot: number
    epoch: number
    now: () => Ms
    durability: Durability
    patience: Ms
    maxWal: number
  }) {
    this.now = o.now
    this.#db = o.db
    this.#path = o.path
    this.#patience = o.patience
    this.#disk = new Disk(o.db, o.path, o.durability, (error) => this.#fail(error))
    this.#upkeep = new Upkeep(o.db, this.#disk, o.maxWal, (full) => {
      this.#machine.full = full
      this.#tell({ health: full ? 'wal full' : 'ok' })
    })
    const file = new Connection(o.db)
    this.#table = new SqliteTable(file, o.slot, o.epoch)
    this.#machine = new Machine(this.#table)
    this.#reader = new Reader(file, o.now, (no) => this.#table.holders.name(no))
    this.#begin = o.db.prepare('BEGIN IMMEDIATE')
    this.#commit = o.db.prepare('COMMIT')

    this.#peers = new Peers({
      processes: o.processes,
      table: this.#table,
      disk: this.#disk,
      now: o.now,
      write: (what) => this.#write(what),
      tell: (hint) => this.#tell(hint),
      stopped: () => this.#closing !== undefined || this.#failure !== undefined,
    })
    this.crashed = this.#table.dead.size > 0
  }

  get others(): number {
    return this.#peers.count
  }

  commit(units: Unit[]): Promise<Result[]>[] {
    const refusal = this.#failure ?? (this.#closing && new ClosedError('The store is closed; open it again.'))
    if (refusal) return units.map(() => Promise.reject(refusal))
    const promises = new Array<Promise<Result[]>>(units.length)
    const answers = new Array<Call['answers'][number]>(units.length)
    for (let i = 0; i < units.length; i++)
      promises[i] = new Promise((resolve, reject) => {
        answers[i] = { resolve, reject }
      })
    this.#enqueue({ units, answers, since: performance.now() })
    return promises
  }

  #checkOpen(): void {
    if (this.#closing) throw new ClosedError('The store is closed; open it again.')
  }

  /** @throws CorruptStoreError, UnavailableError */
  #read<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      throw readable(error, this.#path)
    }
  }

  async look(at: Look): Promise<{ jobs: JobView[]; after?: string }> {
    this.#checkOpen()
    await this.#settleTime()
    return this.#read(() => this.#reader.look(at))
  }

  async stats(queues?: Queue[]): Promise<QueueStats[]> {
    this.#checkOpen()
    await this.#settleTime()
    return this.#read(() => this.#reader.stats(queues))
  }

  async records(since: number): ReturnType<Store['records']> {
    this.#checkOpen()
    return this.#read(() => this.#reader.records(since))
  }

  async events(after: number, limit: number): ReturnType<Store['events']> {
    this.#checkOpen()
    return this.#read(() => this.#table.events.read(after, limit))
  }

  async limits(): Promise<StoreLimit[]> {
    this.#checkOpen()
    await this.#settleTime()
    return this.#read(() => this.#reader.limits())
  }

  async processes(): Promise<StoreProcess[]> {
    this.#checkOpen()
    await this.#settleTime()
    return this.#read(() => this.#table.roster.views())
  }

  /** @throws ClosedError, InvalidArgumentError it isn't node:sqlite's handle with a transaction open on this file */
  within(transaction: unknown): { commit(unit: Unit): Result[] } {
    this.#checkOpen()
    const { slot, epoch } = this.#table
    const onPut = (queues: Iterable<{ name: Queue }>, told: boolean) => this.#peers.watchFor(queues, told)
    return {
      commit: (unit) => commitWithin(transaction, unit, { path: this.#path, slot, epoch, now: this.now, onPut }),
    }
  }

  wait(queues: Queue[]): Promise<void> {
    return this.#peers.wait(queues)
  }

  hear(on: (hint: Hint) => void): () => void {
    this.#listeners.add(on)
    return () => this.#listeners.delete(on)
  }

  /** What was committed is answered, this process's leases return, and the file is closed. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    try {
      if (!this.#failure) await this.#leave()
    } finally {
      clearTimeout(this.#retry)
      this.#upkeep.close()
      this.#peers.close()
      this.#disk.close()
      this.#db.close()
    }
  }

  /** What this process had reserved goes back, and it is struck off the file. */
  async #leave(): Promise<void> {
    await this.#write(() => {
      for (const session of this.#table.holders.names) this.#machine.run({ ops: [{ do: 'end', session, as: 'lost' }] })
      this.#table.strike(this.#table.slot)
      this.#table.mark.returnBlock()
    })
    await this.#disk.settle()
  }

  // ------------------------------------------------------------------ transactions

  #enqueue(call: Call): void {
    this.#calls.push(call)
    if (!this.#retry) this.#work()
  }

  /** A transaction of the store's own. */
  #write(also: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const answers = [{ resolve: () => resolve(), reject }]
      this.#enqueue({ units: [{ ops: [] }], answers, also, since: performance.now() })
    })
  }

  #work(): void {
    while (this.#calls.length > 0) {
      let size = 0
      let count = 0
      for (const call of this.#calls) {
        if (count > 0 && size >= BATCH) break
        for (const unit of call.units) size += unit.ops.length
        count++
      }
      const calls = this.#calls.splice(0, count)
      if (this.#transaction(calls)) continue
      this.#calls.unshift(...calls)
      this.#retry = setTimeout(
        () => {
          this.#retry = undefined
          this.#work()
        },
        TIMER * (1 + Math.random()),
      )
      return
    }
    this.#peers.lookIfChanged()
  }

  /** Runs the calls in one transaction. false: another process holds the file, nothing was done. */
  #transaction(calls: Call[]): boolean {
    const waitedFor = calls.some((call) => call.units.some((unit) => !unit.unsynced))
    const table = this.#table
    const machine = this.#machine
    const results: Result[][] = []
    const records = table.mark.records
    let rings: Map<number, Ring> | undefined
    let committing = false
    try {
      this.#disk.beforeCommit(waitedFor, waitedFor && handsOn(calls))
      const busy = this.#lock()
      if (busy) return this.#impatient(calls, busy)
      const now = (table.now = this.now())
      table.file.wrote = false
      table.begin()
      machine.begin(now)
      for (const call of calls) {
        for (const unit of call.units) results.push(machine.run(unit))
        call.also?.()
      }
      machine.end()
      table.end()
      rings = this.#peers.rings(machine)
      committing = true
      const start = performance.now()
      this.#commit.run()
      if (table.file.wrote) this.#disk.took(performance.now() - start)
    } catch (error) {
      return this.#failed(error, calls, committing)
    }
    table.settle()
    if (table.file.wrote) this.#upkeep.committed()
    this.#answer(calls, results, table.file.wrote && waitedFor ? this.#disk.afterCommit() : undefined)
    const hint = machine.takeHint(records >= 0 && table.mark.records !== records ? table.mark.records : undefined)
    if (hint) queueMicrotask(() => this.#tell(hint))
    this.#peers.lookIfChanged()
    this.#peers.ring(rings, hint)
    return true
  }

  /** Begins the transaction; or answers SQLite's error, when another process holds the file for longer than a moment. */
  #lock(): unknown {
    const end = performance.now() + SPIN * (0.5 + Math.random())
    for (;;)
      try {
        this.#begin.run()
        return undefined
      } catch (error) {
        if (!isBusy(error)) throw error
        if (performance.now() > end) return error
      }
  }

  /** The file is held by another: those that have waited too long are refused. false: nobody has. */
  #impatient(calls: Call[], cause: unknown): boolean {
    const now = performance.now()
    const own = this.#waitsForItself(calls, now)
    const patience = own ? OWN : this.#patience
    const patient = calls.filter((call) => now - call.since < patience)
    if (patient.length === calls.length) return false
    const unavailable = own
      ? new OwnTransactionError(ownTransaction(this.#path, OWN), { cause })
      : new UnavailableError(lockedFor(this.#path, patience), { cause })
    for (const call of calls) if (!patient.includes(call)) for (const answer of call.answers) answer.reject(unavailable)
    this.#calls.unshift(...patient)
    return true
  }

  #waitsForItself([first]: readonly Call[], now: number): boolean {
    if (!first || now - first.since < OWN || now - this.#askedForHolder < OWN_PERIOD) return false
    this.#askedForHolder = now
    return holdsWriteLock(this.#path)
  }

  #answer(calls: Call[], results: Result[][], synced: Promise<void> | undefined): void {
    let i = 0
    for (const call of calls)
      for (const [j, unit] of call.units.entries()) {
        const answer = call.answers[j] as Call['answers'][number]
        const result = results[i++] as Result[]
        if (!synced || unit.unsynced) answer.resolve(result)
        else synced.then(() => answer.resolve(result), answer.reject)
      }
  }

  /** false: try again later. true: it is dealt with. */
  #failed(error: unknown, calls: Call[], committing: boolean): boolean {
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
    this.#table.reset()
    this.#machine.takeBack()
    const { errcode, message } = error as { errcode?: number; message: string }
    const code = (errcode ?? 0) & 0xff
    if (isBusy(error)) return this.#impatient(calls, error)
    const outdated = error instanceof NewerFormatError
    if (errcode === undefined && !outdated && calls.length + (calls[0]?.units.length ?? 0) > 2) {
      // One of them holds something that can't be written: each for itself, so that the others don't suffer.
      this.#calls.unshift(...calls.flatMap(apart))
      return true
    }
    const reason = reasonOf(code, committing, message, this.#path, error)
    for (const call of calls) for (const answer of call.answers) answer.reject(reason)
    if (outdated || reason instanceof UnknownOutcomeError || reason instanceof CorruptStoreError) this.#fail(reason)
    return true
  }

  #fail(error: Error): void {
    if (this.#failure) return
    this.#failure = error
    const rest = this.#calls.splice(0)
    const unavailable = new UnavailableError('The store has failed earlier and wrote nothing of this. Start again.', {
      cause: error,
    })
    for (const call of rest) for (const answer of call.answers) answer.reject(unavailable)
    this.#tell({ health: 'failed', failure: error })
  }

  /** What is due by now is due, too, for one who only looks. */
  async #settleTime(): Promise<void> {
    if (!this.#closing && this.#table.mark.stored() <= this.now()) await this.commit([{ ops: [], unsynced: true }])[0]
  }

  #tell(hint: Hint): void {
    for (const listener of this.#listeners) listener(hint)
  }
}

/**
 * Whether a job may be put and handed to who waits for it in this transaction. Many units together are a load, for which the sync in the commit is the cheaper one.
 */
function handsOn(calls: readonly Call[]): boolean {
  let units = 0
  for (const call of calls) units += call.units.length
  if (units > FEW) return false
  const some = (unsynced: boolean, what: Op['do']) =>
    calls.some((call) =>
      call.units.some((unit) => !!unit.unsynced === unsynced && unit.ops.some((op) => op.do === what)),
    )
  return some(true, 'reserve') && some(false, 'put')
}

function apart({ units, answers, since, also }: Call): Call[] {
  return units.map((unit, i) => ({
    units: [unit],
    answers: [answers[i] as Call['answers'][number]],
    since,
    ...(also && { also }),
  }))
}
