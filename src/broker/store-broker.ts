import { randomBytes } from 'node:crypto'
import { systemClock, type Clock } from '../clock.ts'
import { ClosedError, UnavailableError, UnknownOutcomeError } from '../errors.ts'
import type { JobId, Ms, Queue, Reserved, Target } from '../job.ts'
import type { Dead, Hint, JobView, Op, Result, Store, Unit } from '../stores/store.ts'
import { whySentence } from '../why.ts'
import { Alarm } from './alarm.ts'
import { Batch, type Submission } from './batch.ts'
import type { Broker, BrokerOptions, Session } from './broker.ts'
import { FOLLOW, Following } from './following.ts'
import { Interest } from './interest.ts'
import { Leases } from './leases.ts'
import type { LineBroker, WaitingLine } from './line.ts'
import { Records } from './records.ts'
import { forwardDead } from './routing.ts'
import { ClientSession, type SessionBroker } from './session.ts'
import { eventsOf } from './telling.ts'
import { Timeouts } from './timeouts.ts'
import { Waiting } from './waiting.ts'

/** Rows that one `due` makes due at the most; the rest follow at once. */
const DUE = 200
/** When the store is unavailable, what must be done is tried again after so long. */
const RETRY: Ms = 250
/** The slow poll is so many times slower while no other process has the store open. */
const ALONE = 5

/**
 * The broker over a store, which it owns from now on: `close` closes it, too.
 * @example const broker = createBroker({ store: openMemory() })
 */
export function createBroker(options: BrokerOptions): Broker {
  return new StoreBroker(options)
}

/** What sessions and lines share: the batch, the waiting line, the mirror of leases, the alarms, and what answers and hints lead to. */
class StoreBroker implements Broker, SessionBroker, LineBroker {
  readonly clock: Clock
  readonly timeouts: Timeouts
  readonly records: Records
  readonly leases: Leases
  readonly following: Following
  readonly #store: Store
  readonly #process: string
  readonly #batch: Batch
  readonly #waiting: Waiting
  readonly #interest: Interest | undefined
  readonly #due: Alarm
  readonly #slowPoll: Ms | false
  readonly #poll: Alarm
  readonly #sessions = new Map<string, ClientSession>()
  readonly #onFailure: ((error: Error) => void)[] = []
  readonly #onEnded = new Set<(id: JobId) => void>()
  readonly #stopHearing: () => void
  /** Those who wait for the store to be available again. */
  readonly #insisting = new Set<() => void>()
  #sessionNo = 0
  #makingDue = false
  /** Something became due while the last `due` was on its way. */
  #dueAgain = false
  #failure: Error | undefined
  #closing: Promise<void> | undefined
  draining = false
  health: NonNullable<Hint['health']> = 'ok'

