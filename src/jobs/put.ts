/** From a put's options to an operation of the transport. */
import type { Clock } from '../clock.ts'
import { toMs, type Duration } from '../duration.ts'
import { InvalidArgumentError, NotSupportedError, QueueFullError, UnavailableError } from '../errors.ts'
import type { Message as StoredMessage, Ms, Target } from '../job.ts'
import { named } from '../shown.ts'
import type { Op, Put, Result, Transport } from '../transports/transport.ts'
import { backoffOf, type BackoffTerms } from './backoff.ts'
import { checkCount, checkDate, checkOptions, checkText, MAX_PRIORITY, type Names } from './check.ts'
import type { ArgsIn, Entry } from './definition.ts'
import { gatesOf } from './limits.ts'
import { encode, type Message } from './message.ts'
import type { ResultOptions } from './result.ts'

export interface PutOptions {
  /** Not before so long from now, or not before that moment. */
  delay?: Duration | Date | undefined
  /** 0 to 2^32-1, lower is more urgent. Default: the definition's. */
  priority?: number | undefined
  /** It is dropped when it wasn't started within so long. Default: the definition's. */
  ttl?: Duration | undefined
  /** How often it is tried again after a failure. Default: the definition's. */
  retries?: number | undefined
  /** How long it waits before that. Default: the definition's. */
  backoff?: Duration | BackoffTerms | undefined
  /** An attempt that takes longer is told by its signal, and has failed unless it returns all the same. Default: the definition's. */
  timeout?: Duration | undefined
  /** It is set aside when its worker's process ended so often while it was worked. Default: the definition's. */
  maxStarts?: number | undefined
  /** Jobs of one group of a queue are worked in the order of their puts, one at a time. */
  group?: string | undefined
  /** No second job of this key in its queue. */
  unique?: UniqueOptions | undefined
}

/** What a put takes after the name; a job without arguments takes none. */
export type PutParameters<D> =
  undefined extends ArgsIn<D> ? [args?: ArgsIn<D>, options?: PutOptions] : [args: ArgsIn<D>, options?: PutOptions]

/** docs/jobs/unique.md has a table of what happens when. */
export interface UniqueOptions {
  /** Of its queue, whatever names share that. */
  key: string
  /** How long no second job of this key is taken by the queue: until it is started, until it is gone, or for so long from the put on. Default 'unfinished'. */
  for?: 'waiting' | 'unfinished' | Duration | undefined
  /**
   * - `keep` (default): the first stays; its id is the answer.
   * - `replace`: the first gets the new arguments, priority and delay while it waits (a debounce); while it is worked, one successor waits for its end.
   * - `supersede`: as `replace`; and a first one that is being worked is cancelled.
   */
  onDuplicate?: 'keep' | 'replace' | 'supersede' | undefined
}

/** What a put answers. */
export interface PutJob<Result = unknown> {
  readonly id: string
  /** A job of its unique key was there already: `id` names that one, and nothing new was put. */
  readonly duplicate: boolean
  /** A waiting job of its unique key has got these arguments instead of its own. */
  readonly replaced: boolean
  /**
   * Waits until it is done, and answers its result.
   * @throws JobFailedError it failed for good, was cancelled or deleted, or its result is kept no longer
   * @throws TimedOutError
   */
  result(options?: ResultOptions): Promise<Result>
}

const PUT_OPTIONS: Names<PutOptions> = {
  delay: true,
  priority: true,
  ttl: true,
  retries: true,
  backoff: true,
  timeout: true,
  maxStarts: true,
  group: true,
  unique: true,
}
const UNIQUE_OPTIONS: Names<UniqueOptions> = { key: true, for: true, onDuplicate: true }

/**
 * @throws InvalidArgumentError an option that can't be
 * @throws NotSupportedError an option that the transport lacks
 */
export function putOp(clocks: Clocks, entry: Entry, args: unknown, options: PutOptions, trace: string | undefined): Op {
  const { transport } = clocks
  const { name, definition } = entry
  const defaults = definition.options
  checkOptions(options, 'options of a put', PUT_OPTIONS)
  checkAbilities(transport, options, entry)
  const { priority = defaults.priority, ttl = defaults.ttl } = options
  checkCount(priority, 'priority', MAX_PRIORITY)
  checkCount(options.retries, 'retries')
  checkCount(options.maxStarts, 'maxStarts')
  const unique = options.unique === undefined ? undefined : uniqueOf(options.unique)

  const message: Message = { job: name, args }
  if (options.retries !== undefined) message.retries = options.retries
  if (options.maxStarts !== undefined) message.maxStarts = options.maxStarts
  if (options.backoff !== undefined) message.backoff = backoffOf(options.backoff)
  if (options.timeout !== undefined) message.timeout = toMs(options.timeout, 'timeout')
  if (unique) message.unique = unique.key
  if (trace !== undefined) message.traceparent = trace

  const target: Target = { queue: entry.target, create: true }
  if (priority !== undefined) target.pri = priority
  if (options.delay !== undefined) target.at = momentOf(options.delay, clocks)
  if (ttl !== undefined) target.ttl = toMs(ttl, 'ttl')
  const msg: StoredMessage = { body: encode(message) }
  // In a queue of its own its name would say nothing.
  if (entry.shares) msg.name = name
  const gates = gatesOf(entry, args)
  if (gates) msg.gates = gates
  if (options.group !== undefined) {
    checkText(options.group, 'group', MAX_KEY)
    msg.group = options.group
  }
  if (unique) msg.unique = unique
  if (defaults.result !== undefined) msg.result = toMs(defaults.keepResult ?? KEEP_RESULT, 'keepResult')
  return { do: 'put', to: [target], msg }
}

