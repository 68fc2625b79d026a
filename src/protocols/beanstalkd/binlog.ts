/**
 * beanstalkd's own log, `DIR/binlog.N`, as its file.c and walg.c write it: read it, and bring its jobs into a store, once. The log itself is
 * never written to.
 */
import { createHash } from 'node:crypto'
import { access, open, readdir, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../clock.ts'
import { BinlogError } from '../../errors.ts'
import type { JobId, Ms } from '../../job.ts'
import type { Op, PutOp, Restored, Store } from '../../stores/store.ts'

/** A job as the log leaves it. Moments are of the wall clock. */
export interface LoggedJob {
  id: JobId
  tube: string
  pri: number
  ttr: Ms
  created: Ms
  /** Reserved jobs are ready again: beanstalkd's leases end with it. */
  state: 'ready' | 'buried' | 'delayed'
  /** delayed: when it is due. */
  due: Ms
  reserves: number
  counts: Restored['counts']
  /** Where its body lies, without the line end behind it. */
  body: { file: string; at: number; size: number }
}

export interface Binlog {
  files: readonly string[]
  /** Buried ones in the order of their burial behind the others in the order of their ids. */
  jobs: readonly LoggedJob[]
  /** The highest id that the log names, be the job gone or not; 0: none. */
  highest: JobId
  /** Where a file could not be read on: `binlog.3 at byte 4711`. What stands before is in `jobs`. */
  damaged: readonly string[]
}

/** Bytes of the length of a name, bytes of a record, and units of time in a millisecond: struct Jobrec and Jobrec5 on a 64-bit little-endian machine. */
interface Layout {
  name: 4 | 8
  record: number
  perMs: number
}
const layouts: Record<number, Layout> = {
  5: { name: 8, record: 77, perMs: 1e3 },
  7: { name: 4, record: 80, perMs: 1e6 },
}
const states = ['gone', 'ready', 'reserved', 'buried', 'delayed'] as const
const tubeName = /^[A-Za-z0-9+/;.$_()][A-Za-z0-9+/;.$_()-]{0,199}$/

/**
 * Reads all of `DIR/binlog.N` in the order of N. Holds what describes the jobs, not their bodies.
 * Throws BinlogError for a format version other than 5 and 7, and where not one record could be read.
 */
export async function readBinlog(dir: string): Promise<Binlog> {
  const log = new Log()
  const files = await binlogs(dir)
  for (const file of files) {
    const tape = await Tape.of(join(dir, file))
    try {
      await log.read(file, tape)
    } finally {
      await tape.close()
    }
  }
  if (log.damaged.length && !log.records)
    throw new BinlogError(
      `No record of the binlog in ${dir} can be read (${log.damaged[0]}): it may come from a machine of another byte order or word size. It was left as it was.`,
    )
  const alive = [...log.jobs.values()]
  const buried = alive.filter((job) => job.state === 'buried').sort((a, b) => a.burial - b.burial)
  const others = alive.filter((job) => job.state !== 'buried').sort((a, b) => a.id - b.id)
  return { files, jobs: [...others, ...buried], highest: log.highest, damaged: log.damaged }
}

/** The names of the log's files, in their order; none if there is no such folder. */
async function binlogs(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw new BinlogError(`Can't read the folder ${dir}: ${error.message}`)
  })
  const number = (name: string) => Number(name.slice('binlog.'.length))
  return names.filter((name) => /^binlog\.\d+$/.test(name)).sort((a, b) => number(a) - number(b))
}

/** What the records say so far. */
class Log {
  readonly jobs = new Map<JobId, LoggedJob & { burial: number }>()
  readonly damaged: string[] = []
  highest: JobId = 0
  records = 0

  async read(file: string, tape: Tape): Promise<void> {
    const version = (await tape.take(4))?.readInt32LE() ?? 0
    // Made, but beanstalkd was stopped before it wrote the version.
    if (version === 0) return
    const layout = layouts[version]
    if (!layout)
      throw new BinlogError(
        `${file} has the format version ${version}; only beanstalkd's versions 5 and 7 can be imported. It was left as it was.`,
      )
    for (;;) {
      const at = tape.at
      const read = await this.#record(file, tape, layout)
      if (read === 'end') return
      if (read === 'damaged') {
        this.damaged.push(`${file} at byte ${at}`)
        return
      }
      this.records++
    }
  }

  async #record(file: string, tape: Tape, { name, record, perMs }: Layout): Promise<'read' | 'end' | 'damaged'> {
    // Files are made at their full size, filled with zeros.
    if (tape.left < name + record) return (await tape.take(tape.left))?.every((byte) => byte === 0) ? 'end' : 'damaged'
    const length = number(await tape.take(name))
    if (length === undefined || length > 200) return 'damaged'
    const tube = (await tape.take(length))?.toString('latin1')
    if (length && (tube === undefined || !tubeName.test(tube))) return 'damaged'
    const r = await tape.take(record)
    if (!r) return 'damaged'
    const id = number(r.subarray(0, 8))
    if (id === 0 && length === 0) return 'end'
    const state = states[r[76] ?? 255]
    const size = r.readInt32LE(32) - 2
    if (!id || state === undefined || size < 0) return 'damaged'

