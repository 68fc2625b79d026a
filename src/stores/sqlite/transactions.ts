import type { DatabaseSync, StatementSync } from 'node:sqlite'
import {
  CorruptStoreError,
  NewerFormatError,
  OwnTransactionError,
  UnavailableError,
  UnknownOutcomeError,
} from '../../errors.ts'
import type { Ms } from '../../job.ts'
import type { Machine } from '../machine/machine.ts'
import type { Hint, Op, Result, Unit } from '../store.ts'
import type { Ring } from './bell.ts'
import type { Disk } from './disk.ts'
import { atLimit, ownTransaction, reasonOf } from './failure.ts'
import { holdsWriteLock } from './lock.ts'
import { isBusy, lockedFor } from './open.ts'
import type { Peers } from './peers.ts'
import type { SqliteTable } from './table.ts'
import type { Upkeep } from './upkeep.ts'

/** A call that waits for its transaction. `also` is what the store itself has to write. */
interface Call {
  units: Unit[]
  answers: { resolve: (results: Result[]) => void; reject: (error: unknown) => void }[]
  also?: () => void
  since: number
  /** It has a transaction to itself: one that it was in with others failed, perhaps by it. */
  alone?: true
}

/** SQLite's code where there is no room; and that for another write that failed. */
const FULL = 13
const IOERR_WRITE = 778
/** Where nothing was refused for so long, there is room again. */
const ROOM: Ms = 1000
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

/**
 * The store's calls on their way into the file: those that wait together are one transaction, and have their answers when it is committed, and on disk if
 * they asked for that. While another process holds the file they wait; when it fails they are told what is known of the outcome.
 */
export class Transactions {
  readonly #db: DatabaseSync
  readonly #path: string
  readonly #patience: Ms
  readonly #now: () => Ms
  readonly #table: SqliteTable
  readonly #machine: Machine
  readonly #disk: Disk
  readonly #upkeep: Upkeep
  readonly #peers: Peers
  readonly #tell: (hint: Hint) => void
  readonly #onRoom: () => void
  readonly #begin: StatementSync
  readonly #commit: StatementSync
  #calls: Call[] = []
  #retry: NodeJS.Timeout | undefined
  #askedForHolder = 0
  #failure: Error | undefined
  #full = false
  #refused: Ms = 0

  constructor(o: {
    db: DatabaseSync
    path: string
    /** For so long a call waits for a file that another process holds. */
    patience: Ms
    now: () => Ms
    table: SqliteTable
    machine: Machine
    disk: Disk
    upkeep: Upkeep
    peers: Peers
    /** Tells whoever listens to the store. */
    tell: (hint: Hint) => void
    /** The disk has become full, or has room again. */
    onRoom: () => void
  }) {
    this.#db = o.db
    this.#path = o.path
    this.#patience = o.patience
    this.#now = o.now
    this.#table = o.table
    this.#machine = o.machine
    this.#disk = o.disk
    this.#upkeep = o.upkeep
    this.#peers = o.peers
    this.#tell = o.tell
    this.#onRoom = o.onRoom
    this.#begin = o.db.prepare('BEGIN IMMEDIATE')
    this.#commit = o.db.prepare('COMMIT')
  }

  /** Why nothing is written any more. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** The disk had no room for the last change. */
  get full(): boolean {
    return this.#full
  }

  /** @returns the results of each unit */
  run(units: Unit[]): Promise<Result[]>[] {
    const answers = units.map(() => Promise.withResolvers<Result[]>())
    this.#enqueue({ units, answers, since: performance.now() })
    return answers.map(({ promise }) => promise)
  }

  /** Runs what the store itself has to write. */
  write(also: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const answers = [{ resolve: () => resolve(), reject }]
      this.#enqueue({ units: [{ ops: [] }], answers, also, since: performance.now() })
    })
  }

  /** Nothing is written any more: what waits is refused. */
  fail(error: Error): void {
    if (this.#failure) return
    this.#failure = error
    const rest = this.#calls.splice(0)
    const unavailable = new UnavailableError('The store has failed earlier and wrote nothing of this. Start again.', {
      cause: error,
    })
    for (const call of rest) for (const answer of call.answers) answer.reject(unavailable)
    this.#tell({ health: 'failed', failure: error })
  }

  close(): void {
    clearTimeout(this.#retry)
  }

  #enqueue(call: Call): void {
    this.#calls.push(call)
    if (!this.#retry) this.#work()
  }

  #work(): void {
    while (this.#calls.length > 0) {
      let size = 0
      let count = 0
      for (const call of this.#calls) {
        if (count > 0 && (size >= BATCH || call.alone)) break
        for (const unit of call.units) size += unit.ops.length
        count++
        if (call.alone) break
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
      const busy = this.#lock()
      if (busy) return this.#impatient(calls, busy)
      const now = (table.now = this.#now())
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
      this.#commit.run()
    } catch (error) {
      return this.#failed(error, calls, committing)
    }
    table.settle()
    if (table.file.wrote) {
      this.#upkeep.committed()
      if (this.#full) this.#tellRoom(false)
    }
    const synced = table.file.wrote && waitedFor ? this.#disk.afterCommit(handsOn(calls)) : undefined
    this.#answer(calls, results, synced)
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

  /** A small change may fit where the next one doesn't: there is room when none was refused for a while. */
  #tellRoom(full: boolean): void {
    const now = performance.now()
    if (full) this.#refused = now
    if (full === this.#full || (!full && now - this.#refused < ROOM)) return
    this.#full = full
    this.#onRoom()
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
    const limited = committing && errcode === IOERR_WRITE && this.#disk.isAtLimit()
    const reason = limited ? atLimit(this.#path, error) : reasonOf(code, committing, message, this.#path, error)
    if (limited) this.#upkeep.makeRoom()
    if (limited || code === FULL) this.#tellRoom(true)
    for (const call of calls) for (const answer of call.answers) answer.reject(reason)
    if (outdated || reason instanceof UnknownOutcomeError || reason instanceof CorruptStoreError) this.fail(reason)
    return true
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
    alone: true,
    ...(also && { also }),
  }))
}