const KEEP_RESULT: Duration = '1h'
const MAX_KEY = 1000

/** What moments go by: the one clock tells when a job is due, the other what a Date means. */
export interface Clocks {
  transport: Transport
  clock: Clock
}

/**
 * On the clock of deadlines, which stays behind or ahead when the wall clock is set, and behind while the machine sleeps.
 * @throws InvalidArgumentError
 */
export function momentOf(delay: Duration | Date, { transport, clock }: Clocks, what = 'delay'): Ms {
  if (!(delay instanceof Date)) return transport.now() + toMs(delay, what)
  checkDate(delay, what)
  const ahead = (clock.wall?.() ?? clock.now()) - transport.now()
  return Math.abs(ahead) < SAME ? delay.getTime() : delay.getTime() - ahead + (clock.grain ?? 0)
}

/** Clocks that differ by less agree: none was set. */
const SAME: Ms = 1000

function uniqueOf(unique: UniqueOptions): NonNullable<StoredMessage['unique']> {
  checkOptions(unique, 'parts of unique', UNIQUE_OPTIONS)
  const { key, for: span = 'unfinished', onDuplicate = 'keep' } = unique
  if (key === undefined)
    throw new InvalidArgumentError('unique has no key; give a text that jobs share which are the same.')
  checkText(key, 'unique.key', MAX_KEY)
  if (!['keep', 'replace', 'supersede'].includes(onDuplicate))
    throw new InvalidArgumentError(
      `unique.onDuplicate is ${named(onDuplicate)}; there are keep, replace and supersede.`,
    )
  return {
    key,
    for: span === 'waiting' || span === 'unfinished' ? span : toMs(span, 'unique.for'),
    on: onDuplicate,
  }
}

/**
 * What is asked for must be there: a quiet difference would be found out in production.
 * @param options of a put; for a worker none: what the definition asks for
 * @throws NotSupportedError
 */
export function checkAbilities(transport: Transport, options: PutOptions | undefined, entry: Entry): void {
  const { capabilities } = transport
  const defaults = entry.definition.options
  const asked = (option: 'ttl' | 'retries' | 'backoff' | 'maxStarts') =>
    (options?.[option] ?? defaults[option]) !== undefined
  let lacks: string | undefined
  if (!capabilities.unique && options?.unique) lacks = 'unique jobs'
  else if (!capabilities.group && options?.group !== undefined) lacks = 'groups'
  else if (!capabilities.ttl && asked('ttl')) lacks = 'time to live'
  else if (!capabilities.results && defaults.result !== undefined) lacks = 'results'
  else if (!capabilities.limits && defaults.limits?.length) lacks = 'limits'
  else if (!capabilities.attempts) {
    const option = (['retries', 'backoff', 'maxStarts'] as const).find(asked)
    if (option) lacks = `attempts, and so no ${option}`
  }
  if (lacks === undefined) return
  throw new NotSupportedError(
    `${transport.name} has no ${lacks}, which ${options ? 'the put' : 'the definition'} of '${entry.name}' asks for. Leave it out, or use a store such as file:jobs.db.`,
  )
}

/** @throws QueueFullError, UnavailableError */
export function putAnswer(result: Result | undefined, entry: Entry): Put & { ok: true } {
  const put = result?.ok && result.do === 'put' ? result.per[0] : undefined
  if (put?.ok) return put
  const why = put ? put.why : result && !result.ok ? result.why : 'refused'
  if (why === 'full')
    throw new QueueFullError(
      `Queue '${entry.queue}' is full, and '${entry.name}' was not put. Wait until some of its jobs are done, or raise its limit with "queueup queue set".`,
    )
  if (why === 'too big')
    throw new InvalidArgumentError(
      `'${entry.name}' was not put: its arguments are larger than queue '${entry.queue}' allows. Put where they are kept instead of what they are.`,
    )
  if (why === 'unsupported')
    throw new NotSupportedError(`'${entry.name}' was not put: this store can't do what its options ask for.`)
  throw new UnavailableError(`'${entry.name}' was not put (${why}). Try again.`)
}
