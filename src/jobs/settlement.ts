/** What becomes of a job after an attempt: told to the store, and to who listens. */
import { CancelledError, LeaseLostError, StoppedError, TimedOutError, UnavailableError } from '../errors.ts'
import type { Ms, Outcome, Ref } from '../job.ts'
import type { Delivery, Op, Result } from '../transports/transport.ts'
import { delayAfter } from './backoff.ts'
import type { Entry } from './definition.ts'
import { faultBytes, faultStack, faultText } from './fault.ts'
import { asJson } from './json.ts'
import { nameOf } from './definition.ts'
import { momentOf } from './put.ts'
import { RETRIES, type Terms } from './terms.ts'
import { validate } from './validate.ts'
import { Discard, RetryLater } from './verdict.ts'
import type { WorkerParts } from './worker-parts.ts'

/** A name that no handler has: how long it stays away, at least and at most, and when it is set aside. */
const STRANGE: { first: Ms; longest: Ms; after: Ms } = { first: 1000, longest: 600_000, after: 4 * 3_600_000 }
/** Since when a job has met nobody who knows its name: a step of ours among the job's notes. */
const STRANGE_SINCE = '\u0001unknown name'
/** Set aside for good: for so long, so many in a queue. */
const KEEP = { ms: 30 * 86_400_000, jobs: 10_000 }
/** While the store can't be written to, an outcome is told again after so long. */
const AGAIN: Ms = 250
/** A lease that is looked at for a moment lasts longer than the moment. */
const LOOK: Ms = 60_000
const NONE: readonly Op[] = Object.freeze([])
const NOTHING = Promise.resolve(undefined)
const ROLLED_BACK =
  'The transaction in which the handler completed the job was rolled back. Throw what went wrong, or commit before the handler ends.'

export class Settlement {
  /** The definition's name, or what the message says; '' where the body is no message. */
  name = ''
  /** The job isn't this worker's any more, because of this. */
  lost: string | undefined
  /** Why its signal has fired. */
  reason: Error | undefined
  /** 1 is the first. */
  readonly attempt: number
  readonly #parts: WorkerParts
  readonly #delivery: Delivery
  readonly #job: Ref
  #terms: Terms | undefined
  #notes: readonly Op[] = NONE
  #begun: Ms
  #ended: Ms | undefined
  #about: Settlement['about'] | undefined

  constructor(parts: WorkerParts, delivery: Delivery) {
    this.#parts = parts
    this.#delivery = delivery
    const { id, n } = delivery
    this.#job = n === undefined ? { id } : { id, n }
    this.attempt = (delivery.failures ?? 0) + 1
    this.#begun = parts.clock.now()
  }

