import type { Clock } from '../clock.ts'
import { InvalidArgumentError, UnavailableError } from '../errors.ts'
import type { Ms, Queue, Reserved, Terms } from '../job.ts'
import type { Result, Unit } from '../stores/store.ts'
import type { Submission } from './batch.ts'
import type { Line, Want } from './broker.ts'
import type { Timeouts } from './timeouts.ts'

/** Jobs that one reserve brings at the most; a line that has credit for more reserves again. */
const MOST = 1024

export interface LineEvents {
  jobs(jobs: Reserved[]): void
  end(why: 'timeout' | 'closed', error?: Error): void
}

/** What a line needs of its broker. */
export interface LineBroker {
  /** The clock of waits. */
  readonly clock: Clock
  readonly timeouts: Timeouts
  /** Nothing will be answered any more. */
  readonly over: boolean
  /** Something is due, and its queue may not have been told yet. */
  readonly due: boolean
  /** Whether whoever comes first in each of these queues waits, and knows that there is nothing. */
  idle(queues: readonly Queue[]): boolean
  enter(line: WaitingLine): void
  leave(line: WaitingLine): void
  /** Asks for it in the next commit. */
  ask(line: WaitingLine): void
  /** Jobs may be ready in these: somebody asks. */
  mayBeReady(queues: readonly Queue[]): void
  /** The reserve for it was answered with these jobs; of `line` only what Waiting keeps is touched. */
  served(line: WaitingLine, jobs: readonly Reserved[]): void
  /** Learns what the answer to its reserve tells. */
  learnFor(line: WaitingLine, results: readonly Result[]): void
  /** Commits, again and again while the store is unavailable. */
  insist(unit: Unit): Promise<void>
  later(run: () => void): void
}

/** The session that a line is of. */
export interface Owner {
  readonly id: string
  /** It will get nothing any more, but perhaps what is on its way. */
  left(line: WaitingLine): void
}

/** Who waits for as long has time for the word of another process that puts something just now. */
const PATIENT: Ms = 1000
const NONE: readonly Reserved[] = Object.freeze([])
const NOTHING: Unit = { ops: [] }

/** One place in the waiting line: it waits in `Waiting`, and every now and then a reserve of its is on the way. */
export class WaitingLine implements Line, Submission {
  readonly queues: readonly Queue[]
  readonly owner: Owner
  readonly want: Want
  /** When its time is over. */
  readonly until: Ms
  slot = -1
  /** The reserve that is on its way. */
  unit = NOTHING
  /** Jobs that the next reserve, or the one on its way, asks for; 0: there is none. */
  asked = 0
  /** That reserve is on its way. */
  away = false
  /** Because of this queue it was asked; undefined: of its own accord. */
  source: Queue | undefined
  /** There may be more than it was asked to take. */
  more = false
  /** It knows that there is nothing: it has asked, or somebody who gets jobs before it. */
  idle = false
  readonly #on: LineEvents
  readonly #broker: LineBroker
  #credit = 0
  #ended = false
  #overdue = false
  #left: (() => void) | undefined
  #leaving: Promise<void> | undefined

  constructor(want: Want, owner: Owner, on: LineEvents, broker: LineBroker) {
    const { queues, lease, wait } = want
    this.want = want
    this.queues = queues.length > 1 ? [...new Set(queues)] : queues
    this.owner = owner
    if (lease.ms === undefined && !lease.bound)
      throw new InvalidArgumentError('A lease needs an end: give it `ms`, or bind it to its session.')
    this.#on = on
    this.#broker = broker
    const { clock } = broker
    // Once more: what becomes due at the end of a wait by the store's clock is due before it ends.
    const grain = wait === 0 ? 0 : 2 * (clock.grain ?? 0)
    this.until = wait === undefined ? Infinity : clock.now() + wait + grain
    this.credit(want.credit)
  }

