/** Puts jobs: checked, through the middleware, traced and told. */
import type { Clock } from '../clock.ts'
import { InvalidArgumentError, NotSupportedError, UnknownOutcomeError } from '../errors.ts'
import type { Op, Result, Transport } from '../transports/transport.ts'
import { putTogether, throughAll, type AnyPut, type PutNext } from './batch.ts'
import type { PutMiddleware } from './context.ts'
import type { Catalog, Entry } from './definition.ts'
import type { Emitter, Events } from './events.ts'
import { told } from './follow.ts'
import type { LimitRecords } from './limits.ts'
import { putAnswer, putOp, type PutJob } from './put.ts'
import type { Results } from './result.ts'
import type { SendSpan, Tracing } from './tracing.ts'
import { checkArgs } from './validate.ts'

export interface ProducerParts {
  transport: Transport
  clock: Clock
  catalog: Catalog
  limits: LimitRecords
  events: Emitter
  results: Results
  tracing: Tracing | undefined
  /** Around each put, the first outermost. */
  use: readonly PutMiddleware[]
}

interface Prepared {
  entry: Entry
  put: AnyPut
  op: Op
}

export class Producer {
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #catalog: Catalog
  readonly #limits: LimitRecords
  readonly #events: Emitter
  readonly #results: Results
  readonly #tracing: Tracing | undefined
  readonly #use: readonly PutMiddleware[]
  /** @throws what Queue's `put` throws */
  readonly put: PutNext