  get about(): { id: string; name: string; queue: string } {
    const { name } = this
    if (this.#about?.name === name) return this.#about
    return (this.#about = { id: String(this.#delivery.id), name, queue: nameOf(this.#delivery.queue) })
  }

  begin(terms: Terms): void {
    this.#terms = terms
    this.#begun = this.#parts.clock.now()
  }

  started(): void {
    const { events } = this.#parts
    if (events.heard('started')) events.emit('started', { ...this.about, attempt: this.attempt })
    else events.count('started', this.about)
  }

  /** Its handler takes no notice of its signal. */
  stalled(): void {
    this.#parts.events.emit('stalled', { ...this.about, ms: this.#ms })
  }

  /** @param notes what the handler told and isn't with the store yet */
  end(notes: readonly Op[] = NONE): void {
    this.#notes = notes
    this.#ended = this.#parts.clock.now()
  }

  get #ms(): Ms {
    return (this.#ended ?? this.#parts.clock.now()) - this.#begun
  }

  // ------------------------------------------------------------------ outcomes

  done(entry: Entry, value: unknown): Promise<void> {
    const { result } = entry.definition.options
    if (result !== undefined) return this.#doneAs(result, entry.name, value)
    return this.#finish({ do: 'finish', job: this.#job }, value)
  }

  /** @param expected what its definition says of results */
  async #doneAs(expected: unknown, name: string, value: unknown): Promise<void> {
    let outcome: Outcome
    try {
      const schema = typeof expected === 'object' || typeof expected === 'function' ? expected : undefined
      value = await validate(schema as never, value, `The results of '${name}'`)
      outcome = doneAs(asJson(value, `The result of '${name}'`))
    } catch (error) {
      // It would be as wrong the next time.
      return this.failed(new Discard((error as Error).message, { cause: error }))
    }
    return this.#finish({ do: 'finish', job: this.#job, outcome }, value)
  }

  #finish(op: Op, value: unknown): Promise<void> {
    return this.#settle([op]).then((told) => {
      if (told) this.#tellDone(value)
    })
  }

  /** In the application's own transaction; which may have been rolled back since. @param value its result, as the handler gave it @param error what the handler threw, if it did */
  async completed(value: unknown, error: unknown): Promise<void> {
    // It was this worker's in the transaction. So it was rolled back, and the job lost since.
    const gone = this.lost === undefined && (await this.#isGone())
    if (gone === false) return this.failed(error ?? new Error(ROLLED_BACK))
    if (gone) this.#tellDone(value)
  }

  #tellDone(result: unknown): void {
    const { events } = this.#parts
    if (events.heard('done')) events.emit('done', { ...this.about, attempt: this.attempt, ms: this.#ms, result })
    else events.count('done', this.about, this.#ms)
  }

  /**
   * Whether the job isn't ours any more, by the application's commit. While its transaction is still open, this waits for the end of it. undefined: the
   * store can't say.
   */
  async #isGone(): Promise<boolean | undefined> {
    const { transport, events, over } = this.#parts
    while (!over())
      try {
        const [result] = await transport.commit({ ops: [{ do: 'touch', job: this.#job, ms: LOOK }], unsynced: true })
        return result?.ok === false
      } catch (error) {
        events.emit('error', { error })
        if (!(error instanceof UnavailableError)) break
        await this.#later()
      }
    return undefined
  }

  async failed(error: unknown): Promise<void> {
    const { reason } = this
    if (reason instanceof StoppedError || reason instanceof CancelledError) return this.called(reason)
    if (this.lost !== undefined) return this.#tellLost(this.lost)
    if (error instanceof RetryLater) return this.#asked(error)
    const { events, transport } = this.#parts
    const why = reason instanceof TimedOutError && error !== reason ? reason : error
    events.emit('failed', { ...this.about, attempt: this.attempt, ms: this.#ms, error: why })
    const note = this.#attemptNote(why)
    if (error instanceof Discard) return this.aside('rejected', why, note)
    if (this.attempt > (this.#terms?.retries ?? RETRIES) || !transport.capabilities.attempts)
      return this.aside('failed', why, note)
    const at = this.#retryAt(why)
    const release: Op = { do: 'release', job: this.#job, as: 'failed', at, error: faultBytes(why) }
    this.#tellReleased(await this.#settle([...note, release]), this.attempt, at, why)
  }

  /** Somebody called it off: it is given back, or finished as cancelled, or not ours to say. */
  async called(reason: Error): Promise<void> {
    if (reason instanceof StoppedError) return this.giveBack()
    if (reason instanceof LeaseLostError) return this.#tellLost(this.lost ?? reason.message)
    const outcome: Outcome = { as: 'cancelled', error: Buffer.from(reason.message) }
    if (await this.#settle([{ do: 'finish', job: this.#job, outcome }]))
      this.#parts.events.emit('cancelled', this.about)
  }

  /** As if it had not been taken. */
  async giveBack(): Promise<void> {
    this.#tellReleased(await this.#settle([{ do: 'release', job: this.#job, as: 'untaken' }]))
  }

  /** Another version of the program may know the name; it has hours to come. */
  async unknown(): Promise<void> {
    const { transport } = this.#parts
    const now = transport.now()
    const { since, note } = await this.#strangeSince(now)
    if (now - since >= STRANGE.after)
      return this.aside(
        'invalid',
        new Error(
          `No worker that took it has known the name '${this.name}'${since < now ? `, for ${Math.round((now - since) / 60_000)} minutes` : ''}.`,
        ),
      )
    const at = now + Math.min(STRANGE.longest, Math.max(STRANGE.first, now - since))
    const release: Op = { do: 'release', job: this.#job, as: 'untaken', at }
    this.#tellReleased(await this.#settle([...note, release]), 0, at)
  }

  async aside(why: 'failed' | 'exhausted' | 'invalid' | 'rejected', error: unknown, note: Op[] = []): Promise<void> {
    // Where nothing is kept with a job, its listeners alone are told why.
    const kept = this.#parts.transport.capabilities.notes && { error: faultBytes(error), keep: KEEP }
    const bury: Op = { do: 'bury', job: this.#job, why, ...kept }
    if (await this.#settle([...note, bury])) this.#parts.events.emit('dead', { ...this.about, error, why })
  }

  // ------------------------------------------------------------------ inside

  /** Its handler asks for another time. */
  async #asked(verdict: RetryLater): Promise<void> {
    const { events, pauseQueue } = this.#parts
    const at = momentOf(verdict.after, this.#parts)
    if (verdict.pauseQueue)
      await pauseQueue(this.#delivery.queue, at).catch((error: unknown) => events.emit('error', { error }))
    const release: Op = { do: 'release', job: this.#job, as: 'untaken', at }
    this.#tellReleased(await this.#settle([release]), this.attempt, at)
  }

  #retryAt(error: unknown): Ms {
    const { transport, events, random } = this.#parts
    try {
      return transport.now() + delayAfter(this.#terms?.backoff, this.attempt, error, random)
    } catch (wrong) {
      events.emit('error', { error: wrong })
      return transport.now() + delayAfter(undefined, this.attempt, error, random)
    }
  }

  /** Since when; and the note that says so from now on. Whoever knew the name meanwhile, and failed, has ended it. */
  async #strangeSince(now: Ms): Promise<{ since: Ms; note: Op[] }> {
    const { transport } = this.#parts
    const { id, failures = 0, first, put = now } = this.#delivery
    // Its age grows with it, too: where nothing else can be told, it counts from its put on.
    if (!transport.capabilities.notes) return { since: first ?? put, note: [] }
    const { jobs } = await transport.look({ id, limit: 1, with: ['notes'] })
    const told = jobs[0]?.notes?.find((note) => note.key === STRANGE_SINCE)
    const before = told && (JSON.parse(Buffer.from(told.data).toString()) as { since: Ms; failures: number })
    if (before?.failures === failures) return { since: before.since, note: [] }
    const data = Buffer.from(JSON.stringify({ since: now, failures }))
    return { since: now, note: [{ do: 'note', job: this.#job, kind: 'step', key: STRANGE_SINCE, data }] }
  }

  #attemptNote(error: unknown): Op[] {
    if (!this.#parts.transport.capabilities.notes) return []
    const stack = faultStack(error)
    const data = {
      attempt: this.attempt,
      ms: this.#ms,
      error: faultText(error),
      ...(stack !== undefined && { stack }),
    }
    return [{ do: 'note', job: this.#job, kind: 'attempt', data: Buffer.from(JSON.stringify(data)) }]
  }

  /** It came back; unless it was cancelled meanwhile, or the queue's own limits forbid another start. @param at when it comes again, if that is to be told */
  #tellReleased(result: Result | undefined, attempt = 0, at?: Ms, error?: unknown): void {
    if (!result?.ok || result.do !== 'release') return
    const { events } = this.#parts
    if (result.state === 'finished') events.emit('cancelled', this.about)
    else if (result.state === 'buried') events.emit('dead', { ...this.about, error, why: 'exhausted' })
    else if (at !== undefined) events.emit('retried', { ...this.about, attempt, at: new Date(at) })
  }

  #tellLost(why: string): void {
    this.#parts.events.emit('lost', { ...this.about, why })
  }

  /** Tells the store, again while it is unavailable. The last answer, or undefined: the job isn't this worker's any more. */
  #settle(outcome: Op[]): Promise<Result | undefined> {
    if (this.#isFutile()) return NOTHING
    return this.#commit(outcome).then(
      (result) => this.#answered(result),
      (error: unknown) => this.#insist(error, outcome),
    )
  }

  /** Nobody would take the outcome; who listens is told so. */
  #isFutile(): boolean {
    if (this.#parts.over()) return true
    if (this.lost === undefined) return false
    this.#tellLost(this.lost)
    return true
  }

  #answered(result: Result | undefined): Result | undefined {
    if (result?.ok !== false) return result
    this.#tellLost(result.why)
    return undefined
  }

  #commit(outcome: Op[]): Promise<Result | undefined> {
    const [only, more] = outcome
    return this.#notes.length === 0 && only && !more ? this.#parts.outbox.commit(only) : this.#commitAll(outcome)
  }

  async #commitAll(outcome: Op[]): Promise<Result | undefined> {
    return decisive(await this.#parts.transport.commit({ ops: [...this.#notes, ...outcome], refused: 'skip' }))
  }

  /** A loop: of calls within calls each would keep its promise until the last has its answer. */
  async #insist(error: unknown, outcome: Op[]): Promise<Result | undefined> {
    const { events, over } = this.#parts
    while (!over()) {
      events.emit('error', { error })
      if (!(error instanceof UnavailableError)) return undefined
      await this.#later()
      if (this.#isFutile()) return undefined
      try {
        return this.#answered(await this.#commit(outcome))
      } catch (refused) {
        error = refused
      }
    }
    return undefined
  }

  #later(): Promise<void> {
    return new Promise((resolve) => this.#parts.clock.after(AGAIN, resolve))
  }
}

/** The refusal, or else the last one. */
function decisive(results: readonly Result[]): Result | undefined {
  return results.find((result) => !result.ok) ?? results.at(-1)
}

export function doneAs(result: unknown): Outcome {
  return { as: 'done', ...(result !== undefined && { result: Buffer.from(JSON.stringify(result)) }) }
}