  get priority(): number {
    return this.want.priority ?? 0
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Jobs that it may still get. */
  get left(): number {
    return this.#ended ? 0 : this.#credit
  }

  credit(jobs: number): void {
    const waited = this.#credit > 0
    this.#credit += jobs
    if (this.#ended || waited || this.#credit <= 0) return
    this.idle = this.until - this.#broker.clock.now() >= PATIENT && this.#broker.idle(this.queues)
    this.#broker.enter(this)
    if (this.idle) this.#wait()
    else this.#broker.ask(this)
  }

  close(): Promise<void> {
    this.#finish()
    if (!this.away) return Promise.resolve()
    return (this.#leaving ??= new Promise((resolve) => (this.#left = resolve)))
  }

  end(why: 'timeout' | 'closed', error?: Error): void {
    if (this.#ended) return
    this.#finish()
    this.#on.end(why, error)
  }

  // ------------------------------------------------------------------ the reserve

  /** Its reserve sets out. */
  depart(): void {
    const { bytes, run, gone, lease } = this.want
    const terms: Terms = {
      ...(lease.ms !== undefined && { ms: lease.ms }),
      ...(lease.bound && { session: this.owner.id }),
    }
    if (this.more) this.asked = Math.min(this.#credit, MOST)
    this.away = true
    this.unit = {
      ops: [
        {
          do: 'reserve',
          from: this.queues as Queue[],
          max: this.asked,
          bytes: bytes ?? Number.MAX_SAFE_INTEGER,
          lease: terms,
          ...(run && { run }),
          ...(gone && { gone }),
        },
      ],
      // What ends with its session need not outlive a power cut. What is gone at once must not come back.
      ...(lease.bound && !gone && { unsynced: true }),
    }
  }

  answered(results: Result[]): void {
    const [result] = results
    const jobs = result?.ok && result.do === 'reserve' ? result.jobs : NONE
    const late = this.#ended
    this.#broker.learnFor(this, results)
    this.unit = NOTHING
    this.idle = jobs.length === 0
    this.#credit -= jobs.length
    if (this.want.once && jobs.length > 0) this.#finish()
    this.#broker.served(this, jobs)
    this.away = false
    if (late) void this.#giveBack(jobs)
    else if (jobs.length > 0) this.#on.jobs(jobs as Reserved[])
    else this.#wait()
  }

  rejected(error: Error): void {
    this.away = false
    this.#broker.served(this, NONE)
    this.#left?.()
    if (!(error instanceof UnavailableError) || this.#broker.over) return this.end('closed', error)
    this.#wait()
    // It may have left by then, and what it asked for is for others.
    this.#broker.later(() => this.#broker.mayBeReady(this.queues))
  }

  /** Nothing is there: its time begins to matter. */
  #wait(): void {
    if (this.#ended || this.until === Infinity) return
    if (this.#overdue || this.until <= this.#broker.clock.now()) this.end('timeout')
    else if (this.slot < 0) this.#broker.timeouts.add(this)
  }

  timeOut(): void {
    // What is on its way, or due by now, may bring a job: the answer ends the line, one way or the other.
    this.#overdue = this.asked > 0 || this.#broker.due
    if (!this.#overdue) this.end('timeout')
    else if (this.asked === 0) this.#broker.ask(this)
  }

  /** Jobs came for a line that has left meanwhile. Those that no lease can give back are still its own. */
  async #giveBack(jobs: readonly Reserved[]): Promise<void> {
    if (this.want.gone && jobs.length > 0) this.#on.jobs(jobs as Reserved[])
    else if (jobs.length > 0)
      await this.#broker.insist({ ops: jobs.map(({ id, n }) => ({ do: 'release', job: { id, n }, as: 'untaken' })) })
    this.#left?.()
  }

  #finish(): void {
    if (this.#ended) return
    this.#ended = true
    this.#broker.timeouts.remove(this)
    this.#broker.leave(this)
    this.owner.left(this)
  }
}
