/** One attempt at one job: from its message to its outcome. */
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
import { momentOf } from './put.ts'
import { doneAs, Settlement } from './settlement.ts'
import { lastStartNote, startOf, termsOf, type Terms } from './terms.ts'
import type { AttemptSpan, Tracing } from './tracing.ts'
import { validate } from './validate.ts'
import type { WorkerParts } from './worker-parts.ts'

/** A handler that doesn't settle after its signal is given up. */
const ABANDON: Ms = 5000

/** Writes what becomes of the job. */
type Ending = () => Promise<void> | void
type Settled = { value: unknown } | { error: unknown } | { invalid: ValidationError }

export class Attempt {
  readonly delivery: Delivery
  readonly #parts: WorkerParts
  readonly #settlement: Settlement
  /** Made when they are asked for: most handlers look at neither. */
  #controller: AbortController | undefined
  #notes: Notes | undefined
  /** By the application's transaction, which may be rolled back yet. */
  #completed: { result: unknown } | undefined
  #span: AttemptSpan | undefined
  /** Is called when the signal fires. */
  #onAbort: (() => void) | undefined

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
    this.#onAbort?.()
  }

  /** As if it had not been taken. */
  giveBack(): Promise<void> {
    return this.#settlement.giveBack()
  }

  /**
   * Works the job, and resolves when its outcome is with the store.
   * @param settled called once, when its handler has settled, before its outcome is written; at once, if nothing has to be waited for
   */
  async run(settled: () => void): Promise<void> {
    let ending: Ending
    try {
      const attempted = this.#attempt()
      ending = attempted instanceof Promise ? await attempted : attempted
    } catch (error) {
      ending = () => this.#settlement.failed(error)
    }
    settled()
    // Nobody would take it any more, nor is it to be told.
    if (this.#parts.over()) return
    try {
      await ending()
    } catch (error) {
      this.#parts.events.emit('error', { error })
      await this.#settlement.failed(error)
    }
  }

  /** Everything but what becomes of it, which is answered. */
  #attempt(): Ending | Promise<Ending> {
    const settlement = this.#settlement
    const message = decode(this.delivery.body)
    if (typeof message === 'string') return () => settlement.aside('invalid', new Error(message))
    const entry = this.#parts.catalog.find(message.job)
    settlement.name = entry?.name ?? message.job
    const { reason } = settlement
    // Cancelled or lost while it waited here for a slot.
    if (reason) return () => settlement.called(reason)
    const handler = entry && this.#parts.handlerOf(entry.name)
    if (!handler) return () => settlement.unknown()
    const terms = termsOf(message, entry)
    const work = () => this.#work(entry, handler, message, terms)
    return this.delivery.failures || terms.retries === 0 || terms.maxStarts === 1 ? this.#counted(terms, work) : work()
  }

  /** A job whose starts are few by now. */
  async #counted(terms: Terms, work: () => Ending | Promise<Ending>): Promise<Ending> {
    const { transport } = this.#parts
    const start = await startOf(terms, this.delivery, transport)
    if ('usedUp' in start) return () => this.#settlement.aside('exhausted', new Error(start.usedUp))
    if (!start.last || !transport.capabilities.notes) return work()
    // Among jobs that came back from a dead process is the one that ended it: each is noted when those before it were called, not before.
    const parts = this.#parts
    const cameBack = this.delivery.failures
    const called = (cameBack ? parts.lastStart : Promise.resolve()).then(async () => {
      await this.#noteLastStart()
      const { reason } = this.#settlement
      // In an object: the next one waits for the call, not for what becomes of it.
      return { ending: reason ? () => this.#settlement.called(reason) : work() }
    })
    if (cameBack) parts.lastStart = called.catch(() => undefined)
    return (await called).ending
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
    const settlement = this.#settlement
    settlement.begin(terms)
    const { timeout } = terms
    const callOff =
      timeout === undefined
        ? undefined
        : this.#parts.clock.after(timeout, () =>
            this.abort(new TimedOutError(`'${entry.name}' took longer than ${timeout} ms.`)),
          )
    const end = (settled: Settled): Ending => {
      callOff?.()
      settlement.end(this.#notes?.take())
      if (this.#span) endSpan(this.#span, settled, settlement.reason)
      if ('invalid' in settled) return () => settlement.aside('invalid', settled.invalid)
      const completed = this.#completed
      if (completed) return () => settlement.completed(completed.result, 'error' in settled ? settled.error : undefined)
      if ('value' in settled) return () => settlement.done(entry, settled.value)
      return () => settlement.failed(settled.error)
    }
    const settled = this.#validated(handler, entry, message)
    return settled instanceof Promise ? this.#orAbandoned(settled).then(end) : end(settled)
  }

  #validated(handler: Handler, entry: Entry, message: Message): Settled | Promise<Settled> {
    const { schema } = entry.definition
    const handled = (args: unknown) => this.#handled(handler, entry, message, args)
    // Anything else is a validator that can't validate now.
    const refused = (error: unknown) => (error instanceof ValidationError ? { invalid: error } : { error })
    if (!schema) return handled(message.args)
    let args: unknown
    try {
      args = validate(schema, message.args, `The arguments of '${entry.name}'`)
    } catch (error) {
      return refused(error)
    }
    return args instanceof Promise ? args.then(handled, refused) : handled(args)
  }

  #handled(handler: Handler, entry: Entry, message: Message, args: unknown): Settled | Promise<Settled> {
    // Called off while its arguments were validated.
    const { reason } = this.#settlement
    if (reason) return { error: reason }
    try {
      this.#settlement.started()
      const value = this.#called(entry.name, handler, this.#job(entry, message, args))
      if (!isThenable(value)) return this.#over(entry.name, { value })
      return Promise.resolve(value).then(
        (value) => this.#over(entry.name, { value }),
        (error: unknown) => this.#over(entry.name, { error: lookable(error) }),
      )
    } catch (error) {
      return this.#over(entry.name, { error: lookable(error) })
    }
  }

  #called(name: string, handler: Handler, job: WorkedJob): unknown {
    const { tracing, watch, around } = this.#parts
    watch?.enter(name, this.delivery.id)
    try {
      return tracing ? this.#traced(tracing, handler, job) : around(handler, job, this.#context())
    } finally {
      watch?.leave()
    }
  }

  #over(name: string, settled: Settled): Settled {
    this.#parts.watch?.settled(name)
    return settled
  }

  #traced(tracing: Tracing, handler: Handler, job: WorkedJob): unknown {
    const { attempt } = this.#settlement
    const span = tracing.process({ ...job, attempt, traceparent: job.traceparent })
    const work = () => this.#parts.around(handler, job, this.#context())
    this.#span = span
    return span ? span.run(work) : work()
  }

  /** What the handler answered or threw; or, if it doesn't settle after its signal, why it was told to. */
  #orAbandoned(settled: Promise<Settled>): Promise<Settled> {
    const settlement = this.#settlement
    return new Promise((resolve) => {
      let callOff: (() => void) | undefined
      const begin = () => {
        callOff = this.#parts.clock.after(ABANDON, () => {
          settlement.stalled()
          resolve({ error: settlement.reason })
        })
      }
      if (settlement.reason) begin()
      else this.#onAbort = begin
      void settled.then((one) => {
        this.#onAbort = undefined
        callOff?.()
        resolve(one)
      })
    })
  }

  #job(entry: Entry, message: Message, args: unknown): WorkedJob {
    const { delivery } = this
    return {
      id: String(delivery.id),
      name: entry.name,
      queue: nameOf(delivery.queue),
      args,
      putAt: new Date(delivery.put ?? this.#parts.transport.now()),
      ...(delivery.group !== undefined && { group: delivery.group }),
      ...(message.traceparent !== undefined && { traceparent: message.traceparent }),
    }
  }

  #context(): Context {
    const { events, put, pauseQueue } = this.#parts
    return new AttemptContext(this, {
      attempt: this.#settlement.attempt,
      progress: (value) => {
        this.#toldNotes().progress(value)
        if (events.heard('progress') && !this.#parts.over())
          events.emit('progress', { ...this.#settlement.about, progress: value })
      },
      log: (text) => this.#toldNotes().log(text),
      put: (name: string, args?: unknown, options = {}) => put(name, args, options) as never,
      pauseQueue: async (until) => pauseQueue(this.delivery.queue, momentOf(until, this.#parts, 'until')),
      complete: (transaction, result) => this.#complete(transaction, result),
    })
  }

  #toldNotes(): Notes {
    const { transport, events, over } = this.#parts
    const failed = (error: unknown) => {
      if (!over()) events.emit('error', { error })
    }
    return (this.#notes ??= new Notes(transport, this.ref, failed))
  }

  /** @throws LeaseLostError, NotSupportedError, InvalidArgumentError */
  #complete(transaction: unknown, result: unknown): void {
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
}

/** What a handler is given, its signal only if it asks for it. */
class AttemptContext implements Context {
  readonly attempt: Context['attempt']
  readonly progress: Context['progress']
  readonly log: Context['log']
  readonly put: Context['put']
  readonly pauseQueue: Context['pauseQueue']
  readonly complete: Context['complete']
  readonly #of: Attempt

  constructor(of: Attempt, { attempt, progress, log, put, pauseQueue, complete }: Omit<Context, 'signal'>) {
    this.#of = of
    this.attempt = attempt
    this.progress = progress
    this.log = log
    this.put = put
    this.pauseQueue = pauseQueue
    this.complete = complete
  }

  get signal(): AbortSignal {
    return this.#of.signal
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

/** A stop is no error. */
function endSpan(span: AttemptSpan, settled: Settled, reason: Error | undefined): void {
  if (!('error' in settled) || reason instanceof StoppedError) span.end()
  else span.end(reason ?? settled.error ?? new Error(String(settled.error)))
}

export function refOf({ id, n }: Delivery): Ref {
  return n === undefined ? { id } : { id, n }
}
