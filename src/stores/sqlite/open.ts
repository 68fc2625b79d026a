/** What is looked at before a file is opened, so that nothing is touched that can't be worked with. */
import { accessSync, closeSync, constants, existsSync, openSync, statfsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CannotOpenError, NetworkFileSystemError, UnavailableError } from '../../errors.ts'
import { cannotOpen, migrate, readable, versionOf } from './schema.ts'
import { checkSqlite } from './version.ts'

/** File systems of other machines, by statfs' type: there SQLite's write-ahead log has no shared memory between the clients. */
const NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x01021997, '9P'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x00c36400, 'CephFS'],
  [0x564c, 'NCP'],
  [0x47504653, 'GPFS'],
  [0x0bd00bd0, 'Lustre'],
])

export interface Surroundings {
  sqlite?: string
  /** The type of the file system that a folder lies on. */
  fileSystem?: (folder: string) => number
}

/**
 * Opens the file, made if it isn't there, and brings it to this code's format.
 * @throws UnsafeSqliteError, NetworkFileSystemError, CannotOpenError, NotAStoreError, NewerFormatError, CorruptStoreError
 */
export async function openFile(path: string, around: Surroundings, patience: number): Promise<DatabaseSync> {
  checkSqlite(around.sqlite)
  const folder = dirname(resolve(path))
  checkFolder(path, folder, around.fileSystem ?? ((folder) => statfsSync(folder).type))
  const isNew = !existsSync(path)
  let db: DatabaseSync
  try {
    // Queue contents are nobody else's business; SQLite gives -wal and -shm the mode of the file.
    if (isNew) closeSync(openSync(path, 'a', 0o600))
    // SQLite opens what it may only read, too, and leaves a -wal and -shm to which the file's owner can't write.
    accessSync(path, constants.R_OK | constants.W_OK)
    db = new DatabaseSync(path, { timeout: 0 })
  } catch (error) {
    throw cannotOpen(path, error)
  }
  try {
    await retry(() => prepare(db, path), path, patience)
    return db
  } catch (error) {
    db.close()
    throw readable(error, path)
  }
}

function prepare(db: DatabaseSync, path: string): void {
  const version = versionOf(db, path)
  if (version === 0) {
    db.exec('PRAGMA auto_vacuum = INCREMENTAL')
    // An application that has the file open may have written its header, as by journal_mode: only then it has to be written anew.
    if (db.prepare('PRAGMA auto_vacuum').get()?.['auto_vacuum'] === 0) db.exec('VACUUM')
  }
  db.exec('PRAGMA journal_mode = WAL')
  db.exec(
    'PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 16777216; PRAGMA mmap_size = 0',
  )
  db.exec('BEGIN IMMEDIATE')
  try {
    // Again, now that nobody else can change it.
    migrate(db, versionOf(db, path))
    db.exec('COMMIT')
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}

/** Runs again after a moment for as long as another connection holds the file. */
export async function retry<T>(run: () => T, path: string, patience: number): Promise<T> {
  const end = performance.now() + patience
  for (;;) {
    try {
      return run()
    } catch (error) {
      if (!isBusy(error)) throw error
      if (performance.now() > end) throw new UnavailableError(lockedFor(path, patience), { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 7))
    }
  }
}

export function isBusy(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode ?? 0
  return (code & 0xff) === 5 || (code & 0xff) === 6
}

export function lockedFor(path: string, patience: number): string {
  return `${path} was locked by another process for ${patience / 1000} s, so nothing was written. Find the process that holds a transaction open (on Linux, /proc/locks names it) and end it; then try again.`
}

function checkFolder(path: string, folder: string, fileSystem: (folder: string) => number): void {
  let type: number
  try {
    type = fileSystem(folder)
  } catch (error) {
    throw new CannotOpenError(
      `${path} can't be opened: ${(error as Error).message}. Make the folder ${folder} first.`,
      { cause: error },
    )
  }
  const name = NETWORK.get(type)
  if (name)
    throw new NetworkFileSystemError(
      `${path} lies on a network file system (${name}), where a queue in a file loses jobs. Put it on a disk of this machine; it was not touched.`,
    )
}
