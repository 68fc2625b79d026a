import type { DatabaseSync } from 'node:sqlite'
import { CannotOpenError, CorruptStoreError, NewerFormatError, NotAStoreError, UnavailableError } from '../../errors.ts'

/** 'Quup', so that `file` recognises our files. */
export const APPLICATION_ID = 0x51757570

interface Step {
  sql: string
  /**
   * A column that it adds to a table of ours. A file's version is told by these, and not by `user_version`, in which applications that share the file count
   * their own migrations.
   */
  sign: readonly [table: string, column: string]
}

/**
 * The steps from one version of the format to the next, each only adding: tables, columns with a default, indexes. So a process of the version before
 * goes on working beside a newer one during a deploy. Where a step can't be like that, it raises `mark.oldest`, the oldest version that may work with the file.
 */
const STEPS: readonly Step[] = [
  {
    sign: ['mark', 'meddled'],
    sql: `
CREATE TABLE mark (
  k INTEGER PRIMARY KEY CHECK (k = 1),
  oldest INTEGER NOT NULL,               -- the oldest version of the format that may work with this file
  next INTEGER NOT NULL DEFAULT 1,       -- the next id; ids and ranks come from one counter
  burial INTEGER NOT NULL DEFAULT 1,     -- the next number in the order of burial
  epoch INTEGER NOT NULL DEFAULT 0,      -- how often the file was opened: the base of fences
  records INTEGER NOT NULL DEFAULT 0,    -- the version of the newest record
  processes INTEGER NOT NULL DEFAULT 0,  -- raised when a process comes or goes
  meddled INTEGER NOT NULL DEFAULT 0,    -- raised when a process changes a job that another one has reserved
  soonest INTEGER NOT NULL DEFAULT 9007199254740991, -- nothing is due before this moment
  boot TEXT, wall INTEGER, monotonic INTEGER         -- the clock: one wall time a boot, moved on by the monotonic clock
) STRICT;
INSERT INTO mark (k, oldest) VALUES (1, 1);

CREATE TABLE queue (
  no INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  ready INTEGER NOT NULL DEFAULT 0, urgent INTEGER NOT NULL DEFAULT 0, delayed INTEGER NOT NULL DEFAULT 0,
  waiting INTEGER NOT NULL DEFAULT 0, reserved INTEGER NOT NULL DEFAULT 0, buried INTEGER NOT NULL DEFAULT 0,
  leaving INTEGER NOT NULL DEFAULT 0, leaving_bytes INTEGER NOT NULL DEFAULT 0, -- of the buried ones, those on their way to the dead-letter target
  bytes INTEGER NOT NULL DEFAULT 0, puts INTEGER NOT NULL DEFAULT 0, gone INTEGER NOT NULL DEFAULT 0,
  used INTEGER NOT NULL DEFAULT 0
) STRICT;

-- state: 0 ready, 1 reserved, 2 delayed, 3 buried, 4 waiting. The body comes last: what stands behind it would have to be read through it.
CREATE TABLE job (
  id INTEGER PRIMARY KEY,
  queue INTEGER NOT NULL, pri INTEGER NOT NULL, rank INTEGER NOT NULL, state INTEGER NOT NULL,
  at INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL, n INTEGER NOT NULL DEFAULT 0, session INTEGER,
  reserves INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0, delay INTEGER NOT NULL DEFAULT 0,
  put INTEGER NOT NULL, first INTEGER NOT NULL DEFAULT 0, expires INTEGER, dead INTEGER, grp TEXT, more TEXT,
  gates TEXT, parent INTEGER, children INTEGER, size INTEGER,
  envelope BLOB, body BLOB
) STRICT;
-- A body of some size stands apart (and its size in job.size), so that it isn't written again whenever the job changes its state.
CREATE TABLE body (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE INDEX job_ready ON job (queue, pri, rank) WHERE state = 0;
CREATE INDEX job_reserved ON job (at) WHERE state = 1;
CREATE INDEX job_delayed ON job (at) WHERE state = 2;
CREATE INDEX job_delayed_in ON job (queue, at) WHERE state = 2;
CREATE INDEX job_buried ON job (queue, at) WHERE state = 3;
CREATE INDEX job_group ON job (queue, grp, rank) WHERE grp IS NOT NULL AND state <> 3;
CREATE INDEX job_expires ON job (expires) WHERE expires IS NOT NULL AND state <> 1;
CREATE INDEX job_dead ON job (at) WHERE dead IS NOT NULL;

CREATE TABLE claim (
  queue INTEGER NOT NULL, key TEXT NOT NULL, job INTEGER NOT NULL, until TEXT, expires INTEGER,
  PRIMARY KEY (queue, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_expires ON claim (expires) WHERE expires IS NOT NULL;

CREATE TABLE record (
  key TEXT PRIMARY KEY, value TEXT, version INTEGER NOT NULL, session INTEGER, at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX record_version ON record (version);
CREATE INDEX record_at ON record (at) WHERE at IS NOT NULL;
CREATE INDEX record_session ON record (session) WHERE session IS NOT NULL;

CREATE TABLE history (
  no INTEGER PRIMARY KEY, job INTEGER NOT NULL, queue INTEGER NOT NULL, name TEXT, ended INTEGER NOT NULL, outcome TEXT NOT NULL,
  job_view TEXT NOT NULL, result BLOB, error BLOB, envelope BLOB, body BLOB
) STRICT;
CREATE INDEX history_queue ON history (queue, no);
CREATE INDEX history_job ON history (job);

CREATE TABLE note (
  job INTEGER NOT NULL, no INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT, at INTEGER NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (job, no)
) STRICT, WITHOUT ROWID;

-- Processes that have the file open, and which queues they wait for.
CREATE TABLE process (slot INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, pid INTEGER NOT NULL, name TEXT NOT NULL) STRICT;
CREATE TABLE waiter (queue TEXT NOT NULL, slot INTEGER NOT NULL, PRIMARY KEY (queue, slot)) STRICT, WITHOUT ROWID;
`,
  },
  // What the jobs API needs: results that are kept for a while, limits, and a ring of events, written only while somebody follows.
  {
    sign: ['history', 'until'],
    sql: `
ALTER TABLE history ADD COLUMN until INTEGER; -- it is kept until then, whatever its queue's policy
CREATE INDEX history_until ON history (until) WHERE until IS NOT NULL;
CREATE TABLE event (
  no INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, type TEXT NOT NULL, job INTEGER NOT NULL, queue TEXT NOT NULL, data TEXT
) STRICT;

-- Limits and their keys. lanes: for each queue its number, how many of its jobs are ready and how many wait here, and what orders the two.
CREATE TABLE gate (
  name TEXT PRIMARY KEY, running INTEGER NOT NULL, since INTEGER NOT NULL, used INTEGER NOT NULL, per INTEGER NOT NULL,
  parked INTEGER NOT NULL, lanes TEXT,
  opens INTEGER, -- when time lets those that wait here through
  until INTEGER  -- nothing is at it, and then its window is over, too
) STRICT, WITHOUT ROWID;
CREATE INDEX gate_opens ON gate (opens) WHERE opens IS NOT NULL;
CREATE INDEX gate_until ON gate (until) WHERE until IS NOT NULL;
ALTER TABLE job ADD COLUMN gate TEXT;     -- the gate at which it waits
ALTER TABLE job ADD COLUMN begun INTEGER; -- when it was last reserved, of jobs with gates
CREATE INDEX job_parked ON job (gate, queue, pri, rank) WHERE gate IS NOT NULL;

-- Where groups take turns: a job's group ('': none), and 1 while its rank is a turn that it has taken. What changes at a reserve is not in the index.
ALTER TABLE job ADD COLUMN fair TEXT;
ALTER TABLE job ADD COLUMN turn INTEGER;
CREATE INDEX job_turn ON job (queue, fair, pri, rank) WHERE turn IS NOT NULL;

-- With a state in its condition, each change of a state would take a job out of this index and put it back.
DROP INDEX job_group;
CREATE INDEX job_group ON job (queue, grp, rank) WHERE grp IS NOT NULL;
`,
  },
  // Records that were deleted long ago are not kept.
  {
    sign: ['mark', 'forgotten'],
    sql: `
ALTER TABLE mark ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0; -- up to this version of records, it isn't known any more which were deleted
CREATE INDEX record_deleted ON record (version) WHERE value IS NULL;
`,
  },
]
/** The format that this code writes. */
export const VERSION = STEPS.length

