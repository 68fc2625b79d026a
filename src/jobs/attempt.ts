/** One attempt at one job: from its message to its outcome. */
import type { Duration } from '../duration.ts'
import { LeaseLostError, NotSupportedError, StoppedError, TimedOutError, ValidationError } from '../errors.ts'
import type { Ms, Ref } from '../job.ts'
import type { Delivery } from '../transports/transport.ts'
import type { Context, WorkedJob } from './context.ts'
import type { Entry } from './definition.ts'
import { lookable } from './fault.ts'
import type { Handler } from './handlers.ts'
import { asJson } from './json.ts'
import { decode, type Message } from './message.ts'
import { Notes } from './notes.ts'
import { nameOf } from './definition.ts'
import { momentOf, type PutJob, type PutOptions } from './put.ts'
import { doneAs, Settlement } from './settlement.ts'
import { lastStartNote, startOf, termsOf, type Terms } from './terms.ts'
import { isThenable } from './thenable.ts'
import type { AttemptSpan } from './tracing.ts'
import { validate } from './validate.ts'
import type { WorkerParts } from './worker-parts.ts'

/** A handler that doesn't settle after its signal is given up. */
const ABANDON: Ms = 5000

/** Writes what becomes of the job. */
type Ending = (settlement: Settlement) => Promise<void>
type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Settled = { value: unknown } | { error: unknown } | { invalid: ValidationError }

export class Attempt {
  readonly delivery: Delivery
  /** When its worker began with it; of the process's own clock. */
  started: Ms = 0
  readonly #parts: WorkerParts
  readonly #settlement: Settlement
  /** Made when it is asked for: most handlers don't. */
  #controller: AbortController | undefined
  /** Made when something is told. */
  #notes: Notes | undefined
  /** By the application's transaction, which may be rolled back yet. */
  #completed: { result: unknown } | undefined
  #span: AttemptSpan | undefined
  /** Of its timeout; or, once its signal has fired, of the time when it is given up. */
  #callOff: (() => void) | undefined
  /** While its handler is awaited. */
  #settle: ((settled: Settled) => void) | undefined

  constructor(parts: WorkerParts, delivery: Delivery) {
    this.#parts = parts
    this.delivery = delivery
    this.#settlement = new Settlement(parts, delivery)
  }

