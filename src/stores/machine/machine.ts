/**
 * The state machine of a job, for stores that run in our process. It decides what each operation of the contract does; a `Table` keeps the rows.
 */
import type { Fence, JobId, Ms, Queue } from '../../job.ts'
import type { Dead, Hint, Op, Refused, Result, Unit } from '../store.ts'
import { bulk } from './bulk.ts'
import { due, sweep } from './due.ts'
import { end } from './end.ts'
import { forward } from './forward.ts'
import { settleGates } from './admission.ts'
import { put } from './put.ts'
import type { QueueRow } from './queue.ts'
import { record } from './record.ts'
import { reserve } from './reserve.ts'
import { NEVER, type Row } from './row.ts'
import { bury, cancel, finish, note, release, touch } from './settle.ts'
import type { Table } from './table.ts'
import { News, tell } from './tell.ts'

/** So many rows are made due at the start of each commit; the rest follow in later ones. */
const SWEEP = 64
/** So many rows are moved at gates in one commit; the rest follow in later ones. */
const MOVES = 1000
/** So often, and so many rows at a time, what is kept for a while is looked over. */
const TIDY: Ms = 1000
const TIDIED = 4000
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
  /** Gates that may let somebody out: seen to before the next reserve, or at the end of the commit. */
  readonly opened = new Set<string>()
  /** So many rows may still be moved at gates in this commit. */
  moves = MOVES
  ended: Ended[] = []
  /** Jobs whose outcome is kept that ended, or were set aside. */
  finished: JobId[] = []
  readonly news = new News(this)
  /** The number of the last event that was told in this commit. */
  told: number | undefined
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
    this.moves = MOVES
    if (this.table.soonest(now) > now) return
    this.#dead = undefined
    this.#putting = false
    sweep(this, SWEEP)
    this.#keepUntold()
  }

  /** Ends a commit: what was given back lets others through. */
  end(): void {
    if (this.opened.size > 0) {
      this.#putting = false
      settleGates(this)
    }
    this.news.tell()
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
    const finished = this.finished.length
    const { told } = this
    const news = this.news.count
    this.table.atomic(() => {
      results = this.#run(unit)
      return (done = results.every((result) => result.ok))
    })
    if (done) return results
    this.ended.length = ended
    this.finished.length = finished
    this.news.cut(news)
    this.told = told
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
        return note(this, op)
      case 'bulk':
        return bulk(this, op)
      case 'end':
        return end(this, op)
      case 'due':
        return due(this, op)
      case 'record':
        return record(this, op)
      case 'tell':
        return tell(this, op)
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

  /** Before something is kept for a while: what was kept long enough leaves, now and then, also where nothing else is ever due. */
  tidy(): void {
    if (this.now - this.collected < TIDY) return
    this.collected = this.now
    this.table.collectClaims(this.now, TIDIED)
    this.table.collectHistory(this.now, TIDIED)
  }

  /** What this commit did beside its answers, once. */
  takeHint(records: number | undefined): Hint | undefined {
    const { hinted, ended } = this
    const due = this.undelivered ? this.now : this.table.bound()
    const sooner = due < this.toldDue
    const { finished, told } = this
    if (hinted.size + ended.length + finished.length === 0 && !sooner && records === undefined && told === undefined)
      return undefined
    if (sooner) this.toldDue = due
    this.hinted = new Set()
    this.ended = []
    this.finished = []
    this.told = undefined
    return {
      ...(finished.length > 0 && { finished }),
      ...(hinted.size > 0 && { ready: [...hinted] }),
      ...(ended.length > 0 && { ended: ended.map(({ id, n, why }) => ({ id, n, why })) }),
      ...(sooner && { due }),
      ...(records !== undefined && { records }),
      ...(told !== undefined && { events: told }),
    }
  }

  /** The commit was undone as a whole: nothing that it would have told of has happened. */
  takeBack(): void {
    this.hinted.clear()
    this.opened.clear()
    this.ended = []
    this.finished = []
    this.news.clear()
    this.told = undefined
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
