import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../clock.ts'
import { CorruptStoreError } from '../../errors.ts'
import type { Ms } from '../../job.ts'
import type { Store } from '../store.ts'
import { sharedClock } from './clock.ts'
import { syncEvery, type Durability } from './durability.ts'
import { openFile, retry, type Surroundings } from './open.ts'
import { Processes } from './processes.ts'
import { readable } from './schema.ts'
import { SqliteStore } from './sqlite-store.ts'

export type { Durability } from './durability.ts'
export { checkSqlite } from './version.ts'

export interface SqliteOptions {
  /** The file; made if it isn't there. Beside it lie `-wal`, `-shm` and the folder `-processes` while it is open. */
  path: string
  /** What an acknowledged change survives. Default 'full'. */
  durability?: Durability | undefined
  /** The clock of its deadlines. Default: one that all processes on the file share. */
  clock?: Clock | undefined
  /** How long a commit waits for the file while another process holds it. Default 30 s. */
  patience?: Ms
  /** Bytes of the write-ahead log past which puts are refused as 'full', while a reader keeps it from starting over. Default 1 GiB. */
  maxWal?: number
  /** For tests: what the checks at the opening see. */
  around?: Surroundings
}

/** After a crash, files up to this size are checked before they are used: about a second a gigabyte. */
const CHECKED_SIZE = 256 << 20

/**
 * A store in one SQLite file, which several processes of one machine may share.
 * @throws UnsafeSqliteError, NetworkFileSystemError, CannotOpenError, NotAStoreError, NewerFormatError, CorruptStoreError, UnavailableError,
 *   InvalidArgumentError (durability)
 * @example const store = await openSqlite({ path: 'jobs.db' })
 */
export async function openSqlite(options: SqliteOptions): Promise<Store> {
  const { path, clock, durability = 'full', patience = 30_000, maxWal = 2 ** 30, around = {} } = options
  syncEvery(durability)
  const db = await openFile(path, around, patience)
  let processes: Processes | undefined
  try {
    processes = new Processes(path)
    await processes.listen()
    const { name } = processes
    const joined = await retry(() => join(db, name), path, patience)
    const store = new SqliteStore({
      db,
      path,
      processes,
      durability,
      patience,
      maxWal,
      ...joined,
      now: clock ? () => clock.now() : joined.now,
    })
    if (store.crashed && store.others === 0) check(db, path)
    return store
  } catch (error) {
    processes?.close()
    db.close()
    throw readable(error, path)
  }
}

/** Enters this process into the file: the smallest free slot, and an epoch above all before it, on disk before anything is reserved. */
function join(db: DatabaseSync, name: string): { slot: number; epoch: number; now: () => Ms } {
  db.exec('BEGIN IMMEDIATE')
  try {
    const { epoch } = db
      .prepare('UPDATE mark SET epoch = epoch + 1, processes = processes + 1 RETURNING epoch')
      .get() as { epoch: number }
    const taken = new Set(
      db
        .prepare('SELECT slot FROM process')
        .all()
        .map((row) => row['slot']),
    )
    let slot = 1
    while (taken.has(slot)) slot++
    db.prepare('INSERT INTO process (slot, epoch, pid, name) VALUES (?, ?, ?, ?)').run(slot, epoch, process.pid, name)
    const now = sharedClock(db)
    db.exec('COMMIT')
    return { slot, epoch, now }
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

/** @throws CorruptStoreError */
function check(db: DatabaseSync, path: string): void {
  if (statSync(path).size > CHECKED_SIZE) return
  const { quick_check: found } = db.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }
  if (found !== 'ok')
    throw new CorruptStoreError(
      `${path} is damaged (${found}). Restore it from a backup, or take out what can be read with "sqlite3 ${path} .recover".`,
    )
}