  get ref(): Ref {
    return refOf(this.delivery)
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      const { reason } = this.#settlement
      if (reason) this.#controller.abort(reason)
    }
    return this.#controller.signal
  }

  /** Its signal fires. */
  abort(reason: Error): void {
    const settlement = this.#settlement
    if (this.#parts.over()) return
    if (reason instanceof LeaseLostError) settlement.lost ??= reason.message
    if (settlement.reason) return
    settlement.reason = reason
    this.#controller?.abort(reason)
    if (this.#settle) this.#abandonLater()
  }

  /** As if it had not been taken. */
  giveBack(): Promise<void> {
    return this.#settlement.giveBack()
  }

  /**
   * Works the job, and resolves when its outcome is with the store.
   * @param settled called once, when its handler has settled, before its outcome is written; at once, if nothing has to be waited for
   */
  run(settled: (attempt: Attempt) => void): Promise<void> {
    let ending: Ending | Promise<Ending>
    try {
      ending = this.#attempt()
    } catch (error) {
      ending = failed(error)
    }
    return ending instanceof Promise ? this.#later(ending, settled) : this.#end(ending, settled)
  }

  #later(ending: Promise<Ending>, settled: (attempt: Attempt) => void): Promise<void> {
    return ending.then(
      (ending) => this.#end(ending, settled),
      (error: unknown) => this.#end(failed(error), settled),
    )
  }

  #end(ending: Ending, settled: (attempt: Attempt) => void): Promise<void> {
    settled(this)
    // Nobody would take it any more, nor is it to be told.
    if (this.#parts.over()) return Promise.resolve()
    return ending(this.#settlement).catch((error: unknown) => {
      this.#parts.events.emit('error', { error })
      return this.#settlement.failed(error)
    })
  }

  /** Everything but what becomes of it, which is answered. */
  #attempt(): Ending | Promise<Ending> {
    const settlement = this.#settlement
    const message = decode(this.delivery.body)
    if (typeof message === 'string') return invalid(new Error(message))
    const entry = this.#parts.catalog.find(message.job)
    settlement.name = entry?.name ?? message.job
    // Cancelled or lost while it waited here for a slot.
    if (settlement.reason) return calledOff(settlement.reason)
    const handler = entry && this.#parts.handlerOf(entry.name)
    if (!handler) return unknown
    const terms = termsOf(message, entry)
    const few = this.delivery.failures || terms.retries === 0 || terms.maxStarts === 1
    return few ? this.#counted(entry, handler, message, terms) : this.#work(entry, handler, message, terms)
  }

  /** A job whose starts are few by now. */
  async #counted(entry: Entry, handler: Handler, message: Message, terms: Terms): Promise<Ending> {
    const { transport } = this.#parts
    const start = await startOf(terms, this.delivery, transport)
    if ('usedUp' in start) return exhausted(new Error(start.usedUp))
    if (!start.last || !transport.capabilities.notes) return this.#work(entry, handler, message, terms)
    // Among jobs that came back from a dead process is the one that ended it: each is noted when those before it were called, not before.
    const parts = this.#parts
    const cameBack = this.delivery.failures
    const begun = (cameBack ? parts.lastStart : Promise.resolve()).then(async () => {
      await this.#noteLastStart()
      const { reason } = this.#settlement
      // In an object: the next one waits for the call, not for what becomes of it.
      return { ending: reason ? calledOff(reason) : this.#work(entry, handler, message, terms) }
    })
    if (cameBack) parts.lastStart = begun.catch(() => undefined)
    return (await begun).ending
  }

  async #noteLastStart(): Promise<void> {
    const { transport, events } = this.#parts
    try {
      const [result] = await transport.commit({ ops: [lastStartNote(this.ref)], unsynced: true })
      if (result?.ok === false) this.abort(new LeaseLostError(result.why))
    } catch (error) {
      events.emit('error', { error })
    }
  }

  #work(entry: Entry, handler: Handler, message: Message, terms: Terms): Ending | Promise<Ending> {
    this.#settlement.begin(terms)
    if (terms.timeout !== undefined) this.#callOff = this.#timeOut(entry.name, terms.timeout)
    const settled = this.#validated(handler, entry, message)
    return settled instanceof Promise ? this.#awaited(entry, settled) : this.#endingOf(entry, settled)
  }

  #timeOut(name: string, timeout: Ms): () => void {
    return this.#parts.clock.after(timeout, () =>
      this.abort(new TimedOutError(`'${name}' took longer than ${timeout} ms.`)),
    )
  }

  /** By what the handler answered or threw; or, if it doesn't settle after its signal, why it was told to. */
  #awaited(entry: Entry, settled: Promise<Settled>): Promise<Ending> {
    const { promise, resolve } = Promise.withResolvers<Settled>()
    this.#settle = resolve
    void settled.then(resolve)
    if (this.#settlement.reason) this.#abandonLater()
    return promise.then((one) => this.#endingOf(entry, one))
  }

  #abandonLater(): void {
    const settlement = this.#settlement
    this.#callOff?.()
    this.#callOff = this.#parts.clock.after(ABANDON, () => {
      settlement.stalled()
      this.#settle?.({ error: settlement.reason })
    })
  }

  #endingOf(entry: Entry, settled: Settled): Ending {
    const settlement = this.#settlement
    this.#settle = undefined
    this.#callOff?.()
    settlement.end(this.#notes?.take())
    if (this.#span) endSpan(this.#span, settled, settlement.reason)
    if ('invalid' in settled) return invalid(settled.invalid)
    if (this.#completed) return completed(this.#completed.result, settled)
    return 'value' in settled ? done(entry, settled.value) : failed(settled.error)
  }

  #validated(handler: Handler, entry: Entry, message: Message): Settled | Promise<Settled> {
    const { schema } = entry.definition
    if (!schema) return this.#handled(handler, entry, message, message.args)
    let args: unknown
    try {
      args = validate(schema, message.args, `The arguments of '${entry.name}'`)
    } catch (error) {
      return refused(error)
    }
    return args instanceof Promise
      ? args.then((args: unknown) => this.#handled(handler, entry, message, args), refused)
      : this.#handled(handler, entry, message, args)
  }

  #handled(handler: Handler, entry: Entry, message: Message, args: unknown): Settled | Promise<Settled> {
    // Called off while its arguments were validated.
    if (this.#settlement.reason) return { error: this.#settlement.reason }
    try {
      this.#settlement.started()
      const value = this.#called(entry.name, handler, this.#job(entry, message, args))
      return isThenable(value) ? this.#answered(entry.name, value) : this.#over(entry.name, { value })
    } catch (error) {
      return this.#over(entry.name, { error: lookable(error) })
    }
  }

  #called(name: string, handler: Handler, job: WorkedJob): unknown {
    const { tracing, watch, around } = this.#parts
    watch?.enter(name, this.delivery.id)
    try {
      const span = (this.#span = tracing?.process(job, this.#settlement.attempt))
      return span ? this.#traced(span, handler, job) : around(handler, job, new AttemptContext(this))
    } finally {
      watch?.leave()
    }
  }

  #traced(span: AttemptSpan, handler: Handler, job: WorkedJob): unknown {
    return span.run(() => this.#parts.around(handler, job, new AttemptContext(this)))
  }

  #answered(name: string, value: PromiseLike<unknown>): Promise<Settled> {
    return Promise.resolve(value).then(
      (value) => this.#over(name, { value }),
      (error: unknown) => this.#over(name, { error: lookable(error) }),
    )
  }

  #over(name: string, settled: Settled): Settled {
    this.#parts.watch?.settled(name)
    return settled
  }

  #job(entry: Entry, message: Message, args: unknown): WorkedJob {
    const { delivery } = this
    const job: Mutable<WorkedJob> = {
      id: String(delivery.id),
      name: entry.name,
      queue: nameOf(delivery.queue),
      args,
      putAt: new Date(delivery.put ?? this.#parts.transport.now()),
    }
    if (delivery.group !== undefined) job.group = delivery.group
    if (message.traceparent !== undefined) job.traceparent = message.traceparent
    return job
  }

  // ------------------------------------------------------------------ what a handler can do

  get number(): number {
    return this.#settlement.attempt
  }

  progress(value: unknown): void {
    const { events, over } = this.#parts
    this.#told().progress(value)
    if (events.heard('progress') && !over()) events.emit('progress', { ...this.#settlement.about, progress: value })
  }

  log(text: string): void {
    this.#told().log(text)
  }

  put(name: string, args: unknown, options: PutOptions = {}): Promise<PutJob> {
    return this.#parts.put(name, args, options)
  }

  async pauseQueue(until: Duration | Date): Promise<void> {
    return this.#parts.pauseQueue(this.delivery.queue, momentOf(until, this.#parts, 'until'))
  }

  /** @throws LeaseLostError, NotSupportedError, InvalidArgumentError */
  complete(transaction: unknown, result: unknown): void {
    const { transport, catalog } = this.#parts
    if (!transport.within)
      throw new NotSupportedError(`${transport.name} can't complete a job within your transaction; file: can.`)
    const { name } = this.#settlement
    const kept = catalog.get(name).definition.options.result !== undefined
    const outcome = doneAs(kept ? asJson(result, `The result of '${name}'`) : undefined)
    const [answer] = transport.within(transaction).commit({ ops: [{ do: 'finish', job: this.ref, outcome }] })
    if (!answer?.ok)
      throw new LeaseLostError(
        `Job ${this.delivery.id} isn't this worker's any more (${answer?.why}). Roll your transaction back: somebody else works it, or has.`,
      )
    this.#completed = { result }
  }

  #told(): Notes {
    const { transport, events, over } = this.#parts
    const failed = (error: unknown) => {
      if (!over()) events.emit('error', { error })
    }
    return (this.#notes ??= new Notes(transport, this.ref, failed))
  }
}

/** What a handler is given; its functions by themselves, too. Its signal is made only if it is asked for. */
class AttemptContext implements Context {
  readonly #of: Attempt
  readonly attempt: number

  constructor(of: Attempt) {
    this.#of = of
    this.attempt = of.number
  }

  get signal(): AbortSignal {
    return this.#of.signal
  }

  readonly progress = (value: unknown): void => this.#of.progress(value)
  readonly log = (text: string): void => this.#of.log(text)
  readonly put = (name: string, args?: unknown, options?: PutOptions): Promise<PutJob<never>> =>
    this.#of.put(name, args, options) as Promise<PutJob<never>>
  readonly pauseQueue = (until: Duration | Date): Promise<void> => this.#of.pauseQueue(until)
  readonly complete = (transaction: unknown, result?: unknown): void => this.#of.complete(transaction, result)
}

const unknown: Ending = (settlement) => settlement.unknown()

function done(entry: Entry, value: unknown): Ending {
  return (settlement) => settlement.done(entry, value)
}

function completed(result: unknown, settled: Settled): Ending {
  return (settlement) => settlement.completed(result, 'error' in settled ? settled.error : undefined)
}

function failed(error: unknown): Ending {
  return (settlement) => settlement.failed(error)
}

function calledOff(reason: Error): Ending {
  return (settlement) => settlement.called(reason)
}

function invalid(error: Error): Ending {
  return (settlement) => settlement.aside('invalid', error)
}

function exhausted(error: Error): Ending {
  return (settlement) => settlement.aside('exhausted', error)
}

/** Anything but a ValidationError is a validator that can't validate now. */
function refused(error: unknown): Settled {
  return error instanceof ValidationError ? { invalid: error } : { error }
}

/** A stop is no error. */
function endSpan(span: AttemptSpan, settled: Settled, reason: Error | undefined): void {
  if (!('error' in settled) || reason instanceof StoppedError) span.end()
  else span.end(reason ?? settled.error ?? new Error(String(settled.error)))
}

export function refOf({ id, n }: Delivery): Ref {
  return n === undefined ? { id } : { id, n }
}
