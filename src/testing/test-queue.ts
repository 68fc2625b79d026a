/** A queue to test with. */
import type { Broker } from '../broker/broker.ts'
import { createBroker } from '../broker/store-broker.ts'
import { checkCount, checkDate, checkFunction, checkOptions, type Names } from '../jobs/check.ts'
import type { Handlers, PutMiddleware } from '../jobs/context.ts'
import type { AnswerOf, ArgsIn, Jobs } from '../jobs/definition.ts'
import { JobQueue, workerNeeds } from '../jobs/queue.ts'
import type { WorkerOptions } from '../jobs/worker-options.ts'
import { Worker } from '../jobs/worker.ts'
import type { WorkerNeeds } from '../jobs/worker-parts.ts'
import { BrokerTransport } from '../transports/broker.ts'
import { drain, type Drained, type DrainOptions } from './drain.ts'
import { Journal, type Happening, type Reached } from './journal.ts'
import { PUT_MATCH, Puts, type Match, type PutMatch, type PutRecord } from './puts.ts'
import { runOne, type Ran, type RunOptions } from './run.ts'
import { openSettling, type SettlingStore } from './settling-store.ts'
import { Simulate, type Running } from './simulate.ts'
import { TestClock } from './test-clock.ts'

export interface TestQueueOptions {
  /** What the clock shows at first. Default: the beginning of 2026, UTC. */
  start?: Date | undefined
  /** From 0 to below 1; for the jitter of retries. Default: 0, which is none. */
  random?: (() => number) | undefined
  /** Around each put. */
  use?: readonly PutMiddleware[] | undefined
}

const TEST_OPTIONS: Names<TestQueueOptions> = { start: true, random: true, use: true }
/** Real milliseconds. */
const WAIT = 5000
/** At its end, time passes in strides until all handlers have settled or were given up. */
const STRIDE = '1m'
const STRIDES = 10_000

/**
 * The real queue and broker on a store in memory, with a clock that stands still until it is moved, ids from 1 on, and no jitter. Each is alone: tests may
 * run side by side.
 * @example
 * const queue = testQueue(jobs)
 * await queue.put('sendMail', { mail_to: 'a@example.com' }, { delay: '1h' })
 * queue.assertPut('sendMail', { mail_to: 'a@example.com' })
 * await queue.clock.advance('1h')
 * assert.equal((await queue.drain(handlers)).done, 1)
 * await queue.close()
 */
export function testQueue<const J extends Jobs>(jobs: J, options: TestQueueOptions = {}): TestQueue<J> {
  checkOptions(options, 'options of testQueue', TEST_OPTIONS)
  const { start, random = () => 0, use } = options
  checkFunction(random, 'random')
  if (start !== undefined) checkDate(start, 'start')
  const clock: TestClock = new TestClock(start?.getTime(), () => store.settle())
  const puts = new Puts(() => clock.now())
  const store: SettlingStore = openSettling(clock, puts)
  const broker = createBroker({ store, clock, process: 'test' })
  const place: Place = { clock, puts, store, broker }
  return new TestQueue(jobs, place, { random, ...(use !== undefined && { use }) })
}

interface Place {
  clock: TestClock
  puts: Puts
  store: SettlingStore
  broker: Broker
}

export class TestQueue<J extends Jobs> extends JobQueue<J> {
  /** Moves time. */
  readonly clock: TestClock
  /** What happens to workers in production, and seldom in tests. */
  readonly simulate: Simulate
  readonly #place: Place
  readonly #needs: WorkerNeeds
  readonly #journal: Journal
  readonly #running = new Set<Running>()
  #ended: Promise<void> | undefined

