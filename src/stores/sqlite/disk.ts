/**
 * Where the sync stands: SQLite commits without one (synchronous=NORMAL), and the log is synced before the answers. Alone on a quick disk that is done at once,
 * which is the quickest. Where other processes write to the same file, or the disk is slow, it is done beside the event loop: one sync covers all that was
 * committed before it began. The same where a job is handed to who waits for it in the commit of its put: the work begins before the sync.
 */
import { closeSync, fdatasync, fdatasyncSync, fstatSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { UnknownOutcomeError } from '../../errors.ts'
import type { Ms } from '../../job.ts'
import { syncEvery, type Durability } from './durability.ts'

/** A sync that takes longer, on average, is better done beside the loop. */
const SLOW: Ms = 2

/** A disk that took twice as long as is slow is tried again after about seven hundred commits. */
const FORGET = 0.999

interface Waiting {
  resolve: () => void
  reject: (error: Error) => void
}

export class Disk {
  readonly #db: DatabaseSync
  readonly #path: string
  readonly #mode: 'full' | 'relaxed' | 'timed'
  readonly #every: Ms
  readonly #onFailure: (error: Error) => void
  readonly #inode: number
  #wal: number | undefined
  #average: Ms = 0
  #waiting: Waiting[] = []
  #syncing = false
  #timer: NodeJS.Timeout | undefined
  #idle: (() => void) | undefined
  /** Other processes have the file open. */
  shared = false

  constructor(db: DatabaseSync, path: string, durability: Durability, onFailure: (error: Error) => void) {
    this.#db = db
    this.#path = path
    this.#inode = statSync(path).ino
    const every = syncEvery(durability)
    this.#every = every
    this.#mode = every === 0 ? 'full' : every < 0 ? 'relaxed' : 'timed'
    this.#onFailure = onFailure
  }

  /**
   * After COMMIT of a change that somebody waits for. undefined: it is as durable as it has been asked to be; else it is when the promise resolves.
   * The promise rejects with UnknownOutcomeError.
   * @param handedOn somebody has a job by it who doesn't wait for the disk, and comes first
   */
  afterCommit(handedOn: boolean): Promise<void> | undefined {
    if (this.#mode === 'relaxed') return undefined
    if (this.#mode === 'timed') {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined
        this.#sync().catch(() => undefined)
      }, this.#every)
      return undefined
    }
    // One that is on its way may fail, and the disk says so once: another would succeed, and prove nothing.
    const atOnce = !handedOn && !this.shared && !this.#syncing && this.#average < SLOW
    if (atOnce) return this.#syncNow()
    // Nothing is learnt of the disk so: what was slow is slowly forgotten, and tried again.
    this.#average *= FORGET
    return this.#sync()
  }

  /** Resolves when all that was committed is on disk, unless the durability is relaxed. */
  async settle(): Promise<void> {
    if (this.#timer) {
      clearTimeout(this.#timer)
      this.#timer = undefined
      await this.#sync()
    }
    if (this.#syncing || this.#waiting.length > 0) await new Promise<void>((resolve) => (this.#idle = resolve))
  }

  /** Whether the files still have their names: what is written to a file that was deleted is gone with the last process that has it open. */
  isThere(): boolean {
    try {
      if (statSync(this.#path).ino === this.#inode && fstatSync(this.#walFile()).nlink > 0) return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
    this.#onFailure(
      new UnknownOutcomeError(
        `${this.#path} or its -wal was deleted or replaced while it was open: what was put since may be lost. The store has stopped; put the file back if you moved it, then start again.`,
      ),
    )
    return false
  }

  /**
   * After a write that failed: whether the log may not grow (EFBIG), of which SQLite says the same as of a broken disk. Nothing of the commit holds then, since
   * the end of it isn't in the log. Another file says so, made as long for a moment: it has no blocks, and nobody else writes to it.
   */
  isAtLimit(): boolean {
    const probe = `${this.#path}-limit-${process.pid}`
    let file: number | undefined
    try {
      const size = this.walSize()
      file = openSync(probe, 'wx', 0o600)
      writeSync(file, '.', size)
      return false
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EFBIG'
    } finally {
      if (file !== undefined) {
        closeSync(file)
        rmSync(probe, { force: true })
      }
    }
  }

  /** Writes the log into the file, if it can, and begins a new one. */
  emptyLog(): void {
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }

  /** Bytes of the write-ahead log. */
  walSize(): number {
    return fstatSync(this.#walFile()).size
  }

  close(): void {
    if (this.#wal !== undefined) closeSync(this.#wal)
    this.#wal = undefined
  }

  #syncNow(): Promise<void> | undefined {
    const start = performance.now()
    try {
      fdatasyncSync(this.#walFile())
    } catch (error) {
      const unknown = this.#unknown(error as Error)
      this.#onFailure(unknown)
      return Promise.reject(unknown)
    }
    this.#average += (performance.now() - start - this.#average) / 16
    return undefined
  }

  #sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      if (!this.#syncing) this.#start()
    })
  }

  #start(): void {
    const covered = this.#waiting
    this.#waiting = []
    this.#syncing = true
    const done = (error: Error | null) => {
      this.#syncing = false
      if (error) {
        const unknown = this.#unknown(error)
        this.#onFailure(unknown)
        for (const one of [...covered, ...this.#waiting.splice(0)]) one.reject(unknown)
      } else for (const one of covered) one.resolve()
      if (this.#waiting.length > 0) this.#start()
      else this.#idle?.()
    }
    try {
      fdatasync(this.#walFile(), done)
    } catch (error) {
      done(error as Error)
    }
  }

  /** The commit is visible already and can't be taken back; a later sync that succeeds proves nothing about this one. */
  #unknown(error: Error): UnknownOutcomeError {
    return new UnknownOutcomeError(
      `The disk refused to sync ${this.#path}-wal (${error.message}): what was being written may or may not be kept. The store has stopped; check the disk, then start again.`,
      { cause: error },
    )
  }

  #walFile(): number {
    return (this.#wal ??= openSync(`${this.#path}-wal`, 'r'))
  }
}
