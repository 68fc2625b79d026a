/** Takes jobs and gives them to handlers. */
import { toMs, type Duration } from '../duration.ts'
import { CancelledError, ConnectionError, LeaseLostError, StoppedError, UnavailableError } from '../errors.ts'
import type { JobId, Ms, Queue } from '../job.ts'
import type { Delivery } from '../transports/transport.ts'
import { Attempt } from './attempt.ts'
import type { Handlers } from './context.ts'
import { checkOptions } from './check.ts'
import type { Entry, Jobs } from './definition.ts'
import { handlersOf, queuesOf, wrapped } from './handlers.ts'
import { Outbox } from './outbox.ts'
import { checkAbilities } from './put.ts'
import { checkedOptions, type WorkerOptions } from './worker-options.ts'
import type { WorkerNeeds, WorkerParts } from './worker-parts.ts'
import { watch, type OnBlocked } from './watchdog/watchdog.ts'

export interface Health {
  /** It takes jobs, or waits for some. */
  running: boolean
  /** Attempts that run now. */
  active: number
  /** Jobs that wait here for a slot. */
  prefetched: number
  /** Jobs taken since it began. */
  taken: number
  /**
   * What the store says of itself. 'disk full': it takes nothing for now. 'wal full': it takes no puts for now, and work goes on. 'failed': nothing works any
   * more; end the process.
   * undefined where nothing is known of it, as of a server over the wire.
   */
  store: 'ok' | 'disk full' | 'wal full' | 'failed' | undefined
  /** The last time that the event loop stood still for more than about a second; `name`: in which handler, if that is known. */
  lastBlocked?: { at: Date; ms: Ms; name: string }
  /** The last thing that went wrong with the store or the connection, and when. */
  lastError?: { at: Date; error: unknown }
}

/** So much work lies ready here, so that a slot doesn't wait for the store. */
const AHEAD: Ms = 50
const MOST_AHEAD = 1000
/** Attempts that end at once follow each other for so long; then the event loop has a turn. */
const SPELL: Ms = 10
/** Bytes of jobs that come at once; one job may be larger. */
const MOST_BYTES = 16 * 2 ** 20
/** At a stop, outcomes that the store doesn't take are told again for so long after the last handler was given up. */
const INSIST: Ms = 10_000
/** cross-env, timeout and others pass on to their child what a terminal has sent to both. */
const ECHO: Ms = 300
/** After an error of the store or the connection it waits, at first and at the longest, for so long. */
const WAIT: { first: Ms; longest: Ms } = { first: 100, longest: 5000 }

export class Worker {
  /**
   * Resolves when it has stopped. Rejects when it had to, because the store has failed for good or was closed.
   * @example await worker.done
   */
  readonly done: Promise<void>
  readonly #parts: WorkerParts
  readonly #concurrency: number
  readonly #queues: Queue[]
  /** Those that it handles and that have limits. */
  readonly #entries: readonly Entry[]
  readonly #stopWithin: Ms
  readonly #stopping = new AbortController()
  readonly #buffer: Attempt[] = []
  readonly #active = new Set<Attempt>()
  readonly #forget: (() => void)[] = []
  #settling = 0
  #filling = false
  #taken = 0
  /** Milliseconds of an attempt, on average. */
  #average: Ms = Infinity
  #lastBlocked: Health['lastBlocked']
  #lastError: Health['lastError']
  #more: (() => void) | undefined
  #idle: (() => void) | undefined
  #stopped: Promise<void> | undefined
  #over = false
  #failure: Error | undefined
  readonly #resolveDone: (ended: Promise<void> | undefined) => void

