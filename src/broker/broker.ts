/**
 * The broker: what protocols and the jobs API see of the queues. It holds the waiting line, decides who asks next, and gathers all calls of one turn of
 * the event loop into one commit of the store.
 */
import { randomBytes } from 'node:crypto'
import { systemClock, type Clock } from '../clock.ts'
import { ClosedError, UnknownOutcomeError } from '../errors.ts'
import type { Fence, JobId, Ms, Queue, Reserved } from '../job.ts'
import type { Answer, Dead, Hint, JobView, Op, Result, Store, StoreRecord, Unit } from '../stores/store.ts'
import { Alarm } from './alarm.ts'
import { Batch } from './batch.ts'
import { Interest } from './interest.ts'
import type { Lines, WaitingLine } from './line.ts'
import { Records } from './records.ts'
import { forwardDead } from './routing.ts'
import { ClientSession, type Counter } from './session.ts'
import { Waiting } from './waiting.ts'
import { whySentence } from './why.ts'

/**
 * The one way to wait for jobs. A lease that is not bound to the session is synced before it is answered.
 * beanstalkd's reserve: credit 1, once. SQS: credit up to 10, once, not bound. AMQP: credit = prefetch left.
 */
export interface Want {
  queues: Queue[]
  /** Jobs that may still be delivered. */
  credit: number
  bytes?: number
  /** Higher gets jobs first; equals take turns. Default 0. */
  priority?: number
  lease: { ms?: Ms | 'own'; bound: boolean }
  /** The line ends after its first delivery. */
  once?: true
  /** Ends with 'timeout' when nothing came within so long. Default: for ever. */
  wait?: Ms
  run?: true
  gone?: true
}
export interface Line {
  /** So many more jobs. */
  credit(jobs: number): void
  /** What was on its way at close is returned 'untaken'. */
  close(): Promise<void>
}

export interface Session {
  readonly id: string
  /** Joins this turn's batch. At most one unit of a session is in flight: their order is kept. */
  commit(unit: Unit): Promise<Result[]>
  line(
    want: Want,
    on: { jobs(jobs: Reserved[]): void; end(why: 'timeout' | 'closed', error?: Error): void },
  ): Line
  /** The lease that this session holds on the job. */
  held(id: JobId): Lease | undefined
  /** Leases of this session, soonest deadline first (beanstalkd's DEADLINE_SOON, AMQP's recover). */
  holds(): Iterable<Lease>
  /** The soonest deadline among its leases. */
  soonest(): Ms | undefined
  look: Store['look']
  stats: Store['stats']
  /** Why isn't this job running? In one sentence. undefined: there is no such job. */
  why(id: JobId): Promise<string | undefined>
  /** A lease ended without this session's doing: its deadline passed, the job was cancelled. */
  lost(on: (lease: { id: JobId; n: Fence; why: string }) => void): void
  close(as: 'released' | 'lost'): Promise<void>
}
export interface Lease {
  id: JobId
  n: Fence
  until?: Ms
}

export interface Broker {
  now(): Ms
  session(from: { protocol: string; tenant: string; principal: string; peer?: string }): Session
  /** A cache of the store's records; they are written by `Session.commit`. */
  readonly records: {
    get(key: string): StoreRecord | undefined
    list(prefix: string): Iterable<StoreRecord>
    watch(prefix: string, on: () => void): () => void
    /** Reads what changed in the store; resolves when the cache has all that was committed before. */
    refresh(): Promise<void>
  }
  /** How many lines wait, over all sessions; on the queue, if one is given. */
  waiting(queue?: Queue): number
  /** The store has failed for good: nothing works any more, and the process should end. */
  failed(on: (error: Error) => void): void
  /** While draining, puts are to be refused by the protocols. */
  drain(on: boolean): void
  readonly draining: boolean
  /** Ends all lines and sessions, waits for what is in flight, and closes the store. */
  close(): Promise<void>
}

export interface BrokerOptions {
  store: Store
  /** The clock of waits and alarms; deadlines are the store's. Default: the machine's. */
  clock?: Clock
  /** Names this process in the ids of its sessions; unique among the processes of a store. Default: its pid and a random number. */
  process?: string
  /** How often lines that wait on a shared store try without having been told, if ever. Default 1 s. */
  slowPoll?: Ms | false
}

/** Rows that one `due` makes due at the most; the rest follow at once. */
const DUE = 200

/**
 * The broker over a store, which it owns from now on: `close` closes it, too.
 * @example const broker = createBroker({ store: openMemory() })
 */
export function createBroker(options: BrokerOptions): Broker {
  return new StoreBroker(options)
}

