/** beanstalkd's own log, `DIR/binlog.N`, read as its file.c and walg.c write it. */
import { open, readdir, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { BinlogError } from '../../errors.ts'
import type { JobId, Ms } from '../../job.ts'
import type { Restored } from '../../stores/store.ts'

/** A job as the log leaves it. Moments are of the wall clock. */
export interface LoggedJob {
  id: JobId
  tube: string
  pri: number
  ttr: Ms
  created: Ms
  /** Reserved jobs are ready again: beanstalkd's leases end with it. */
  state: 'ready' | 'buried' | 'delayed'
  /** As its last put or release said. */
  delay: Ms
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
    const tape = await Tape.of(dir, file)
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
export async function binlogs(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw unreadable(dir, error)
  })
  const number = (name: string) => Number(name.slice('binlog.'.length))
  return names.filter((name) => /^binlog\.\d+$/.test(name)).sort((a, b) => number(a) - number(b))
}

export function unreadable(dir: string, error: Error): BinlogError {
  return new BinlogError(
    `Can't read the binlog in ${dir}: ${error.message}. Start as the user that beanstalkd ran as, or move it away to start without its jobs.`,
    {
      cause: error,
    },
  )
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
        delay: time(r, 16, perMs),
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
export class Tape {
  at = 0
  readonly #handle: FileHandle
  readonly #size: number
  #piece = Buffer.alloc(0)
  #from = 0

  private constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.#size = size
  }

  static async of(dir: string, file: string): Promise<Tape> {
    const handle = await open(join(dir, file)).catch((error: Error) => {
      throw unreadable(dir, error)
    })
    const about = await handle.stat()
    if (about.isFile()) return new Tape(handle, about.size)
    await handle.close()
    throw unreadable(dir, new Error(`${file} is no file`))
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