  /** @internal Use JobQueue.work. */
  constructor(needs: WorkerNeeds, handlers: Handlers<Jobs>, options: WorkerOptions) {
    const { concurrency, stopWithin, use, stopOn } = checkedOptions(options)
    this.#concurrency = concurrency
    this.#stopWithin = stopWithin
    const { catalog, transport, death } = needs
    const known = handlersOf(handlers, catalog)
    for (const name of known.keys()) checkAbilities(transport, undefined, catalog.get(name))
    this.#queues = queuesOf(known, catalog, options.queues)
    this.#entries = [...known.keys()]
      .map((name) => catalog.get(name))
      .filter(({ definition }) => definition.options.limits)
    this.#parts = {
      ...needs,
      outbox: new Outbox(transport),
      handlerOf: (name) => known.get(name),
      watch: watch(known, (block) => this.#blocked(block)),
      around: wrapped(use),
      lastStart: Promise.resolve(),
      pauseQueue: (queue, until) => this.#pauseQueue(queue, until),
      over: () => this.#over,
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    this.done = promise
    // Who doesn't await it has 'error' events and health().
    promise.catch(() => undefined)
    this.#resolveDone = resolve
    // Waiting alone would not keep the process alive.
    const alive = setInterval(() => undefined, 2 ** 30)
    if (needs.unref) alive.unref()
    this.#forget.push(
      () => clearInterval(alive),
      () => this.#parts.watch?.stop(),
      transport.lost(({ id, n, why }) => this.#lost(id, n, why)),
    )
    death?.addEventListener('abort', () => this.#die(), { once: true })
    for (const signal of stopOn) this.#stopAt(signal)
    void this.#fetch()
  }

  /** How it is, at once: nobody is asked. docs/jobs/metrics.md says what to make of it. */
  health(): Health {
    return {
      running: !this.#stopping.signal.aborted && !this.#over,
      active: this.#active.size,
      prefetched: this.#buffer.length,
      taken: this.#taken,
      store: this.#parts.transport.health,
      ...(this.#lastBlocked && { lastBlocked: this.#lastBlocked }),
      ...(this.#lastError && { lastError: this.#lastError }),
    }
  }

  /**
   * Takes no more jobs, and resolves when those at hand are done or given back. What runs may go on for `stopWithin`; then its signal fires, and its
   * job goes back without being counted as failed. Told again, it may say a shorter `within`.
   */
  async stop(options: { within?: Duration } = {}): Promise<void> {
    checkOptions(options, 'options of a stop', { within: true })
    const within = options.within === undefined ? this.#stopWithin : toMs(options.within, 'within')
    if (!this.#stopped) this.#stopped = this.#stop(within)
    else if (options.within !== undefined && !this.#over) this.#forget.push(this.#abortAfter(within))
    return this.#stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** At a second such signal the process ends, as by default: unless it comes at once, and so is the first one, passed on by a wrapper. */
  #stopAt(signal: NodeJS.Signals): void {
    const forget = () => process.removeListener(signal, stop)
    let callOff: (() => void) | undefined
    const stop = () => {
      callOff ??= this.#parts.clock.after(ECHO, forget)
      void this.stop()
    }
    process.on(signal, stop)
    this.#forget.push(() => {
      callOff?.()
      forget()
    })
  }

  async #stop(within: Ms): Promise<void> {
    const { clock } = this.#parts
    this.#stopping.abort()
    this.#more?.()
    const callOff = [this.#abortAfter(within), clock.after(within + INSIST, () => this.#giveUp())]
    for (const attempt of this.#buffer.splice(0)) this.#track(attempt.giveBack())
    await this.#fetched
    if (this.#active.size + this.#settling > 0) await new Promise<void>((resolve) => (this.#idle = resolve))
    for (const one of callOff) one()
    this.#leave(this.#failure === undefined ? undefined : Promise.reject(this.#failure))
  }

  #abortAfter(within: Ms): () => void {
    const abort = () => {
      for (const attempt of this.#active)
        attempt.abort(new StoppedError('The worker is stopping; the job goes back and is not counted as failed.'))
    }
    // At once is at once: on a clock that stands still, a timer of no length waits for somebody who moves it.
    if (within > 0) return this.#parts.clock.after(within, abort)
    abort()
    return () => undefined
  }

  /** What the store hasn't taken by now goes back when the queue is closed, or this process ends. */
  #giveUp(): void {
    this.#over = true
    const count = this.#active.size + this.#settling
    const jobs = count === 1 ? 'of 1 job' : `of ${count} jobs`
    const error = new UnavailableError(
      `The worker has stopped, and the store did not take the outcome ${jobs} in time: what it did not take goes back when this process closes the queue or ends, and is worked again.`,
    )
    this.#lastError = { at: new Date(this.#parts.clock.now()), error }
    this.#parts.events.emit('error', { error })
  }

  #leave(ended: Promise<void> | undefined): void {
    this.#over = true
    for (const forget of this.#forget.splice(0)) forget()
    this.#resolveDone(ended)
  }

  /** As if its process had died: its signals don't fire, and nothing that its handlers do has an effect. */
  #die(): void {
    this.#stopping.abort()
    this.#buffer.length = 0
    this.#active.clear()
    this.#more?.()
    this.#leave(undefined)
    this.#stopped ??= Promise.resolve()
    // A stop that was waiting for its handlers.
    this.#idle?.()
  }

  // ------------------------------------------------------------------ taking

  #fetched: Promise<void> = Promise.resolve()

  #fetch(): Promise<void> {
    return (this.#fetched = this.#take())
  }

  async #take(): Promise<void> {
    const { signal } = this.#stopping
    let wait = WAIT.first
    while (!signal.aborted) {
      const ahead = this.#ahead()
      const room = this.#concurrency + ahead - this.#active.size - this.#buffer.length
      if (room <= 0 || (ahead > 0 && this.#buffer.length * 2 > ahead)) {
        await new Promise<void>((resolve) => (this.#more = resolve))
        this.#more = undefined
        continue
      }
      try {
        const want = { queues: this.#queues, max: room, bytes: MOST_BYTES }
        for (const entry of this.#entries) await this.#parts.limits.tell(entry)
        const jobs = await this.#parts.transport.reserve(want, signal)
        wait = WAIT.first
        this.#enter(jobs)
      } catch (error) {
        this.#lastError = { at: new Date(this.#parts.clock.now()), error }
        this.#parts.events.emit('error', { error })
        if (!(error instanceof UnavailableError || error instanceof ConnectionError)) {
          this.#failure = error as Error
          return void this.stop()
        }
        await this.#pause(wait)
        wait = Math.min(WAIT.longest, wait * 2)
      }
    }
  }

  /** Ends early at a stop. */
  #pause(ms: Ms): Promise<void> {
    const { signal } = this.#stopping
    return new Promise((resolve) => {
      const over = () => {
        callOff()
        signal.removeEventListener('abort', over)
        resolve()
      }
      const callOff = this.#parts.clock.after(ms, over)
      signal.addEventListener('abort', over)
    })
  }

  #enter(jobs: readonly Delivery[]): void {
    this.#taken += jobs.length
    for (const delivery of jobs) this.#buffer.push(new Attempt(this.#parts, delivery))
    if (this.#stopping.signal.aborted) {
      for (const attempt of this.#buffer.splice(0)) this.#track(attempt.giveBack())
      return
    }
    this.#fill()
  }

  /** Begins attempts in the free slots. One that ends at once frees its slot for the next; each looks for the next itself, but not within this loop. */
  #fill(): void {
    if (this.#filling) return
    this.#filling = true
    const pause = performance.now() + SPELL
    while (this.#active.size < this.#concurrency && this.#buffer.length > 0) {
      if (this.#stopping.signal.aborted) break
      const start = performance.now()
      if (start > pause) {
        setImmediate(() => this.#fill())
        break
      }
      const attempt = this.#buffer.shift() as Attempt
      attempt.started = start
      this.#run(attempt)
    }
    this.#filling = false
  }

  #run(attempt: Attempt): void {
    this.#active.add(attempt)
    attempt.run(this.#free).then(this.#settled, this.#unsettled)
  }

  /** Its handler has settled: the slot is free while the outcome is on its way to the disk. */
  readonly #free = (attempt: Attempt): void => {
    this.#learn(performance.now() - attempt.started)
    if (this.#active.delete(attempt)) this.#settling++
    this.#fill()
    this.#more?.()
  }

  #track(work: Promise<void>): void {
    this.#settling++
    void work.finally(this.#settled)
  }

  readonly #settled = (): void => {
    this.#settling--
    if (this.#active.size + this.#settling === 0) this.#idle?.()
  }

  readonly #unsettled = (error: unknown): void => {
    this.#parts.events.emit('error', { error })
    this.#settled()
  }

  async #pauseQueue(queue: Queue, until: Ms): Promise<void> {
    await this.#parts.transport.pause(queue, until)
    const ahead = this.#buffer.filter((attempt) => attempt.delivery.queue === queue)
    for (const attempt of ahead) {
      this.#buffer.splice(this.#buffer.indexOf(attempt), 1)
      this.#track(attempt.giveBack())
    }
    if (ahead.length > 0) this.#more?.()
  }

  #blocked({ name, job, ms, where }: Parameters<OnBlocked>[0]): void {
    const { events, clock, catalog } = this.#parts
    this.#lastBlocked = { at: new Date(clock.now()), ms, name }
    const id = job === 0 ? '' : String(job)
    events.emit('blocked', { id, name, queue: catalog.find(name)?.queue ?? '', ms, where })
    if (events.listened('blocked')) return
    const handler = name && ` in handler ${name}${id && ` (job ${id})`}`
    process.emitWarning(
      `The event loop was blocked for ${(ms / 1000).toFixed(1)} s${handler}${where && `, at ${where}`}.`,
      { type: 'QueueupWarning', code: 'QUEUEUP_BLOCKED' },
    )
  }

  #learn(ms: Ms): void {
    this.#average = this.#average === Infinity ? ms : this.#average + (ms - this.#average) / 16
  }

  #ahead(): number {
    return Math.min(MOST_AHEAD, Math.floor((this.#concurrency * AHEAD) / Math.max(this.#average, 0.01)))
  }

  #lost(id: JobId, n: number | undefined, why: string): void {
    for (const attempt of [...this.#active, ...this.#buffer])
      if (attempt.delivery.id === id && (n === undefined || attempt.delivery.n === n))
        attempt.abort(
          why === 'cancelled'
            ? new CancelledError(`Job ${id} was cancelled.`)
            : new LeaseLostError(`Job ${id} isn't this worker's any more (${why}).`),
        )
  }
}
