/** Brings the jobs of beanstalkd's own log into a store, once. The log itself is never written to. */
import { createHash } from 'node:crypto'
import { access, constants, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../clock.ts'
import { BinlogError } from '../../errors.ts'
import type { Op, PutOp, Store } from '../../stores/store.ts'
import { binlogs, readBinlog, Tape, unreadable, type Binlog, type LoggedJob } from './binlog-reader.ts'

/**
 * Keeps beanstalkd from starting on DIR until the function that it resolves to is called.
 * Throws BinlogError if one runs: it holds an fcntl lock on the whole of `DIR/lock`.
 */
export async function lockBinlog(dir: string): Promise<() => void> {
  const lock = join(dir, 'lock')
  try {
    await access(lock, constants.R_OK)
  } catch (error) {
    // None has run here: the files were copied.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return () => {}
    throw unreadable(dir, error as Error)
  }
  // Node has no fcntl locks, but SQLite takes them: a reader of an empty file shares a part of the range that beanstalkd wants for itself.
  const { DatabaseSync } = await import('node:sqlite')
  const file = new DatabaseSync(lock, { readOnly: true })
  try {
    file.exec('BEGIN')
    file.prepare('SELECT count(*) FROM sqlite_schema').get()
  } catch (error) {
    file.close()
    if ((error as { errcode?: number }).errcode === 5)
      throw new BinlogError(
        `beanstalkd is running on the binlog in ${dir}. Stop it, then start again: its jobs are imported then. It was left as it was.`,
      )
    throw unreadable(dir, error as Error)
  }
  return () => file.close()
}

const key = 'import/beanstalkd-binlog'

/** How far the import has come: `of` counts jobs of `log`, which names the files as they were. */
interface Progress {
  log: string
  done: number
  of: number
}

/** A slice of the import: at most so many jobs, and no further job after so many bytes of bodies. */
const slice = { jobs: 256, bytes: 4 << 20 }

/**
 * Imports the jobs of beanstalkd's log into `default/<tube>`, once: a record in the store says so, and a second call does nothing. Each job keeps its id, priority,
 * time to run, age, and counters; a delayed one waits for what is left of its delay, a buried one stays buried, in the order of burial;
 * a reserved one is ready. Later ids are above every one that the log names.
 *
 * Each slice and its progress are one commit, so that an import that was cut short goes on where it stood.
 *
 * Resolves to the number of jobs and files, and to the places behind which a file was damaged; undefined: no log, or imported before; 'changed': imported
 * before, and beanstalkd has run on it since.
 * Throws BinlogError while beanstalkd runs on DIR; for another format; when the log changed after an import that was cut short; when the store
 * has a job of the same id or refuses one.
 *
 * @example
 * const imported = await importBinlog('/var/lib/beanstalkd', store, { clock: systemClock })
 * if (typeof imported === 'object') console.log(`${imported.jobs} jobs of ${imported.files} files`)
 */
export async function importBinlog(
  dir: string,
  store: Store,
  o: { clock: Clock },
): Promise<{ jobs: number; files: number; damaged: readonly string[] } | 'changed' | undefined> {
  const files = await binlogs(dir)
  if (!files.length) return undefined
  const known = (await store.records(0)).changed.find((record) => record.key === key)
  const before = known?.value as Progress | undefined
  if (before && before.done === before.of)
    // One that is gone by now is a change, too.
    return (await fingerprint(dir, files).catch(() => undefined)) === before.log ? undefined : 'changed'
  const unlock = await lockBinlog(dir)
  try {
    const log = await readBinlog(dir)
    const name = await fingerprint(dir, log.files)
    if (before && before.log !== name)
      throw new BinlogError(
        `The binlog in ${dir} has changed since its import into this store was cut short. Remove Queueup's store there and start again; the binlog was left as it was.`,
      )
    let done = before?.done ?? 0
    let version = known?.version ?? 0
    do {
      const ops: Op[] = done ? [] : above(log)
      done += await restore(dir, log.jobs.slice(done, done + slice.jobs), ops, store, o.clock)
      const value: Progress = { log: name, done, of: log.jobs.length }
      ops.push({ do: 'record', key, value, version })
      version = await write(ops, store)
    } while (done < log.jobs.length)
    return { jobs: log.jobs.length, files: log.files.length, damaged: log.damaged }
  } finally {
    unlock()
  }
}

async function fingerprint(dir: string, files: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const file of files) {
    const { size, mtimeMs } = await stat(join(dir, file))
    hash.update(`${file} ${size} ${mtimeMs}\n`)
  }
  return hash.digest('hex')
}

/** A deleted job's id isn't given out again either: it comes and goes. */
function above({ highest, jobs }: Binlog): Op[] {
  if (!highest || jobs.some((job) => job.id === highest)) return []
  const gone: PutOp = {
    do: 'put',
    to: [{ queue: 'default/default', create: true }],
    msg: { body: new Uint8Array() },
    restore: { id: highest, put: 0, reserves: 0, counts: { releases: 0, timeouts: 0, buries: 0, kicks: 0 } },
  }
  return [gone, { do: 'finish', job: { id: highest } }]
}

/** Adds the puts of as many of these jobs as one slice holds, and resolves to their number. */
async function restore(
  dir: string,
  jobs: readonly LoggedJob[],
  ops: Op[],
  store: Store,
  clock: Clock,
): Promise<number> {
  const tapes = new Map<string, Tape>()
  const now = store.now()
  const wall = clock.now()
  let bytes = 0
  let count = 0
  try {
    for (const job of jobs) {
      if (count && bytes + job.body.size > slice.bytes) break
      let tape = tapes.get(job.body.file)
      if (!tape) tapes.set(job.body.file, (tape = await Tape.of(dir, job.body.file)))
      tape.at = job.body.at
      const body = await tape.take(job.body.size)
      if (!body) throw new BinlogError(`${job.body.file} in ${dir} became shorter while it was read. Start again.`)
      ops.push({
        do: 'put',
        to: [
          {
            queue: `default/${job.tube}`,
            pri: job.pri,
            at: job.state === 'delayed' ? now + Math.max(0, job.due - wall) : now,
            create: true,
          },
        ],
        // A copy, which doesn't hold on to what was read around it.
        msg: { body: new Uint8Array(body), lease: job.ttr },
        restore: {
          id: job.id,
          put: now - Math.max(0, wall - job.created),
          delay: Math.max(0, job.delay),
          reserves: job.reserves,
          counts: job.counts,
          ...(job.state === 'buried' && { buried: true }),
        },
      })
      bytes += job.body.size
      count++
    }
  } finally {
    for (const tape of tapes.values()) await tape.close()
  }
  return count
}

/** All or nothing; the version of the progress record. */
async function write(ops: Op[], store: Store): Promise<number> {
  const results = await store.commit([{ ops, refused: 'undo' }])[0]
  const last = results?.at(-1)
  if (last?.ok && last.do === 'record') return last.version
  const at = results?.findIndex((result) => !result.ok && result.why !== 'skipped') ?? -1
  const refused = results?.[at]
  const op = ops[at]
  const what = op?.do === 'put' ? `job ${op.restore?.id} of ${op.to[0]?.queue}` : 'the progress of the import'
  throw new BinlogError(
    `The store refused ${what} of the binlog${refused && !refused.ok ? ` (${refused.why})` : ''}. Import into a store of its own, by one process; the binlog was left as it was.`,
  )
}
