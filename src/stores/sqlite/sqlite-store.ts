import type { DatabaseSync } from 'node:sqlite'
import { ClosedError } from '../../errors.ts'
import type { Ms, Queue } from '../../job.ts'
import { Machine } from '../machine/machine.ts'
import type {
  Hint,
  JobView,
  Look,
  QueueStats,
  Result,
  Store,
  StoreLimit,
  StoreProcess,
  Traits,
  Unit,
} from '../store.ts'
import { AwaitedCommits } from './awaited-commits.ts'
import { Connection } from './connection.ts'
import { Disk } from './disk.ts'
import type { Durability } from './durability.ts'
import { Reader } from './look.ts'
import { Peers } from './peers.ts'
import type { Processes } from './processes.ts'
import { readable } from './schema.ts'
import { SqliteTable } from './table.ts'
import { Transactions } from './transactions.ts'
import { Upkeep } from './upkeep.ts'
import { commitWithin, type Expected } from './within.ts'

export class SqliteStore implements Store {
  readonly traits: Traits = { shared: true, durable: true, within: true, gates: true, notes: true, children: false }
  readonly now: () => Ms
  /** A process that had the file open before is dead. */
  readonly crashed: boolean
  readonly #db: DatabaseSync
  readonly #path: string
  readonly #peers: Peers
  readonly #awaited: AwaitedCommits
  readonly #disk: Disk
  readonly #upkeep: Upkeep
  readonly #table: SqliteTable
  readonly #machine: Machine
  readonly #reader: Reader
  readonly #transactions: Transactions
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
    const tell = (hint: Hint) => this.#tell(hint)
    this.#disk = new Disk(o.db, o.path, o.durability, (error) => this.#transactions.fail(error))
    this.#upkeep = new Upkeep(o.db, this.#disk, o.maxWal, (full) => {
      this.#machine.full = full
      this.#tellHealth()
    })
    const file = new Connection(o.db)
    this.#table = new SqliteTable(file, o.slot, o.epoch)
    this.#machine = new Machine(this.#table)
    this.#reader = new Reader(file, o.now, (no) => this.#table.holders.name(no))
    this.#peers = new Peers({
      processes: o.processes,
      table: this.#table,
      disk: this.#disk,
      now: o.now,
      write: (what) => this.#transactions.write(what),
      tell,
      stopped: () => this.#closing !== undefined || this.#transactions.failure !== undefined,
    })
    this.#awaited = new AwaitedCommits(o.processes, this.#table, tell)
    this.#transactions = new Transactions({
      db: o.db,
      path: o.path,
      patience: o.patience,
      now: o.now,
      table: this.#table,
      machine: this.#machine,
      disk: this.#disk,
      upkeep: this.#upkeep,
      peers: this.#peers,
      tell,
      onRoom: () => this.#tellHealth(),
    })
    void this.#peers.look()
    this.crashed = this.#table.dead.size > 0
  }

  get others(): number {
    return this.#peers.count
  }

  commit(units: Unit[]): Promise<Result[]>[] {
    const refusal =
      this.#transactions.failure ?? (this.#closing && new ClosedError('The store is closed; open it again.'))
    if (refusal) return units.map(() => Promise.reject(refusal))
    return this.#transactions.run(units)
  }

  #tellHealth(): void {
    this.#tell({ health: this.#transactions.full ? 'disk full' : this.#machine.full ? 'wal full' : 'ok' })
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
    return this.#read(() => this.#table.roster.views(this.#table.dead))
  }

  /** @throws ClosedError, InvalidArgumentError it isn't node:sqlite's handle with a transaction open on this file */
  within(transaction: unknown): { commit(unit: Unit): Result[] } {
    this.#checkOpen()
    const { slot, epoch } = this.#table
    const expect = (what: Expected) => this.#awaited.expect(what)
    return {
      commit: (unit) => commitWithin(transaction, unit, { path: this.#path, slot, epoch, now: this.now, expect }),
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
      if (!this.#transactions.failure) await this.#leave()
    } finally {
      this.#transactions.close()
      this.#upkeep.close()
      this.#awaited.close()
      this.#peers.close()
      this.#disk.close()
      this.#db.close()
    }
  }

  /** What this process had reserved goes back, and it is struck off the file. */
  async #leave(): Promise<void> {
    await this.#transactions.write(() => {
      for (const session of this.#table.holders.names) this.#machine.run({ ops: [{ do: 'end', session, as: 'lost' }] })
      this.#table.dead.strike(this.#table.slot)
      this.#table.mark.returnBlock()
    })
    await this.#disk.settle()
  }

  /** What is due by now is due, too, for one who only looks. */
  async #settleTime(): Promise<void> {
    if (!this.#closing && this.#table.mark.stored() <= this.now()) await this.commit([{ ops: [], unsynced: true }])[0]
  }

  #tell(hint: Hint): void {
    for (const listener of this.#listeners) listener(hint)
  }
}