class StoreBroker implements Broker, Counter, Lines {
  readonly records: Records
  readonly #store: Store
  readonly #clock: Clock
  readonly #name: string
  readonly #batch: Batch
  readonly #alarm: Alarm
  readonly #slowPoll: Ms | false
  readonly #poll: Alarm
  readonly #interest: Interest | undefined
  readonly #waiting = new Waiting()
  readonly #sessions = new Map<string, ClientSession>()
  /** Lines whose reserve goes into the next commit. */
  #asking: WaitingLine[] = []
  readonly #onFailure: ((error: Error) => void)[] = []
  readonly #unhear: () => void
  #sessionNo = 0
  #due = false
  #failure: Error | undefined
  #closing: Promise<void> | undefined
  draining = false

  constructor({ store, clock = systemClock, slowPoll = 1000, process = processName() }: BrokerOptions) {
    this.#store = store
    this.#clock = clock
    this.#name = process
    this.#slowPoll = store.traits.shared && slowPoll
    this.#batch = new Batch(store, () => this.#askForLines())
    this.#alarm = new Alarm(clock, () => store.now(), () => void this.#makeDue())
    this.#poll = new Alarm(clock, () => store.now(), () => this.#lookAgain())
    if (store.traits.shared) this.#interest = new Interest(store, clock, () => this.#waiting.queues, () => this.#wakeAll())
    this.records = new Records(store)
    this.records.refresh().catch((error: Error) => this.#fail(error))
    this.#unhear = store.hear((hint) => this.#hear(hint))
    // What became due while nobody had the store open.
    void this.#makeDue()
  }

  get lines(): Lines {
    return this
  }

  now(): Ms {
    return this.#store.now()
  }

  session({ tenant }: { protocol: string; tenant: string; principal: string; peer?: string }): Session {
    const session = new ClientSession(`${this.#name}.${++this.#sessionNo}`, tenant, this)
    if (this.#closing) throw new ClosedError('The broker is closed.')
    this.#sessions.set(session.id, session)
    return session
  }

  waiting(queue?: Queue): number {
    return queue === undefined ? this.#waiting.size : this.#waiting.count(queue)
  }

  failed(on: (error: Error) => void): void {
    if (this.#failure) on(this.#failure)
    else this.#onFailure.push(on)
  }

  drain(on: boolean): void {
    this.draining = on
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#sessions.values()].map((session) => session.close('released')))
    await this.#batch.settled()
    this.#unhear()
    this.#alarm.clear()
    this.#poll.clear()
    this.#interest?.close()
    await this.#store.close()
  }

  // ------------------------------------------------------------------ what sessions ask

  submit(unit: Unit): Promise<Result[]> {
    if (this.#waiting.size > 0) this.#wakeForPuts(unit.ops)
    const answer = this.#batch.add(unit)
    answer.catch((error: Error) => {
      if (error instanceof UnknownOutcomeError) this.#fail(error)
    })
    return answer
  }

  answered(_unit: Unit, results: readonly Result[]): void {
    for (const result of results) if (result.ok && 'dead' in result && result.dead.length > 0) this.#forward(result.dead)
  }

  look(...args: Parameters<Store['look']>): ReturnType<Store['look']> {
    return this.#store.look(...args)
  }

  stats(...args: Parameters<Store['stats']>): ReturnType<Store['stats']> {
    return this.#store.stats(...args)
  }

  why(job: JobView): Promise<string> {
    return Promise.resolve(
      whySentence(job, { now: this.now(), waiting: this.waiting(job.queue), shared: this.#store.traits.shared }),
    )
  }

  gone(session: ClientSession): void {
    this.#sessions.delete(session.id)
  }

  // ------------------------------------------------------------------ the waiting line

  enter(line: WaitingLine): void {
    this.#waiting.add(line)
    line.startTimer((ms, run) => this.#clock.after(ms, run))
    this.ask(line)
    this.#interest?.changed()
    if (this.#slowPoll !== false) this.#poll.set(this.now() + this.#slowPoll)
  }

  remove(line: WaitingLine): void {
    this.#waiting.remove(line)
    this.#interest?.changed()
  }

  ask(line: WaitingLine): void {
    if (!line.open) return
    if (line.asking) {
      line.askAgain = true
      return
    }
    line.asking = true
    // The batch takes it along when it commits; an empty unit sees to it that it does.
    if (this.#asking.push(line) === 1) void this.#batch.add({ ops: [], unsynced: true }).catch(() => undefined)
  }

  left(line: WaitingLine): Promise<void> {
    return line.asking ? this.#batch.settled() : Promise.resolve()
  }

  /** The last moment before a commit: the reserves of the lines that were woken join it. */
  #askForLines(): void {
    const lines = this.#asking
    this.#asking = []
    for (const line of lines)
      if (line.ended) line.asking = false
      else void this.#askFor(line)
  }

  async #askFor(line: WaitingLine): Promise<void> {
    const op = line.reserve()
    try {
      const results = await this.#batch.add({ ops: [op], ...(line.want.lease.bound && { unsynced: true as const }) })
      this.#sessions.get(line.session)?.mirror([op], results)
      this.#served(line, results[0] as Result, results)
    } catch (error) {
      line.asking = false
      line.end('closed', error as Error)
      if (error instanceof UnknownOutcomeError) this.#fail(error)
    }
  }

  #served(line: WaitingLine, result: Result, results: readonly Result[]): void {
    const again = line.askAgain
    line.asking = line.askAgain = false
    this.answered({ ops: [] }, results)
    if (!result.ok) {
      if (result.next !== undefined) this.#alarm.set(result.next)
      if (line.timedOut) line.end('timeout')
      else if (again) this.ask(line)
      return
    }
    const { jobs } = result as Answer<'reserve'>
    if (line.ended) {
      this.#giveBack(line, jobs)
      return
    }
    this.#waiting.toTheEnd(line)
    line.deliver(jobs)
    // Where one found something there may be more, for this line or for the next.
    for (const queue of new Set(jobs.map((job) => job.queue))) this.#wake(queue, 1)
  }

  /** Jobs came for a line that has left meanwhile. A session that has ended took its leases along. */
  #giveBack(line: WaitingLine, jobs: readonly Reserved[]): void {
    if (!this.#sessions.has(line.session) && line.want.lease.bound) return
    const ops = jobs.map((job): Op => ({ do: 'release', job: { id: job.id, n: job.n }, as: 'untaken' }))
    const session = this.#sessions.get(line.session)
    this.submit({ ops }).then(
      (results) => session?.mirror(ops, results),
      () => undefined,
    )
  }

  #wake(queue: Queue, jobs: number): void {
    for (const line of this.#waiting.next(queue, jobs)) this.ask(line)
  }

  #wakeAll(): void {
    for (const queue of this.#waiting.queues) this.#wake(queue, 1)
  }

  /** What a unit is about to put wakes as many lines, and is reserved for them in the same commit. */
  #wakeForPuts(ops: readonly Op[]): void {
    let puts: Map<Queue, number> | undefined
    for (const op of ops)
      if (op.do === 'put') for (const { queue } of op.to) (puts ??= new Map()).set(queue, (puts.get(queue) ?? 0) + 1)
    if (puts) for (const [queue, jobs] of puts) this.#wake(queue, jobs)
  }

  #lookAgain(): void {
    if (this.#waiting.size === 0 || this.#slowPoll === false) return
    this.#wakeAll()
    this.#poll.set(this.now() + this.#slowPoll)
  }

  // ------------------------------------------------------------------ what happens by itself

  #hear(hint: Hint): void {
    for (const queue of hint.ready ?? []) this.#wake(queue, this.#waiting.count(queue))
    if (hint.due !== undefined) this.#alarm.set(hint.due)
    if (hint.records !== undefined) this.records.refresh().catch((error: Error) => this.#fail(error))
    for (const { id, n, why } of hint.ended ?? []) for (const session of this.#sessions.values()) session.leaseEnded(id, n, why)
    if (hint.health === 'failed') this.#fail(new UnknownOutcomeError('The store has failed; start again.'))
  }

  /** Makes due what is due, until nothing is. */
  async #makeDue(): Promise<void> {
    if (this.#due || this.#closing) return
    this.#due = true
    try {
      for (;;) {
        const [result] = (await this.#batch.add({ ops: [{ do: 'due', limit: DUE }] })) as [Answer<'due'>]
        this.#forward(result.dead)
        if (result.next !== undefined) this.#alarm.set(result.next)
        if (!result.more) break
      }
    } catch (error) {
      if (error instanceof UnknownOutcomeError) this.#fail(error)
      else if (!this.#closing && !this.#failure) this.#alarm.set(this.now() + RETRY)
    } finally {
      this.#due = false
    }
  }

  #forward(dead: readonly Dead[]): void {
    const unit = forwardDead(dead)
    if (!unit) return
    this.submit(unit).then(
      (results) => this.answered(unit, results),
      () => undefined,
    )
  }

  #fail(error: Error): void {
    if (this.#failure || this.#closing) return
    this.#failure = error
    for (const session of this.#sessions.values()) session.endLines('closed', error)
    for (const on of this.#onFailure) on(error)
  }
}

function processName(): string {
  return `${process.pid}-${randomBytes(3).toString('hex')}`
}

/** When the store could not be written, what is due waits so long. */
const RETRY: Ms = 1000