  constructor({ store, clock = systemClock, slowPoll = 2000, process = processName() }: BrokerOptions) {
    const { shared } = store.traits
    this.clock = clock
    this.timeouts = new Timeouts(clock)
    this.#store = store
    this.leases = new Leases(() => store.now())
    this.#process = process
    this.#batch = new Batch(
      store,
      () => this.#waiting.take(),
      (error) => this.#rejected(error),
    )
    this.#waiting = new Waiting(
      () => this.#batch.wake(),
      (queue, waitedFor) => (waitedFor ? this.#interest?.add(queue) : this.#interest?.less()),
    )
    if (shared)
      this.#interest = new Interest(
        store,
        clock,
        () => this.#waiting.queues,
        (queues) => this.mayBeReady(queues),
      )
    this.#slowPoll = shared && slowPoll
    this.#poll = new Alarm(
      clock,
      () => clock.now(),
      () => {
        this.mayBeReady(this.#waiting.queues)
        this.#pollLater()
      },
    )
    this.#due = new Alarm(
      clock,
      () => store.now(),
      () => void this.#makeDue(),
    )
    this.#stopHearing = store.hear((hint) => this.#hear(hint))
    this.following = new Following(store, clock, (unit) => this.#batch.commit(unit))
    this.records = new Records(store)
    this.records.watch(FOLLOW, () => {
      this.following.on = [...this.records.list(FOLLOW)].length > 0
    })
    this.#refresh()
    // What became due while nobody had the store open.
    void this.#makeDue()
  }

  now(): Ms {
    return this.#store.now()
  }

  session({ protocol, tenant, principal, peer, unordered, tells }: Parameters<Broker['session']>[0]): Session {
    if (this.#closing) throw new ClosedError('The broker is closed; make another.')
    const name = `${protocol} client ${peer ?? principal}`
    const id = `${this.#process}.${++this.#sessionNo}`
    const session = new ClientSession(id, name, tenant, { ordered: !unordered, tells: tells === true }, this)
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

  ended(on: (id: JobId) => void): () => void {
    this.#onEnded.add(on)
    return () => this.#onEnded.delete(on)
  }

  drain(on: boolean): void {
    this.draining = on
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    this.following.close()
    // No timer keeps the process alive for as long as they wait: once more now, then never.
    for (const again of this.#insisting) again()
    await Promise.all([...this.#sessions.values()].map((session) => session.close('released')))
    await this.#batch.settled()
    this.#stopHearing()
    this.#due.clear()
    this.#poll.clear()
    this.#interest?.close()
    await this.#store.close()
  }

  // ------------------------------------------------------------------ for sessions

  get lines(): LineBroker {
    return this
  }

  submit(submission: Submission): void {
    if (this.#waiting.size > 0) this.#wakeForPuts(submission.unit.ops)
    this.#batch.add(submission)
  }

  look(...args: Parameters<Store['look']>): ReturnType<Store['look']> {
    return this.#store.look(...args)
  }

  stats(...args: Parameters<Store['stats']>): ReturnType<Store['stats']> {
    return this.#store.stats(...args)
  }

  async why(job: JobView): Promise<string> {
    const { queue, holder } = job
    const [stats] = await this.#store.stats([queue])
    return whySentence(job, {
      now: this.now(),
      waiting: this.waiting(queue) > 0 || (await this.#waitElsewhere(queue)),
      reserved: stats?.reserved ?? 0,
      holder: (holder !== undefined && this.#sessions.get(holder)?.name) || `session ${holder}`,
    })
  }

  async #waitElsewhere(queue: Queue): Promise<boolean> {
    const processes = (await this.#store.processes?.()) ?? []
    return processes.some((one) => !one.self && one.waits.includes(queue))
  }

  gone(session: ClientSession): void {
    this.#sessions.delete(session.id)
  }

  get over(): boolean {
    return this.#closing !== undefined || this.#failure !== undefined
  }

  async insist(unit: Unit): Promise<void> {
    for (;;)
      try {
        this.#route(await this.#batch.commit(unit))
        return
      } catch (error) {
        // What is left undone ends with this process.
        if (!(error instanceof UnavailableError) || this.over) return
        await new Promise<void>((resolve) => {
          this.#insisting.add(resolve)
          this.later(() => {
            this.#insisting.delete(resolve)
            resolve()
          })
        })
      }
  }

  later(run: () => void): void {
    this.clock.after(RETRY, run)
  }

  // ------------------------------------------------------------------ for lines

  idle(queues: readonly Queue[]): boolean {
    return this.#waiting.idle(queues)
  }

  get due(): boolean {
    return this.#makingDue || this.#due.at <= this.now()
  }

  enter(line: WaitingLine): void {
    this.#waiting.enter(line)
    this.#pollLater()
  }

  leave(line: WaitingLine): void {
    this.#waiting.leave(line)
  }

  ask(line: WaitingLine): void {
    this.#waiting.ask(line)
  }

  mayBeReady(queues: readonly Queue[]): void {
    for (const queue of queues) this.#waiting.mayBeReady(queue)
  }

  served(line: WaitingLine, jobs: readonly Reserved[]): void {
    this.#waiting.served(line, jobs)
  }

  /** What is about to be put is reserved in the same commit, for as many lines. */
  #wakeForPuts(ops: readonly Op[]): void {
    for (let i = 0; i < ops.length; i++) {
      const op = ops[i] as Op
      if (op.do !== 'put') continue
      for (const { queue, at } of op.to) if (at === undefined || at <= this.now()) this.#waiting.ready(queue, 1)
    }
  }

  /** What was to be delayed was due by the time of its commit. */
  #wakeForLatePuts(ops: readonly Op[], results: readonly Result[]): void {
    for (let i = 0; i < ops.length; i++) {
      const op = ops[i] as Op
      const result = results[i] as Result
      if (op.do !== 'put' || !result.ok || result.do !== 'put') continue
      for (let j = 0; j < op.to.length; j++) {
        const { queue, at } = op.to[j] as Target
        const put = result.per[j]
        if (at !== undefined && put?.ok && put.state === 'ready') this.#waiting.mayBeReady(queue)
      }
    }
  }

  #pollLater(): void {
    if (this.#slowPoll === false || this.#waiting.size === 0 || this.#closing) return
    // Where nobody else is known, a look is for those whose coming was missed.
    this.#poll.set(this.clock.now() + this.#slowPoll * (this.#store.others === 0 ? ALONE : 1))
  }

  // ------------------------------------------------------------------ what answers and hints tell

  learn(unit: Unit, results: readonly Result[], session: ClientSession): void {
    if (this.following.on) this.#tellOf(unit, results, session)
    this.leases.learn(unit.ops, results, session.holder)
    this.#route(results)
    if (this.#waiting.size > 0) this.#wakeForLatePuts(unit.ops, results)
  }

  learnFor(line: WaitingLine, results: readonly Result[]): void {
    const session = this.#sessions.get(line.owner.id)
    if (session && this.following.on) this.#tellOf(line.unit, results, session)
    // Jobs that come too late are not its session's: they go back.
    if (session && !line.ended) this.leases.learn(line.unit.ops, results, session.holder)
    this.#route(results)
    const [result] = results
    if (result?.ok === false && result.next !== undefined) this.#makeDueAt(result.next)
  }

  #tellOf(unit: Unit, results: readonly Result[], session: ClientSession): void {
    const queueOf = (id: JobId) => this.leases.get(id)?.queue ?? session.nowhere
    this.following.tell(eventsOf(unit.ops, results, this.now(), session.tells, queueOf))
  }

  #hear({ ready, due, records, ended, finished, events, health, failure }: Hint): void {
    if (ready) this.mayBeReady(ready)
    if (ended) for (const { id, n, why } of ended) this.leases.ended(id, n, why)
    if (finished) for (const id of finished) for (const on of this.#onEnded) on(id)
    if (events !== undefined) this.following.wake()
    if (due !== undefined) this.#makeDueAt(due)
    if (records !== undefined) this.#refresh()
    if (health !== undefined && this.health !== 'failed') this.health = health
    if (health === 'failed') {
      const what = failure ? `The store has failed: ${failure.message}` : 'The store has failed.'
      this.#fail(new UnknownOutcomeError(`${what} Open it again, best in a new process.`, { cause: failure }))
    }
  }

  #makeDueAt(at: Ms): void {
    if (at > this.now()) this.#due.set(at)
    else if (this.#makingDue) this.#dueAgain = true
    else void this.#makeDue()
  }

  /** Makes due what is due, until nothing is. */
  async #makeDue(): Promise<void> {
    if (this.#makingDue || this.over) return
    this.#makingDue = true
    try {
      do {
        this.#dueAgain = false
        const results = await this.#batch.commit({ ops: [{ do: 'due', limit: DUE }] })
        this.#route(results)
        const [result] = results
        if (!result?.ok || result.do !== 'due') break
        this.records.due(result.records)
        if (result.more) this.#dueAgain = true
        else if (result.next !== undefined) this.#due.set(Math.max(result.next, this.now() + 1))
      } while (this.#dueAgain && !this.over)
    } catch {
      // Whether the store has failed for good, the batch has told.
      if (!this.over) this.#due.set(this.now() + RETRY)
    } finally {
      this.#makingDue = false
    }
  }

  #route(results: readonly Result[]): void {
    for (let i = 0; i < results.length; i++) {
      const result = results[i] as Result
      if (result.ok && 'dead' in result && result.dead.length > 0) this.#forward(result.dead)
    }
  }

  /** Should the store be unavailable, `due` reports them again. */
  #forward(dead: readonly Dead[]): void {
    const unit = forwardDead(dead, this.now())
    if (unit) this.submit({ unit, answered: (results) => this.#route(results), rejected: () => undefined })
  }

  #refresh(): void {
    this.records.refresh().catch(() => {
      if (!this.over) this.later(() => this.#refresh())
    })
  }

  #rejected(error: Error): void {
    if (error instanceof UnknownOutcomeError) this.#fail(error)
  }

  #fail(error: Error): void {
    if (this.over) return
    this.#failure = error
    this.#due.clear()
    this.#poll.clear()
    for (const session of this.#sessions.values()) session.endLines(error)
    this.following.close(error)
    for (const on of this.#onFailure) on(error)
  }
}

function processName(): string {
  return `${process.pid}-${randomBytes(3).toString('hex')}`
}
