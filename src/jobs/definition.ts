/** What jobs there are: declared once, in a file that producers, workers, the command line and tests import. */
/* eslint-disable @typescript-eslint/no-explicit-any -- a definition of any arguments is both taken from and given to: only `any` is both. */
import { toMs, type Duration } from '../duration.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { Limit, Queue } from '../job.ts'
import { named, shown } from '../shown.ts'
import { backoffOf, type BackoffOption } from './backoff.ts'
import { checkCount, checkList, checkOptions, checkQueue, MAX_PRIORITY, type Names } from './check.ts'
import { limitsOf, type LimitOption } from './limits.ts'
import type { InferInput, InferOutput, StandardSchema } from './standard-schema.ts'

/** Defaults of a job; a put may say otherwise for `retries`, `backoff`, `timeout`, `maxStarts`, `priority` and `ttl`. */
export interface JobOptions<ResultSchema = unknown, Args = any> {
  /** The queue it is put into and reserved from. Default: the job's name. Several names may share one. */
  queue?: string | undefined
  /** Names that it had before: jobs still waiting under them are worked, too. */
  aliases?: readonly string[] | undefined
  /** How often it is tried again after a failure. Default 5. */
  retries?: number | undefined
  /** How long it waits before that. Default: 1 s, three times as long after each failure, at most an hour, and up to a fifth more. */
  backoff?: BackoffOption | undefined
  /** A handler that takes longer is told by its signal, and the attempt has failed unless it returns all the same. Default: none. */
  timeout?: Duration | undefined
  /** A job whose worker's process ended so often while it was worked is set aside: it may be what ended it. Default: `retries` + 1. */
  maxStarts?: number | undefined
  /** 0 to 2^32-1, lower is more urgent. Default 65536. */
  priority?: number | undefined
  /** It is dropped when it wasn't started within so long. Default: never. */
  ttl?: Duration | undefined
  /** Its result is kept, so that `result()` can give it: true, or a validator of it. */
  result?: ResultSchema | undefined
  /** How long a result is kept. Default '1h'. */
  keepResult?: Duration | undefined
  /** How many are worked at a time, and how many are begun in a span of time, over all processes of the store. */
  limits?: readonly LimitOption<Args>[] | undefined
}

/** A job's definition. `In` is what a put takes, `Out` what a handler gets, `Answer` what it answers, `Result` what the validator makes of that. */
export interface JobDefinition<In = any, Out = any, Result = any, Answer = any> {
  readonly schema: StandardSchema<In, Out> | undefined
  readonly options: JobOptions
  /** Types only. */
  readonly '~types'?: { in: In; out: Out; result: Result; answer: Answer }
}
export type Jobs = Readonly<Record<string, JobDefinition>>

export type ArgsIn<D> = D extends JobDefinition<infer In, any, any, any> ? In : never
export type ArgsOut<D> = D extends JobDefinition<any, infer Out, any, any> ? Out : never
export type ResultOf<D> = D extends JobDefinition<any, any, infer Result, any> ? Result : never
export type AnswerOf<D> = D extends JobDefinition<any, any, any, infer Answer> ? Answer : never

/**
 * Defines a job by a validator that follows Standard Schema, or by types alone. Arguments and results travel as JSON. Arguments
 * that it doesn't have, such as a Date, are put as what it makes of them; a result is refused then.
 * @param schema checks the arguments at the put (its input type), and again before the handler gets them (its output type)
 * @example
 * const sendMail = job(z.object({ mail_type: z.enum(['welcome', 'bill']), mail_to: z.email() }), { retries: 8, timeout: '30s' })
 * const purge = job<{ olderThan: string }>()
 */
export function job<S extends StandardSchema, R = undefined>(
  schema: S,
  options?: JobOptions<R, InferInput<S>>,
): JobDefinition<
  InferInput<S>,
  InferOutput<S>,
  R extends StandardSchema ? InferOutput<R> : unknown,
  R extends StandardSchema ? InferInput<R> : unknown
>
// Without type parameters, which would be inferred as any from where it stands, as in defineJobs({ tick: job() }).
export function job(options?: JobOptions<unknown, undefined>): JobDefinition<undefined, undefined, unknown, unknown>
export function job<Args = undefined, Result = unknown>(
  options?: JobOptions<unknown, Args>,
): JobDefinition<Args, Args, Result, Result>
export function job(first?: StandardSchema | JobOptions, second?: JobOptions): JobDefinition {
  const schema = isSchema(first) ? first : undefined
  if (!schema && second !== undefined)
    throw new InvalidArgumentError(
      `The first argument of job is ${shown(first)}; before options it must be a validator that follows Standard Schema.`,
    )
  const options = (schema ? second : (first as JobOptions | undefined)) ?? {}
  return { schema, options }
}

