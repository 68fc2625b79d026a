/** Units in the application's own transaction on the same file: rolled back, nothing of them is left; committed, everything is. */
import { realpathSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { InvalidArgumentError } from '../../errors.ts'
import type { Ms } from '../../job.ts'
import { Machine } from '../machine/machine.ts'
import type { QueueRow } from '../machine/queue.ts'
import type { Hint, Op, Result, Unit } from '../store.ts'
import { Connection } from './connection.ts'
import { SqliteTable } from './table.ts'

/** What needs the store's own sessions, or more than one transaction. */
const UNFIT: readonly Op['do'][] = ['reserve', 'end', 'due']

/** What will be so once the application has committed. */
export interface Expected {
  /** These may have jobs. */
  woken: Iterable<QueueRow>
  /** There are events. */
  told: boolean
  /** Something is due then, sooner than anything was before. */
  due: Ms | undefined
  /** Leases that ended, or whose job is cancelled: their holders are to be told. */
  ended: NonNullable<Hint['ended']>
}

export interface Within {
  path: string
  slot: number
  epoch: number
  now: () => Ms
  expect(what: Expected): void
}

/**
 * @param handle node:sqlite's, with a transaction open on the store's file
 * @throws InvalidArgumentError
 */
export function commitWithin(handle: unknown, unit: Unit, { path, slot, epoch, now, expect }: Within): Result[] {
  const file = checked(handle, path)
  const unfit = unit.ops.find((op) => UNFIT.includes(op.do) || (op.do === 'record' && op.session !== undefined))
  if (unfit)
    throw new InvalidArgumentError(
      `'${unfit.do}' can't be part of the application's transaction; call commit of the store for it.`,
    )
  const table = new SqliteTable(file, slot, epoch)
  const machine = new Machine(table)
  machine.housekeeping.enabled = false
  table.now = now()
  const results = whole(file, () => {
    table.begin()
    machine.begin(table.now)
    const results = machine.run(unit)
    machine.end()
    table.end()
    return results
  })
  table.settle()
  expect({
    woken: machine.woken,
    told: machine.told !== undefined,
    // The application is told of no dead letters: `due` gives them their way.
    due: machine.reported.size > 0 ? table.now : table.mark.lowered,
    ended: machine.ended.map(({ id, n, why }) => ({ id, n, why })),
  })
  return results
}

/** Where it throws, nothing of it is left, whatever becomes of the transaction. */
function whole<T>(file: Connection, run: () => T): T {
  file.run('SAVEPOINT within')
  try {
    return run()
  } catch (error) {
    if (file.isTransaction) file.run('ROLLBACK TO within')
    throw error
  } finally {
    if (file.isTransaction) file.run('RELEASE within')
  }
}

/** Handles that were here before, with their statements. */
const known = new WeakMap<DatabaseSync, { file: Connection; path: string }>()

function checked(handle: unknown, path: string): Connection {
  if (!(handle instanceof DatabaseSync))
    throw new InvalidArgumentError(
      "This is no handle of node:sqlite. Only its DatabaseSync can share the file within one process: another SQLite library and it lose each other's locks, and with them committed rows.",
    )
  if (!handle.isOpen) throw new InvalidArgumentError('This handle is closed: open it again, and begin a transaction.')
  if (!handle.isTransaction)
    throw new InvalidArgumentError('No transaction is open on this handle: run BEGIN IMMEDIATE on it first.')
  const before = known.get(handle)
  if (before?.path === path && before.file.isOpen) return before.file
  const file = new Connection(handle)
  const [name] = file.get<[string]>("SELECT file FROM pragma_database_list WHERE name = 'main'") as [string]
  if (name === '' || realpathSync(name) !== realpathSync(path))
    throw new InvalidArgumentError(
      `This handle has ${name || 'a database in memory'} open, not the store's file ${path}.`,
    )
  known.set(handle, { file, path })
  return file
}