  constructor({ transport, clock, catalog, limits, events, results, tracing, use }: ProducerParts) {
    this.#transport = transport
    this.#clock = clock
    this.#catalog = catalog
    this.#limits = limits
    this.#events = events
    this.#results = results
    this.#tracing = tracing
    this.#use = use
    this.put = throughAll(use, (put) => this.#putOne(put))
  }

  /** All of them, or none. */
  async putAll(puts: readonly AnyPut[]): Promise<PutJob[]> {
    if (this.#use.length > 0)
      return putTogether(
        puts,
        this.#use,
        async (put) => this.#prepare(put),
        (prepared) => this.#commitAll(prepared),
      )
    const prepared: Prepared[] = []
    for (const put of puts) {
      const one = this.#prepare(put)
      prepared.push(one instanceof Promise ? await one : one)
    }
    return this.#commitAll(prepared)
  }

  /** Within the application's own transaction. */
  within(transaction: unknown, put: AnyPut): PutJob {
    const entry = this.#catalog.get(put.name)
    const { within } = this.#transport
    if (!within) throw new NotSupportedError(`${this.#transport.name} can't put within your transaction; file: can.`)
    const checked = checkArgs(entry, put.args)
    if (checked instanceof Promise) {
      checked.catch(() => undefined)
      throw new InvalidArgumentError(
        `The validator of '${entry.name}' answers later, and a transaction can't wait for it. Use put, or a validator that answers at once.`,
      )
    }
    // It can be written when the transaction is over, and holds for this job then.
    this.#limits.tell(entry)?.catch((error: unknown) => this.#events.emit('error', { error }))
    const own = within(transaction)
    const span = this.#tracing?.send({ name: entry.name, queue: entry.queue, count: 1 })
    let result: Result | undefined
    try {
      ;[result] = own.commit({ ops: [this.#op(entry, put, span)] })
      span?.end({ id: String(putAnswer(result, entry).id) })
    } catch (error) {
      span?.end({ error })
      throw error
    }
    const tell = (event: Events['put']) => {
      this.#events.emitHere('put', event)
      // Told within the transaction: should it be rolled back, nobody hears of it.
      const one = this.#transport.events?.followed && told('put', event, this.#transport.now())
      if (one) own.commit({ ops: [{ do: 'tell', events: [one] }] })
    }
    return this.#putJob(result, entry, tell)
  }

  async #putOne(put: AnyPut): Promise<PutJob> {
    const entry = this.#catalog.get(put.name)
    if (entry.definition.schema) await checkArgs(entry, put.args)
    const told = this.#limits.tell(entry)
    if (told) await told
    const span = this.#tracing?.send({ name: entry.name, queue: entry.queue, count: 1 })
    try {
      const [result] = await this.#transport.commit({ ops: [this.#op(entry, put, span)] })
      const job = this.#putJob(result, entry)
      span?.end(job)
      return job
    } catch (error) {
      span?.end({ error })
      throw error
    }
  }

  /** At once, where there is nothing to wait for. */
  #prepare(put: AnyPut): Prepared | Promise<Prepared> {
    const entry = this.#catalog.get(put.name)
    const prepared = (): Prepared => ({ entry, put, op: this.#op(entry, put, undefined) })
    const checked = checkArgs(entry, put.args)
    if (checked instanceof Promise) return checked.then(() => this.#limits.tell(entry)).then(prepared)
    const told = this.#limits.tell(entry)
    return told ? told.then(prepared) : prepared()
  }

  #op(entry: Entry, { args, options }: AnyPut, span: SendSpan | undefined): Op {
    return putOp({ transport: this.#transport, clock: this.#clock }, entry, args, options, span?.traceparent)
  }

  async #commitAll(prepared: readonly Prepared[]): Promise<PutJob[]> {
    if (prepared.length === 0) return []
    if (this.#tracing) return this.#traced(this.#tracing, prepared)
    return this.#commitOps(
      prepared,
      prepared.map(({ op }) => op),
    )
  }

  /** A span for each of the batch, so that each attempt finds its own. */
  async #traced(tracing: Tracing, prepared: readonly Prepared[]): Promise<PutJob[]> {
    const spans = prepared.map(({ entry: { name, queue } }) => tracing.send({ name, queue, count: prepared.length }))
    try {
      const jobs = await this.#commitOps(
        prepared,
        prepared.map(({ entry, put, op }, i) =>
          spans[i]?.traceparent === undefined ? op : this.#op(entry, put, spans[i]),
        ),
      )
      for (let i = 0; i < spans.length; i++) spans[i]?.end(jobs[i] ?? {})
      return jobs
    } catch (error) {
      for (const span of spans) span?.end({ error })
      throw error
    }
  }

  async #commitOps(prepared: readonly Prepared[], ops: Op[]): Promise<PutJob[]> {
    const results = await this.#transport.commit({
      ops,
      ...(this.#transport.capabilities.atomic && { refused: 'undo' }),
    })
    const refused = results.findIndex((result) => !result.ok && result.why !== 'skipped')
    const entryOf = (i: number) => (prepared[i] as Prepared).entry
    if (refused < 0) return results.map((result, i) => this.#putJob(result, entryOf(i)))
    const put = results.flatMap((result, i) => (result.ok ? [this.#putJob(result, entryOf(i))] : []))
    throw refusalOf(results[refused], entryOf(refused), put.length, results.length)
  }

  /** @param tell instead of telling everybody */
  #putJob(result: Result | undefined, entry: Entry, tell?: (event: Events['put']) => void): PutJob {
    const put = putAnswer(result, entry)
    const duplicate = put.duplicate ?? false
    const id = String(put.id)
    const { name, queue } = entry
    if (tell) tell({ id, name, queue, duplicate })
    else if (this.#events.heard('put')) this.#events.emit('put', { id, name, queue, duplicate })
    else if (!duplicate) this.#events.count('put', entry)
    return {
      id,
      duplicate,
      replaced: put.replaced ?? false,
      result: async (options = {}) => {
        if (entry.definition.options.result === undefined)
          throw new InvalidArgumentError(
            `The result of '${entry.name}' is not kept. Give its definition 'result: true', or a validator of it.`,
          )
        return this.#results.of(put.id, entry.name, options)
      },
    }
  }
}

/** Where a batch isn't atomic, some of it may be put; who tried it again as a whole would put that twice. */
function refusalOf(result: Result | undefined, entry: Entry, put: number, of: number): unknown {
  try {
    return putAnswer(result, entry)
  } catch (error) {
    if (put === 0) return error
    return new UnknownOutcomeError(`Of ${of} jobs ${put} are put, and the others aren't: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