  /** @internal Use testQueue. */
  constructor(jobs: J, place: Place, options: { random: () => number; use?: readonly PutMiddleware[] }) {
    const { clock, store, broker, puts } = place
    const transport = new BrokerTransport(broker, store, 'memory:')
    super({ transport, jobs, clock, ...options })
    this.clock = clock
    this.#place = place
    this.#needs = workerNeeds(this as unknown as JobQueue<Jobs>)
    this.#journal = new Journal(this.#needs.events, (id) => puts.argsOf(id))
    this.simulate = new Simulate(this.#running, transport, () => store.settle())
  }

  /**
   * Works what may be taken, one job after another, until nothing may be.
   * @throws in the mode `fail`: what the first handler that fails has thrown
   * @example const { done, dead } = await queue.drain(handlers, { mode: 'now' })
   */
  drain(handlers: Handlers<J>, options?: DrainOptions): Promise<Drained> {
    return drain(this.#needs, handlers as Handlers<Jobs>, options)
  }

  /**
   * Runs one handler with one job that isn't in this queue. What it puts is, though.
   * @param given the arguments, and options
   * @throws what the handler threw; ValidationError for arguments or a result that are not as defined
   * @example const { result, logs } = await queue.run(handlers, 'sendMail', { mail_to: 'a@example.com' }, { attempt: 3 })
   */
  run<N extends keyof J & string>(
    handlers: Handlers<J>,
    name: N,
    ...given: RunParameters<ArgsIn<J[N]>>
  ): Promise<Ran<AnswerOf<J[N]>>> {
    const [args, options = {}] = given as [unknown, RunOptions?]
    return runOne(this.#needs, handlers as Handlers<Jobs>, name, args, options) as Promise<Ran<AnswerOf<J[N]>>>
  }

  /** A worker, as of the real queue; it works while the test awaits something. */
  override work(handlers: Handlers<J>, options: WorkerOptions<J> = {}): Worker {
    const transport = new BrokerTransport(this.#place.broker, this.#place.store, 'memory:')
    const death = new AbortController()
    const needs: WorkerNeeds = {
      ...this.#needs,
      transport,
      death: death.signal,
      unref: true,
      // The dead put nothing.
      put: (...put) => (death.signal.aborted ? new Promise(() => undefined) : this.#needs.put(...put)),
    }
    const worker = new Worker(needs, handlers as Handlers<Jobs>, options as WorkerOptions<Jobs>)
    const running: Running = { worker, transport, death }
    this.#running.add(running)
    const forget = () => this.#running.delete(running)
    worker.done.then(forget, forget)
    return worker
  }

  /** Everything that was put until now, also what is done meanwhile; of one name, or all. */
  puts(name?: keyof J & string): PutRecord[] {
    if (name !== undefined) this.#check(name)
    return this.#place.puts.all(name)
  }

  /** `puts`, `assertPut` and `refutePut` know nothing of what was put before. */
  forgetPuts(): void {
    this.#place.puts.forget()
  }

  /**
   * Such a job was put, whatever became of it; one whose unique key was taken doesn't count.
   * @param args properties that its arguments have, or a function that says so. Default: any
   * @param put what else it has; `times`: how many of them there are, exactly. Default: at least one
   * @returns them
   * @throws AssertionError
   * @example queue.assertPut('sendMail', { mail_type: 'welcome' }, { group: 'user:42', times: 1 })
   */
  assertPut<N extends keyof J & string>(
    name: N,
    args?: Match<ArgsIn<J[N]>>,
    put: PutMatch & { times?: number } = {},
  ): PutRecord[] {
    this.#check(name)
    checkOptions(put, 'parts of a put', { ...PUT_MATCH, times: true })
    const { times, ...rest } = put
    checkCount(times, 'times')
    return this.#place.puts.assert(name, args, rest, times)
  }

  /** No such job was put. @throws AssertionError */
  refutePut<N extends keyof J & string>(name: N, args?: Match<ArgsIn<J[N]>>, put: PutMatch = {}): void {
    this.#check(name)
    checkOptions(put, 'parts of a put', PUT_MATCH)
    this.#place.puts.refute(name, args, put)
  }

  /**
   * Waits until such a job is done, dead, and so on; also if it was before.
   * @param match as in assertPut; undefined: any
   * @param options.timeout real milliseconds, after which the test has failed. Default 5000
   * @throws TimedOutError
   * @example const { result } = await queue.waitFor('sendMail', { mail_to: 'a@example.com' }, 'done')
   */
  async waitFor<N extends keyof J & string, S extends Reached = 'done'>(
    name: N,
    match?: Match<ArgsIn<J[N]>>,
    state?: S,
    options: { timeout?: number } = {},
  ): Promise<Happening<S>> {
    this.#check(name)
    checkOptions(options, 'options of waitFor', { timeout: true })
    const { timeout = WAIT } = options
    checkCount(timeout, 'timeout')
    return this.#journal.wait(name, match, state ?? 'done', timeout) as Promise<Happening<S>>
  }

  /** Resolves when nothing happens any more until the clock is moved: workers have nothing to do, or wait for something of the test's. */
  settled(): Promise<void> {
    return this.#place.store.settle()
  }

  /** Stops its workers and ends. Handlers that wait for their signal get it: as much time passes as it takes. */
  override close(): Promise<void> {
    return (this.#ended ??= this.#close())
  }

  /** An assertion about a misspelt name would hold for the wrong reason. @throws InvalidArgumentError */
  #check(name: string): void {
    this.#needs.catalog.get(name)
  }

  async #close(): Promise<void> {
    let over = false
    const stopped = this.simulate.stop().finally(() => (over = true))
    for (let i = 0; !over && i < STRIDES; i++) await this.clock.advance(i === 0 ? 0 : STRIDE)
    await stopped
    await super.close()
  }
}

/** What `run` takes behind the name: arguments, unless the job takes none, and options. */
export type RunParameters<In> = undefined extends In
  ? [args?: In, options?: RunOptions]
  : [args: In, options?: RunOptions]
