/**
 * The state machine of a job, for stores that run in our process. It decides what each operation of the contract does; a `Table` keeps the rows.
 */
import type { Ms } from '../../job.ts'
import type { Hint, Op, Refused, Result, Unit } from '../store.ts'
import { settleGates } from './admission.ts'
import { bulk } from './bulk.ts'
import { Commit, MOVES } from './commit.ts'
import { due, sweep } from './due.ts'
import { end } from './end.ts'
import { forward } from './forward.ts'
import { put } from './put.ts'
import { record } from './record.ts'
import { reserve } from './reserve.ts'
import { bury, cancel, finish, note, release, touch } from './settle.ts'
import { tell } from './tell.ts'

/** So many rows are made due at the start of each commit; the rest follow in later ones. */
const SWEEP = 64
const SKIPPED: Refused = Object.freeze({ ok: false, why: 'skipped' })
const UNSUPPORTED: Refused = Object.freeze({ ok: false, why: 'unsupported' })

export class Machine extends Commit {
  /** Begins a commit: what is due becomes due. */
  begin(now: Ms): void {
    this.now = now
    this.woken.clear()
    this.moves = MOVES
    if (this.table.soonest(now) > now) return
    this.turn(false)
    sweep(this, SWEEP)
    this.#keepUntold()
  }

  /** Ends a commit: what was given back lets others through. */
  end(): void {
    if (this.opened.size > 0) {
      this.turn(false)
      settleGates(this)
    }
    this.told = this.news.tell(this.now) ?? this.told
    this.housekeeping.settle(this.now)
  }

  /** No answer tells of what was buried just now: `due` will. */
  #keepUntold(): void {
    if (this.dead.length === 0) return
    this.undelivered = true
    for (const { id } of this.dead) this.reported.delete(id)
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
    this.turn(op.do === 'put')
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

  /** What this commit did beside its answers, once. */
  takeHint(records: number | undefined): Hint | undefined {
    const { hinted, ended } = this
    const due = this.undelivered ? this.now : Math.min(this.table.bound(), this.housekeeping.at, this.reportAgainAt)
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
}
