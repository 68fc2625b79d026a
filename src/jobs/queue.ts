/** What an application puts jobs into, looks at them with, and takes workers from. */
import { systemClock, type Clock } from '../clock.ts'
import { FOR_EVER, type Duration } from '../duration.ts'
import { ClosedError, InvalidArgumentError, NotSupportedError } from '../errors.ts'
import type { Op, Transport } from '../transports/transport.ts'
import { checkFunctions, checkList, checkNode, checkQueue } from './check.ts'
import type { Handlers, PutMiddleware } from './context.ts'
import { countsOf, drained, type Counts, type DrainedOptions } from './counts.ts'
import { type ArgsIn, Catalog, type Jobs, queueOf, type ResultOf } from './definition.ts'
import { Emitter, type EventName, type Events } from './events.ts'
import { Figures } from './figures.ts'
import { Follow, sinkOf } from './follow.ts'
import { idOf, infoOf, type JobInfo } from './info.ts'
import { LimitRecords } from './limits.ts'
import type { Listening, ListenOptions } from './listening.ts'
import { metricsText } from './metrics.ts'
import { pageOf, type Page, type PageOptions } from './page.ts'
import { Producer } from './producer.ts'
import { momentOf, type PutJob, type PutOptions, type PutParameters } from './put.ts'
import { Results, type ResultOptions } from './result.ts'
import { AT_REST, changeMany, whereOf, type Selection } from './selection.ts'
import type { Tracing } from './tracing.ts'
import { updateJob, type JobChange } from './update.ts'
import type { WorkerOptions } from './worker-options.ts'
import { Worker } from './worker.ts'
import type { WorkerNeeds } from './worker-parts.ts'

/** One of a batch: name, arguments, options. */
export type PutOf<J extends Jobs> = {
  [N in keyof J & string]: readonly [name: N, ...put: PutParameters<J[N]>]
}[keyof J & string]

export interface QueueOptions<J extends Jobs> {
  jobs: J
  clock?: Clock
  /** From 0 to below 1; for jitter. */
  random?: () => number
  /** Around each put. */
  use?: readonly PutMiddleware[]
  /** Serves the same queues to other languages; where there is a broker in this process. */
  listen?: (at: ListenOptions) => Promise<Listening>
  /** Traces of puts and attempts. Default: none. */
  tracing?: Tracing | undefined
  /** Closed with the queue. */
  transport: Transport
}
/** What workers of this queue need, for those of ours that make their own. */
export let workerNeeds: (queue: JobQueue<Jobs>) => WorkerNeeds

/**
 * What `open` answers. Where it is passed on, its type is that of its definitions.
 * @example export function routes(queue: JobQueue<typeof jobs>) { ... }
 */
export class JobQueue<J extends Jobs> {
  readonly #transport: Transport
  readonly #catalog: Catalog
  readonly #limits: LimitRecords
  readonly #clock: Clock
  readonly #random: () => number
  readonly #figures: Figures
  readonly #tracing: Tracing | undefined
  readonly #events: Emitter
  readonly #results: Results
  readonly #producer: Producer
  readonly #listen: QueueOptions<J>['listen']
  readonly #listening = new Set<Listening>()
  readonly #workers = new Set<Worker>()
  #closed: Promise<void> | undefined

  static {
    workerNeeds = (queue) => queue.#workerNeeds
  }

