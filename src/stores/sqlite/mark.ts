import type { Ms } from '../../job.ts'
import { NEVER } from '../machine/row.ts'
import type { Connection } from './connection.ts'
import { checkOldest } from './schema.ts'

/** Ids are taken from the file in blocks, so that a put alone writes no counter. */
const BLOCK = 1000

/** The file's one row of counters, as this process knows it. */
export class Mark {
  readonly #file: Connection
  #next = 0
  /** Ids below this are this process's. */
  #block = 0
  #burial = 0
  #dirty = false
  /** The version of the newest record. */
  records = 0
  /** Changes when a process comes or goes; when one changes a job that another has reserved. */
  processes = -1
  meddled = -1
  /** Nothing is due before this moment. */
  soonest: Ms = NEVER
  /** This commit brought `soonest` forward to this. */
  lowered: Ms | undefined

  constructor(file: Connection) {
    this.#file = file
  }

  /**
   * @param ours nobody else has written since: the rest of our block of ids is still ours
   * @throws NewerFormatError a newer process has changed the format so that this one can't go on
   */
  read(ours: boolean): void {
    const [next, block] = [this.#next, this.#block]
    const mark = this.#file.get<[number, number, number, number, number, number, number]>(
      'SELECT oldest, next, burial, records, processes, meddled, soonest FROM mark WHERE k = 1',
    ) as [number, number, number, number, number, number, number]
    checkOldest(mark[0])
    ;[, this.#next, this.#burial, this.records, this.processes, this.meddled, this.soonest] = mark
    this.#block = this.#next
    if (ours) [this.#next, this.#block] = [next, block]
    this.#dirty = false
  }

  write(): void {
    if (this.#next > this.#block) {
      this.#block = this.#next + BLOCK
      this.#dirty = true
    }
    if (!this.#dirty) return
    this.#dirty = false
    this.#file.run(
      'UPDATE mark SET next = ?, burial = ?, records = ?, meddled = ?, soonest = ? WHERE k = 1',
      this.#block,
      this.#burial,
      this.records,
      this.meddled,
      this.soonest,
    )
  }

  /** Gives back the ids that were taken and not used. */
  returnBlock(): void {
    this.#block = this.#next
    this.#dirty = true
  }

  next(): number {
    return this.#next++
  }

  above(id: number): void {
    if (id >= this.#next) this.#next = id + 1
  }

  nextBurial(): number {
    this.#dirty = true
    return this.#burial++
  }

  nextRecord(): number {
    this.#dirty = true
    return ++this.records
  }

  meddle(): void {
    this.#dirty = true
    this.meddled++
  }

  /** Something will be due then. */
  sooner(at: Ms): void {
    if (at >= this.soonest) return
    this.soonest = this.lowered = at
    this.#dirty = true
  }

  /** `soonest` as the file has it, whoever wrote it last. */
  stored(): Ms {
    return this.#file.value('SELECT soonest FROM mark WHERE k = 1')
  }

  /** `soonest` is a bound from below; this finds the moment itself. */
  lookAhead(): void {
    const soonest = this.#file.value(
      `SELECT min(coalesce((SELECT min(at) FROM job WHERE state = 1), ${NEVER}), coalesce((SELECT min(at) FROM job WHERE state = 2), ${NEVER}),
       coalesce((SELECT min(expires) FROM job WHERE expires IS NOT NULL AND state <> 1), ${NEVER}), coalesce((SELECT min(at) FROM record WHERE at IS NOT NULL), ${NEVER}),
       coalesce((SELECT min(opens) FROM gate WHERE opens IS NOT NULL), ${NEVER}))`,
    )
    if (soonest === this.soonest) return
    this.soonest = soonest
    this.#dirty = true
  }
}