    const before = this.jobs.get(id)
    let body = before?.body
    if (length) {
      body = { file, at: tape.at, size }
      tape.at += size
      if ((await tape.take(2))?.toString('latin1') !== '\r\n') return 'damaged'
    } else if (before && before.body.size !== size) return 'damaged'

    this.highest = Math.max(this.highest, id)
    if (state === 'gone') this.jobs.delete(id)
    // A short record whose job isn't known: the file that had it is gone, and so is the job.
    else if (body)
      this.jobs.set(id, {
        id,
        tube: tube || (before?.tube ?? 'default'),
        pri: r.readUInt32LE(8),
        ttr: time(r, 24, perMs),
        created: time(r, 40, perMs),
        state: state === 'reserved' ? 'ready' : state,
        due: time(r, 48, perMs),
        reserves: r.readUInt32LE(56),
        counts: {
          timeouts: r.readUInt32LE(60),
          releases: r.readUInt32LE(64),
          buries: r.readUInt32LE(68),
          kicks: r.readUInt32LE(72),
        },
        body,
        burial: before?.state === 'buried' ? before.burial : this.records,
      })
    return 'read'
  }
}

/** An unsigned number of 4 or 8 bytes; undefined: it isn't one that beanstalkd comes to in practice. */
function number(bytes: Buffer | undefined): number | undefined {
  if (!bytes) return undefined
  const n = bytes.readUInt32LE() + (bytes.length > 4 ? bytes.readUInt32LE(4) * 2 ** 32 : 0)
  return Number.isSafeInteger(n) ? n : undefined
}

function time(r: Buffer, at: number, perMs: number): Ms {
  return Math.round((r.readInt32LE(at + 4) * 2 ** 32 + r.readUInt32LE(at)) / perMs)
}

/** A file, read from front to back or from wherever `at` is set to, a piece of it at a time in memory. */
class Tape {
  at = 0
  readonly #handle: FileHandle
  readonly #size: number
  #piece = Buffer.alloc(0)
  #from = 0

  private constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.#size = size
  }

  static async of(path: string): Promise<Tape> {
    const handle = await open(path)
    return new Tape(handle, (await handle.stat()).size)
  }

  close(): Promise<void> {
    return this.#handle.close()
  }

  get left(): number {
    return Math.max(0, this.#size - this.at)
  }

  /** The next n bytes, or undefined where there are fewer. */
  async take(n: number): Promise<Buffer | undefined> {
    if (n > this.left) return undefined
    let start = this.at - this.#from
    if (start < 0 || start + n > this.#piece.length) {
      const piece = Buffer.allocUnsafe(Math.max(n, 65536))
      const { bytesRead } = await this.#handle.read(piece, 0, piece.length, this.at)
      this.#piece = piece.subarray(0, bytesRead)
      this.#from = this.at
      start = 0
      if (bytesRead < n) return undefined
    }
    this.at += n
    return this.#piece.subarray(start, start + n)
  }
}

/**
 * Keeps beanstalkd from starting on DIR until the function that it resolves to is called.
 * Throws BinlogError if one runs: it holds an fcntl lock on the whole of `DIR/lock`.
 */
export async function lockBinlog(dir: string): Promise<() => void> {
  const lock = join(dir, 'lock')
  // Without it none has run here: the files were copied.
  if (!(await access(lock).then(() => true, () => false))) return () => {}
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
    throw new BinlogError(`${lock} is not beanstalkd's: ${(error as Error).message}. The binlog was left as it was.`)
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
 * Resolves to the number of jobs and files, and to the places behind which a file was damaged; undefined: no log, or imported before.
 * Throws BinlogError while beanstalkd runs on DIR; for another format; when the log changed after an import that was cut short; when the store
 * has a job of the same id or refuses one.
 *
 * @example
 * const imported = await importBinlog('/var/lib/beanstalkd', store, { clock: systemClock })
 * if (imported) console.log(`${imported.jobs} jobs of ${imported.files} files`)
 */
export async function importBinlog(
  dir: string,
  store: Store,
  o: { clock: Clock },
): Promise<{ jobs: number; files: number; damaged: readonly string[] } | undefined> {
  if (!(await binlogs(dir)).length) return undefined
  const known = (await store.records(0)).changed.find((record) => record.key === key)
  const before = known?.value as Progress | undefined
  if (before && before.done === before.of) return undefined
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
async function restore(dir: string, jobs: readonly LoggedJob[], ops: Op[], store: Store, clock: Clock): Promise<number> {
  const tapes = new Map<string, Tape>()
  const now = store.now()
  const wall = clock.now()
  let bytes = 0
  let count = 0
  try {
    for (const job of jobs) {
      if (count && bytes + job.body.size > slice.bytes) break
      let tape = tapes.get(job.body.file)
      if (!tape) tapes.set(job.body.file, (tape = await Tape.of(join(dir, job.body.file))))
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