/** One statement, so that it sees one state of the file: another process may make a store of an empty one meanwhile. */
const LOOK = `SELECT (SELECT count(*) FROM sqlite_schema), (SELECT application_id FROM pragma_application_id),
  ${STEPS.map(({ sign: [table, column] }) => `EXISTS (SELECT 1 FROM pragma_table_info('${table}') WHERE name = '${column}')`).join()}`

/**
 * What the file is, before anything is written to it.
 * @returns its version, as far as this code knows them; 0: empty
 * @throws NotAStoreError, NewerFormatError, CorruptStoreError
 */
export function versionOf(db: DatabaseSync, path: string): number {
  try {
    const look = db.prepare(LOOK)
    look.setReturnArrays(true)
    const [tables, id, ...steps] = look.get() as unknown as number[]
    const missing = steps.indexOf(0)
    if (missing === 0) {
      if (tables === 0 && (id === 0 || id === APPLICATION_ID)) return 0
      throw new NotAStoreError(
        `${path} is an SQLite file of another application. Name another path for the store, or, for jobs beside tables of your own, let the store be made first; this one was not touched.`,
      )
    }
    const mark = db.prepare('SELECT oldest FROM mark').get() as { oldest: number } | undefined
    if (!mark) throw damaged(path, new Error('mark has no row'))
    if (mark.oldest > VERSION)
      throw new NewerFormatError(
        `${path} was changed by a newer Queueup, and works with format ${mark.oldest} or later (this one has ${VERSION}). Update Queueup; the file was not touched.`,
      )
    return missing < 0 ? VERSION : missing
  } catch (error) {
    throw readable(error, path)
  }
}