  /** @internal Use open. */
  constructor({
    transport,
    jobs,
    clock = systemClock,
    random = Math.random,
    use = [],
    listen,
    tracing,
  }: QueueOptions<J>) {
    checkNode()
    checkFunctions(use, 'use')
    this.#transport = transport
    this.#catalog = new Catalog(jobs)
    this.#limits = new LimitRecords(transport, this.#catalog.limits)
    this.#clock = clock
    this.#random = random
    this.#tracing = tracing
    this.#figures = new Figures((name) => this.#catalog.find(name) !== undefined)
    this.#events = new Emitter(this.#figures, sinkOf(transport))
    this.#listen = listen
    this.#results = new Results(transport, clock)
    this.#producer = new Producer({
      transport,
      clock,
      catalog: this.#catalog,
      limits: this.#limits,
      events: this.#events,
      results: this.#results,
      tracing,
      use,
    })
  }

  /**
   * Puts a job. When the promise resolves it is on disk (on `file:`, at the default durability).
   * @param put the arguments, as the definition's validator takes them, and options
   * @throws ValidationError, InvalidArgumentError, NotSupportedError, QueueFullError: nothing was put
   * @throws UnavailableError nothing was put; UnknownOutcomeError: perhaps it was
   * @example const { id, duplicate } = await queue.put('sendMail', { mail_to: 'a@example.com' }, { delay: '10m' })
   */
  put<N extends keyof J & string>(name: N, ...put: PutParameters<J[N]>): Promise<PutJob<ResultOf<J[N]>>> {
    const [args, options = {}] = put as [unknown, PutOptions?]
    return this.#producer.put({ name, args, options }) as Promise<PutJob<ResultOf<J[N]>>>
  }

  /** Many of one name, with the same options: all of them, or none. */
  async putMany<N extends keyof J & string>(
    name: N,
    args: readonly ArgsIn<J[N]>[],
    options: PutOptions = {},
  ): Promise<PutJob<ResultOf<J[N]>>[]> {
    checkList(args, 'args')
    const puts = args.map((one) => ({ name, args: one, options }))
    return (await this.#producer.putAll(puts)) as PutJob<ResultOf<J[N]>>[]
  }

  /**
   * Jobs of several names, into several queues: all are validated before the first is written, and where the transport is atomic, all are put or none.
   * @example await queue.putAll([['sendMail', { mail_to: 'a@example.com' }], ['purge', { olderThan: '30d' }, { delay: '1h' }]])
   */
  async putAll<N extends readonly (keyof J & string)[]>(
    puts: readonly [...{ [I in keyof N]: readonly [name: N[I], ...put: PutParameters<J[N[I]]>] }],
  ): Promise<{ -readonly [I in keyof N]: PutJob<ResultOf<J[N[I]]>> }> {
    checkList(puts, 'puts')
    const all = puts.map((put, i) => {
      checkList(put, `puts[${i}]`)
      const [name, args, options = {}] = put as unknown as readonly [string, unknown?, PutOptions?]
      return { name, args, options }
    })
    return (await this.#producer.putAll(all)) as { -readonly [I in keyof N]: PutJob<ResultOf<J[N[I]]>> }
  }

  /**
   * Puts within the application's own transaction on the same file: committed, the job is there together with the application's rows; rolled back,
   * nothing is. Only validators that answer at once can be used.
   * @param transaction node:sqlite's handle, with a transaction open on the store's file
   * @throws InvalidArgumentError, NotSupportedError, ValidationError, QueueFullError
   * @example
   * db.exec('BEGIN IMMEDIATE')
   * db.prepare('INSERT INTO customer (name) VALUES (?)').run('Ada')
   * queue.putWithin(db, 'welcome', { name: 'Ada' })
   * db.exec('COMMIT')
   */
  putWithin<N extends keyof J & string>(
    transaction: unknown,
    name: N,
    ...put: PutParameters<J[N]>
  ): PutJob<ResultOf<J[N]>> {
    const [args, options = {}] = put as [unknown, PutOptions?]
    return this.#producer.within(transaction, { name, args, options }) as PutJob<ResultOf<J[N]>>
  }

  // ------------------------------------------------------------------ looking

  /** A job as it is, or undefined: it was never there, or is gone. */
  async get(id: string): Promise<JobInfo | undefined> {
    const { jobs } = await this.#transport.look({ id: idOf(id), limit: 1, with: ['body', 'notes'] })
    return jobs[0] && infoOf(jobs[0])
  }

  /**
   * One page of a queue's jobs. Of one state: ready, waiting and reserved ones in the order in which they are taken, delayed soonest first, buried in the
   * order of burial, finished the newest first. Of several states: in the order of their puts.
   * @throws InvalidArgumentError
   */
  list(selection: Selection, page: PageOptions = {}): Promise<Page> {
    return pageOf(this.#transport, this.#catalog, selection, page)
  }

  /** How many jobs in which state, of these queues, or of all. A queue that has never had a job, or none for a while, is left out. */
  counts(queues?: readonly string[]): Promise<Counts[]> {
    return countsOf(this.#transport, queues)
  }

  /** Why isn't this job running? In one sentence. undefined: there is no such job. */
  async why(id: string): Promise<string | undefined> {
    return this.#transport.why(idOf(id))
  }

  /**
   * Waits for the result of a job, put by whomever.
   * @throws JobFailedError, TimedOutError, NotSupportedError
   */
  async result(id: string, options: ResultOptions = {}): Promise<unknown> {
    return this.#results.of(idOf(id), 'job', options)
  }

  // ------------------------------------------------------------------ changing

  /**
   * A waiting job is gone; one that is being worked is told by its signal, in whichever process.
   * @returns which of the two, or undefined: there is no such job
   */
  async cancel(id: string): Promise<'cancelled' | 'told' | undefined> {
    this.#need('cancel', 'cancelling')
    const [result] = await this.#transport.commit({ ops: [{ do: 'cancel', job: idOf(id) }] })
    if (!result?.ok || result.do !== 'cancel') return undefined
    return result.state === 'reserved' ? 'told' : 'cancelled'
  }

  /**
   * Changes a job that waits, is delayed or was set aside, where it is. New arguments are validated as at its put.
   * @throws JobStateError it is gone, or is being worked
   * @throws ValidationError, InvalidArgumentError
   */
  async update(id: string, change: JobChange): Promise<void> {
    this.#need('edit', 'changing jobs')
    await updateJob({ transport: this.#transport, clock: this.#clock }, this.#catalog, idOf(id), change)
  }

  /** A job that was set aside, or is delayed, is ready now, its attempts counted anew. false: it is neither. */
  async retry(id: string): Promise<boolean> {
    return this.#release({ do: 'release', job: { id: idOf(id) }, as: 'kicked', afresh: true })
  }

  /** A delayed job is ready now; its attempts stay counted. false: it isn't delayed. */
  async promote(id: string): Promise<boolean> {
    const job = idOf(id)
    const { jobs } = await this.#transport.look({ id: job, limit: 1 })
    if (jobs[0]?.state !== 'delayed') return false
    return this.#release({ do: 'release', job: { id: job }, as: 'kicked' })
  }

  /** All that were set aside and match are ready now, their attempts counted anew. Returns how many. */
  async retryAll(selection: Omit<Selection, 'states'>): Promise<number> {
    return changeMany(this.#transport, whereOf(selection, ['buried'], this.#catalog), 'retry')
  }

  /** Deletes jobs; those that are being worked only if their state is named. Returns how many. @throws InvalidArgumentError */
  async clear(selection: Selection): Promise<number> {
    return this.#changeAll(selection, 'delete')
  }

  /** Moves jobs to the end of another queue; those that are being worked only if their state is named. Returns how many. @throws InvalidArgumentError */
  async move(selection: Selection, to: string): Promise<number> {
    checkQueue(to)
    if (to === selection?.queue) throw new InvalidArgumentError(`The jobs are in '${to}' already; name another queue.`)
    return this.#changeAll(selection, { to: queueOf(to) })
  }

  /** Nobody takes jobs from the queue; those that are being worked go on. @param until default: until it is resumed */
  async pause(queue: string, until?: Duration | Date): Promise<void> {
    checkQueue(queue)
    const at =
      until === undefined ? FOR_EVER : momentOf(until, { transport: this.#transport, clock: this.#clock }, 'until')
    await this.#transport.pause(queueOf(queue), at)
  }

  /** Ends a pause. */
  async resume(queue: string): Promise<void> {
    checkQueue(queue)
    await this.#transport.pause(queueOf(queue), 0)
  }

  /**
   * Waits until the queue has no job left to be worked: none ready, waiting, reserved or, unless `delayed` is false, delayed. Those that were set aside
   * don't count.
   * @throws TimedOutError
   */
  drained(queue: string, options: DrainedOptions = {}): Promise<void> {
    return drained(this.#transport, this.#clock, queue, options)
  }

  // ------------------------------------------------------------------ working

  /**
   * Works jobs until it is stopped.
   * @param handlers one for each name that is worked here; jobs of other names are left to other workers
   * @throws InvalidArgumentError, NotSupportedError, ClosedError
   * @example
   * const worker = queue.work({ async sendMail({ args }, { signal }) { await mailer.send(args, { signal }) } }, { concurrency: 20 })
   * await worker.stop()
   */
  work(handlers: Handlers<J>, options: WorkerOptions<J> = {}): Worker {
    this.#checkOpen()
    const worker = new Worker(this.#workerNeeds, handlers as Handlers<Jobs>, options as WorkerOptions<Jobs>)
    this.#workers.add(worker)
    const forget = () => this.#workers.delete(worker)
    worker.done.then(forget, forget)
    return worker
  }

  /** Hears what happens to jobs in this process. Returns the way to stop hearing. */
  on<N extends EventName>(name: N, listener: (event: Events[N]) => void): () => void {
    return this.#events.on(name, listener)
  }

  /**
   * Hears what happens to jobs in all processes that share the store, clients of protocols included, from now on. While nobody follows, nothing of it
   * is written. docs/jobs/events.md says what is told, and what may be missed.
   * @throws NotSupportedError
   * @example for await (const event of await queue.follow()) console.log(event)
   */
  async follow(): Promise<Follow> {
    const { events } = this.#transport
    if (!events)
      throw new NotSupportedError(
        `${this.#transport.name} tells nothing of what happens. Use a store such as file:jobs.db.`,
      )
    return new Follow(await events.follow())
  }

  /**
   * Figures in Prometheus' text form: of this process, what happened to jobs since the queue was opened; of the store, what lies in which queue.
   * docs/jobs/metrics.md lists them. To be served with the content type `text/plain; version=0.0.4`.
   * @throws NotSupportedError, ConnectionError, UnavailableError
   */
  async metrics(): Promise<string> {
    const stats = await this.#transport.stats()
    const workers = [...this.#workers].map((worker) => worker.health())
    return metricsText(this.#figures, stats, workers, this.#transport.now())
  }

  /**
   * Serves the same queues to clients of other languages.
   * @throws CannotOpenError, NotSupportedError, ClosedError
   * @example await queue.listen({ beanstalkd: 11300 })
   */
  async listen(at: ListenOptions): Promise<Listening> {
    if (!this.#listen)
      throw new NotSupportedError(
        `${this.#transport.name} is served by somebody else; a store such as file: can be served from here.`,
      )
    this.#checkOpen()
    const listening = await this.#listen(at)
    this.#listening.add(listening)
    // Closed meanwhile: nobody else would close it.
    if (this.#closed) await listening.close()
    this.#checkOpen()
    return listening
  }

  /** Stops its workers, who finish or give back what they have, and closes the store. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#listening].map((one) => one.close()))
    await Promise.all([...this.#workers].map((worker) => worker.stop()))
    await this.#transport.close()
    this.#results.close()
  }

  /** As `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // ------------------------------------------------------------------ inside

  get #workerNeeds(): WorkerNeeds {
    return {
      transport: this.#transport,
      catalog: this.#catalog,
      limits: this.#limits,
      clock: this.#clock,
      random: this.#random,
      events: this.#events,
      tracing: this.#tracing,
      put: (name, args, options) => this.#producer.put({ name, args, options }),
    }
  }

  /** @throws ClosedError */
  #checkOpen(): void {
    if (this.#closed) throw new ClosedError('The queue is closed; open it again.')
  }

  #need(what: 'cancel' | 'edit', name: string): void {
    if (!this.#transport.capabilities[what])
      throw new NotSupportedError(`${this.#transport.name} has no ${name}. Use a store such as file:jobs.db.`)
  }

  #changeAll(selection: Selection, act: 'delete' | { to: `${string}/${string}` }): Promise<number> {
    return changeMany(this.#transport, whereOf(selection, AT_REST, this.#catalog), act)
  }

  async #release(op: Op): Promise<boolean> {
    const [result] = await this.#transport.commit({ ops: [op] })
    return result?.ok === true
  }
}
