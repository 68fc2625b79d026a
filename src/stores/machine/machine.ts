/**
 * The state machine of a job, for stores that run in our process. It decides what each operation of the contract does; a `Table` keeps the rows.
 */
import type { Fence, JobId, Ms, Queue } from '../../job.ts'
import type { Dead, Hint, Op, Refused, Result, Unit } from '../store.ts'
import { bulk } from './bulk.ts'
import { due, sweep } from './due.ts'
import { end } from './end.ts'
import { forward } from './forward.ts'
import { put } from './put.ts'
import type { QueueRow } from './queue.ts'
import { record } from './record.ts'
import { reserve } from './reserve.ts'
import { NEVER, type Row } from './row.ts'
import { bury, cancel, finish, release, touch } from './settle.ts'
import type { Table } from './table.ts'

/** So many rows are made due at the start of each commit; the rest follow in later ones. */
const SWEEP = 64
const SKIPPED: Refused = Object.freeze({ ok: false, why: 'skipped' })
const UNSUPPORTED: Refused = Object.freeze({ ok: false, why: 'unsupported' })
const NO_DEAD: readonly Dead[] = Object.freeze([])

export interface Ended {
  id: JobId
  n: Fence
  session: string
  why: 'timeout' | 'cancelled' | 'forced'
}

export class Machine {
  readonly table: Table
  /** The moment of this commit. */
  now: Ms = 0
  /** Queues in which a job became ready in this commit. */
  readonly woken = new Set<QueueRow>()
  /** Queues woken, and leases that ended, by no operation of their holder's. */
  hinted = new Set<Queue>()
  ended: Ended[] = []
  /** The store has no room for more: puts are refused as 'full'. */
  full = false
  /** What the sweep at the start buried for a dead-letter target is for the next `due` to report. */
  undelivered = false
  /** When what is over was last thrown out. */
  collected: Ms = -Infinity
  queuesCollected: Ms = -Infinity
  /** Dead letters that were reported, and when. */
  readonly reported = new Map<JobId, Ms>()
  /** Up to this number in the order of burial, dead letters were told of. */
  toldOf = 0
  #dead: Dead[] | undefined
  #ready: Set<Queue> | undefined
  /** Who puts knows what becomes ready by it, and needs no hint. */
  #putting = false
  /** The soonest moment that was told of. */
  toldDue: Ms = NEVER

  constructor(table: Table) {
    this.table = table
  }

  /** Begins a commit: what is due becomes due. */
  begin(now: Ms): void {
    this.now = now
    this.woken.clear()
    if (this.table.soonest(now) > now) return
    this.#dead = undefined
    this.#putting = false
    sweep(this, SWEEP)
    this.#keepUntold()
  }

  /** No answer tells of what was buried just now: `due` will. */
  #keepUntold(): void {
    if (!this.#dead) return
    this.undelivered = true
    for (const { id } of this.#dead) this.reported.delete(id)
  }

  run(unit: Unit): Result[] {
    if (unit.refused !== 'undo') return this.#run(unit)
    if (unit.ops.some((op) => op.do === 'reserve' || op.do === 'due')) return unit.ops.map(() => UNSUPPORTED)
    let results: Result[] = []
    let done = false
    const ended = this.ended.length
    this.table.atomic(() => {
      results = this.#run(unit)
      return (done = results.every((result) => result.ok))
    })
    if (done) return results
    this.ended.length = ended
    return results.map((result) => (result.ok ? SKIPPED : result))
  }

  #run(unit: Unit): Result[] {
    const { ops, refused } = unit
    const results: Result[] = []
    for (let i = 0; i < ops.length; i++) {
      const op = ops[i] as Op
      const result = this.#op(op)
      results.push(result)
      if (!result.ok) this.#keepUntold()
      if (result.ok || refused === undefined || refused === 'go on') continue
      if (refused === 'wait' && !(op.do === 'reserve' && result.why === 'empty')) continue
      while (results.length < ops.length) results.push(SKIPPED)
      break
    }
    return results
  }

  #op(op: Op): Result {
    this.#dead = undefined
    this.#putting = op.do === 'put'
    switch (op.do) {
      case 'put':
        return put(this, op)
      case 'reserve':
        return reserve(this, op)
      case 'finish':
        return finish(this, op)
      case 'release':
        return release(this, op)
      case 'bury':
        return bury(this, op)
      case 'touch':
        return touch(this, op)
      case 'forward':
        return forward(this, op)
      case 'cancel':
        return cancel(this, op)
      case 'note':
        return UNSUPPORTED
      case 'bulk':
        return bulk(this, op)
      case 'end':
        return end(this, op)
      case 'due':
        return due(this, op)
      case 'record':
        return record(this, op)
    }
  }

  /** What the operation that runs buried for a dead-letter target. */
  get dead(): readonly Dead[] {
    return this.#dead ?? NO_DEAD
  }

  reportDead(row: Row, to: Queue): void {
    const { more } = row
    // In the order of telling: the one told of longest ago comes first.
    this.reported.delete(row.id)
    this.reported.set(row.id, this.now)
    ;(this.#dead ??= []).push({
      id: row.id,
      n: row.n,
      queue: row.queue.name,
      to,
      why: more?.why ?? 'failed',
      ...(row.envelope && { envelope: row.envelope }),
      deaths: more?.deaths ?? [],
    })
  }

  /** What this commit did beside its answers, once. */
  takeHint(records: number | undefined): Hint | undefined {
    const { hinted, ended } = this
    const due = this.undelivered ? this.now : this.table.bound()
    const sooner = due < this.toldDue
    if (hinted.size === 0 && ended.length === 0 && !sooner && records === undefined) return undefined
    if (sooner) this.toldDue = due
    this.hinted = new Set()
    this.ended = []
    return {
      ...(hinted.size > 0 && { ready: [...hinted] }),
      ...(ended.length > 0 && { ended: ended.map(({ id, n, why }) => ({ id, n, why })) }),
      ...(sooner && { due }),
      ...(records !== undefined && { records }),
    }
  }

  /** The commit was undone as a whole: nothing that it would have told of has happened. */
  takeBack(): void {
    this.hinted.clear()
    this.ended = []
  }

  wake(queue: QueueRow): void {
    this.woken.add(queue)
    if (!this.#putting) this.hinted.add(queue.name)
    this.#ready?.add(queue.name)
  }

  /** Runs, and says in which queues jobs became ready by it. */
  watching<T>(run: () => T): { result: T; ready: Queue[] } {
    const ready = (this.#ready = new Set())
    try {
      return { result: run(), ready: [...ready] }
    } finally {
      this.#ready = undefined
    }
  }
}