/**
 * Checks definitions and keeps their exact types.
 * @throws InvalidArgumentError a name, an alias or an option that can't be
 * @example export const jobs = defineJobs({ sendMail, purge })
 */
export function defineJobs<const J extends Jobs>(jobs: J): J {
  new Catalog(jobs)
  return jobs
}

export function isSchema(value: unknown): value is StandardSchema {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && '~standard' in value
}

/** The definitions by name and alias, and by queue. */
export class Catalog {
  /** By name. */
  readonly limits: ReadonlyMap<string, Limit>
  readonly #byName = new Map<string, Entry>()

  /** @throws InvalidArgumentError */
  constructor(jobs: Jobs) {
    if (typeof jobs !== 'object' || jobs === null || Array.isArray(jobs))
      throw new InvalidArgumentError(`The jobs are ${shown(jobs)}; give what defineJobs({ ... }) answers.`)
    for (const [name, definition] of Object.entries(jobs)) checkDefinition(name, definition)
    // Queues that jobs of other names go into.
    const foreign = new Set(Object.values(jobs).map(({ options }) => options.queue))
    for (const [name, definition] of Object.entries(jobs)) {
      const queue = definition.options.queue ?? name
      const shares = queue !== name || foreign.has(name)
      const entry: Entry = { name, definition, queue, target: queueOf(queue), shares }
      checkName(name, "A job's name")
      checkQueue(entry.queue)
      for (const one of [name, ...(definition.options.aliases ?? [])]) {
        if (this.#byName.has(one))
          throw new InvalidArgumentError(`Two jobs have the name '${one}'. Each name and alias may be there once.`)
        this.#byName.set(one, entry)
      }
    }
    this.limits = limitsOf(new Set(this.#byName.values()))
  }

  /** @throws InvalidArgumentError there is no such job */
  get(name: string): Entry {
    const entry = this.#byName.get(name)
    if (!entry)
      throw new InvalidArgumentError(
        `There is no job ${named(name)}. Defined are: ${[...new Set([...this.#byName.values()].map((one) => one.name))].join(', ') || 'none'}.`,
      )
    return entry
  }

  find(name: string): Entry | undefined {
    return this.#byName.get(name)
  }

  /** The queue holds jobs of that name and, as far as is known here, no others. */
  alone(name: string, queue: string): boolean {
    return name === queue && this.#byName.get(name)?.shares !== true
  }
}

export interface Entry {
  name: string
  definition: JobDefinition
  queue: string
  /** The same as the transport names it: made once, since a text that is made anew is hashed anew, for each put. */
  target: Queue
  /** Its queue isn't that of its name alone. */
  shares: boolean
}

const MAX_NAME = 200

function checkName(name: unknown, what: string): void {
  if (typeof name !== 'string' || name === '' || Buffer.byteLength(name) > MAX_NAME)
    throw new InvalidArgumentError(`${what} is ${named(name)}; give a text of 1 to ${MAX_NAME} bytes.`)
}

export const queueOf = (name: string): Queue => `default/${name}`
export const nameOf = (queue: Queue): string => queue.slice(queue.indexOf('/') + 1)

const JOB_OPTIONS: Names<JobOptions> = {
  queue: true,
  aliases: true,
  retries: true,
  backoff: true,
  timeout: true,
  maxStarts: true,
  priority: true,
  ttl: true,
  result: true,
  keepResult: true,
  limits: true,
}

/** @throws InvalidArgumentError */
function checkDefinition(name: string, definition: unknown): void {
  if (typeof definition !== 'object' || definition === null || !('options' in definition))
    throw new InvalidArgumentError(`'${name}' is ${shown(definition)}; make it with job(...).`)
  checkOptions(definition.options, `options of '${name}'`, JOB_OPTIONS)
  const options = definition.options as JobOptions
  checkCount(options.retries, `retries of '${name}'`)
  checkCount(options.maxStarts, `maxStarts of '${name}'`)
  checkCount(options.priority, `priority of '${name}'`, MAX_PRIORITY)
  if (options.queue !== undefined) checkQueue(options.queue)
  if (options.aliases !== undefined) {
    checkList(options.aliases, `aliases of '${name}'`)
    for (const alias of options.aliases) checkName(alias, `An alias of '${name}'`)
  }
  if (options.result !== undefined && options.result !== true && !isSchema(options.result))
    throw new InvalidArgumentError(
      `result of '${name}' is ${shown(options.result)}; give true, or a validator that follows Standard Schema, or leave it out.`,
    )
  if (options.timeout !== undefined) toMs(options.timeout, `timeout of '${name}'`)
  if (options.ttl !== undefined) toMs(options.ttl, `ttl of '${name}'`)
  if (options.keepResult !== undefined) toMs(options.keepResult, `keepResult of '${name}'`)
  if (options.backoff !== undefined && typeof options.backoff !== 'function')
    backoffOf(options.backoff, `backoff of '${name}'`)
}