/**
 * That a process which has the file open may go on with it, whatever newer ones have made of it meanwhile.
 * @throws NewerFormatError
 */
export function checkOldest(oldest: number): void {
  if (oldest > VERSION)
    throw new NewerFormatError(
      `A newer Queueup has changed the file so that this one (format ${VERSION}) can't go on with it. Update Queueup; this process wrote nothing since.`,
    )
}

/** Brings the file to this code's version. Within a transaction. */
export function migrate(db: DatabaseSync, version: number): void {
  if (version === 0) db.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
  for (const { sql } of STEPS.slice(version)) db.exec(sql)
}

/** SQLite's code where the -shm, which the first to open a file makes, finds no room. */
const NO_ROOM_BESIDE = 4874

/** What SQLite or the system says of a file that can't be opened or read, as ours. What others hold stays as it is: it is tried again. */
export function readable(error: unknown, path: string): unknown {
  const { errcode = 0, syscall, message } = error as { errcode?: number; syscall?: string; message: string }
  if (syscall !== undefined) return cannotOpen(path, error)
  switch (errcode === NO_ROOM_BESIDE ? 13 : errcode & 0xff) {
    case 26:
      return new NotAStoreError(
        `${path} is not an SQLite file. Name another path for the store; this one was not touched.`,
        { cause: error },
      )
    case 11:
      return damaged(path, error)
    case 8:
    case 14:
      return cannotOpen(path, error)
    case 13:
      return new UnavailableError(
        `The disk of ${path} is full, and who opens a store writes that into it. Make room, then try again.`,
        { cause: error },
      )
    case 10:
      return new UnavailableError(
        `${path} could not be read or written (${message}). Check the disk, then try again.`,
        { cause: error },
      )
    default:
      return error
  }
}

/** @param error what SQLite or the system said */
export function cannotOpen(path: string, error: unknown): CannotOpenError {
  return new CannotOpenError(
    `${path} can't be opened: ${(error as Error).message}. Check the path, and that the file, its folder, and what lies beside it (-wal, -shm, -processes) may be written to.`,
    { cause: error },
  )
}

function damaged(path: string, cause: unknown): CorruptStoreError {
  return new CorruptStoreError(
    `${path} is damaged. Restore it from a backup, or take out what can be read with "sqlite3 ${path} .recover"; it was not touched.`,
    { cause },
  )
}
