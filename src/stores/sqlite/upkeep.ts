/** What keeps the files small: free pages are given back, the write-ahead log is emptied when it is quiet, and watched when it can't be. */
import type { DatabaseSync } from 'node:sqlite'
import type { Ms } from '../../job.ts'
import type { Disk } from './disk.ts'

const PERIOD: Ms = 1000
/** Between two steps of giving back, so that others get their turn. */
const PAUSE: Ms = 20
const PAGES_A_STEP = 64
/** Fewer free pages than this are worth no work. */
const FREE_PAGES = 256
/** A quiet log above this is cut. */
const LOG_BYTES = 4 << 20

export class Upkeep {
  readonly #db: DatabaseSync
  readonly #disk: Disk
  readonly #maxWal: number
  readonly #onWal: (full: boolean) => void
  #timer: NodeJS.Timeout | undefined
  #commits = 0
  #seen = 0
  #full = false
  #gaveBack = false
  #closed = false

  /** @param onWal the log grew past `maxWal`, or is below again */
  constructor(db: DatabaseSync, disk: Disk, maxWal: number, onWal: (full: boolean) => void) {
    this.#db = db
    this.#disk = disk
    this.#maxWal = maxWal
    this.#onWal = onWal
  }

  /** After each commit. */
  committed(): void {
    this.#commits++
    if (!this.#timer && !this.#closed) this.#schedule(PERIOD)
  }

  /** The log may not grow: emptied, if the file has room for it, it can be written to again. */
  makeRoom(): void {
    try {
      this.#disk.emptyLog()
    } catch (error) {
      if (!isOfSystem(error)) throw error
    }
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #schedule(ms: Ms): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#look()
    }, ms)
    this.#timer.unref()
  }

  #look(): void {
    const quiet = this.#commits === this.#seen
    this.#seen = this.#commits
    try {
      if (!this.#disk.isThere()) return
      const wal = this.#disk.walSize()
      if (quiet && wal > LOG_BYTES) this.#disk.emptyLog()
      this.#watchLog(wal)
      const more = this.#giveBack(quiet)
      if (quiet && this.#gaveBack && !more) this.#cut()
      if (more) this.#schedule(PAUSE)
      else if (!quiet || this.#full) this.#schedule(PERIOD)
    } catch (error) {
      // No job hangs on it: it is tried again. What is wrong with the disk is told to whoever commits.
      if (!isOfSystem(error)) throw error
      this.#schedule(PERIOD)
    }
  }

  /** Pages that were given back leave the file when the log is emptied into it. */
  #cut(): void {
    this.#gaveBack = false
    this.#disk.emptyLog()
  }

  /** Something that has read the file since long keeps the log from starting over: past the limit no puts are taken, so that it can't fill the disk. */
  #watchLog(wal: number): void {
    let full = wal > this.#maxWal
    if (full) {
      this.#disk.emptyLog()
      full = this.#disk.walSize() > this.#maxWal
    }
    if (full === this.#full) return
    this.#full = full
    this.#onWal(full)
  }

  /** A step; whether there is more to give back. Under load only what is mostly air. */
  #giveBack(quiet: boolean): boolean {
    const free = this.#number('PRAGMA freelist_count')
    if (free < FREE_PAGES || (!quiet && free * 2 < this.#number('PRAGMA page_count'))) return false
    this.#db.exec(`PRAGMA incremental_vacuum(${PAGES_A_STEP})`)
    const left = this.#number('PRAGMA freelist_count')
    // A file without auto_vacuum, such as one that was made by a dump, gives nothing back.
    if (left >= free) return false
    this.#gaveBack = true
    return left >= FREE_PAGES
  }

  #number(pragma: string): number {
    return Object.values(this.#db.prepare(pragma).get() ?? {})[0] as number
  }
}

/** An error of SQLite (locked, no room) or of the operating system. */
function isOfSystem(error: unknown): boolean {
  const { errcode, syscall } = error as { errcode?: number; syscall?: string }
  return errcode !== undefined || syscall !== undefined
}
