/** Limits of jobs: what their definitions say, as gates of a put and as records of the store. */
import { createHash } from 'node:crypto'
import { toMs, type Duration } from '../duration.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { Limit } from '../job.ts'
import { shown } from '../shown.ts'
import type { Transport } from '../transports/transport.ts'
import { checkOptions, type Names } from './check.ts'

/** At least one of `concurrency` and `rate`. What it says is written into the store, unless an operator has set the limit there. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a list of limits takes keys of whatever arguments their job has.
export interface LimitOption<Args = any> {
  /** So many at a time. */
  concurrency?: number | undefined
  /** So many begun in each span: `[100, '1m']`. A span begins with the first job begun after the last span was over. */
  rate?: readonly [jobs: number, per: Duration] | undefined
  /** A limit for each of these keys, texts of 1 to 200 characters, from the arguments: `(args) => args.customer`. Default: one limit for all. */
  key?: ((args: Args) => string) | undefined
  /** Limits of one name are one limit, whatever jobs share it. Default: the job's name. */
  name?: string | undefined
}

/** A job with its options, as far as limits go. */
interface Limited {
  name: string
  definition: { options: { limits?: readonly LimitOption[] | undefined } }
}

/** Of one job. */
const MOST = 8
const MAX_NAME = 200
const MAX_KEY = 200
/** Of a gate's name, in bytes; longer keys are hashed. */
const MAX_GATE = 300
const LIMIT_OPTIONS: Names<LimitOption> = { concurrency: true, rate: true, key: true, name: true }

/**
 * The limits of these definitions by name. Options of one name are one limit: each part may be said more than once, if it is the same.
 * @throws InvalidArgumentError
 */
export function limitsOf(entries: Iterable<Limited>): ReadonlyMap<string, Limit> {
  const limits = new Map<string, Limit>()
  for (const entry of entries) {
    const { limits: options = [] } = entry.definition.options
    if (!Array.isArray(options) || options.length > MOST)
      throw new InvalidArgumentError(`limits of '${entry.name}' are ${shown(options)}; give a list of up to ${MOST}.`)
    for (const option of options as readonly LimitOption[]) add(limits, entry.name, option)
  }
  return limits
}

function add(limits: Map<string, Limit>, job: string, option: LimitOption): void {
  checkOptions(option, `terms of a limit of '${job}'`, LIMIT_OPTIONS)
  const { name = job, key } = option
  if (typeof name !== 'string' || name === '' || Buffer.byteLength(name) > MAX_NAME || /[/\0]/.test(name))
    throw new InvalidArgumentError(
      `A limit of '${job}' has the name ${shown(name)}; give one of 1 to ${MAX_NAME} bytes without '/', by its 'name' option.`,
    )
  if (key !== undefined && typeof key !== 'function')
    throw new InvalidArgumentError(`The key of limit '${name}' is no function of the arguments.`)
  const limit = limitOf(name, option)
  const known = limits.get(name) ?? {}
  for (const part of ['concurrency', 'rate'] as const)
    if (known[part] && limit[part] && JSON.stringify(known[part]) !== JSON.stringify(limit[part]))
      throw new InvalidArgumentError(
        `Limit '${name}' is given twice with another ${part}. Limits of one name are one limit: give one of them a 'name' of its own.`,
      )
  limits.set(name, { ...known, ...limit })
}

function limitOf(name: string, { concurrency, rate }: LimitOption): Limit {
  if (concurrency === undefined && rate === undefined)
    throw new InvalidArgumentError(`Limit '${name}' limits nothing; give it 'concurrency', 'rate', or both.`)
  const limit: Limit = {}
  if (concurrency !== undefined) limit.concurrency = count(concurrency, `concurrency of limit '${name}'`)
  if (rate !== undefined) {
    if (!Array.isArray(rate) || rate.length !== 2)
      throw new InvalidArgumentError(`rate of limit '${name}' is ${shown(rate)}; give [100, '1m'].`)
    const [jobs, per] = rate
    limit.rate = { jobs: count(jobs, `rate of limit '${name}'`), per: toMs(per, `rate of limit '${name}'`) }
    if (limit.rate.per === 0) throw new InvalidArgumentError(`rate of limit '${name}' has a window of no time.`)
  }
  return limit
}

function count(value: unknown, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 1)
    throw new InvalidArgumentError(`${what} is ${shown(value)}; give a whole number from 1 on.`)
  return value as number
}

/**
 * The gates of a job with these arguments, if it has limits.
 * @throws InvalidArgumentError a key that is no text of 1 to 200 characters
 */
export function gatesOf({ name, definition }: Limited, args: unknown): string[] | undefined {
  const { limits } = definition.options
  if (!limits || limits.length === 0) return undefined
  return [...new Set(limits.map((option) => gateOf(option.name ?? name, option.key, args)))]
}

function gateOf(limit: string, keyOf: LimitOption['key'], args: unknown): string {
  if (!keyOf) return limit
  const key = keyFrom(limit, keyOf, args)
  const gate = `${limit}/${key}`
  if (Buffer.byteLength(gate) <= MAX_GATE && !key.includes('\0')) return gate
  return `${limit}/${createHash('sha256').update(key).digest('base64url')}`
}

function keyFrom(limit: string, keyOf: NonNullable<LimitOption['key']>, args: unknown): string {
  let key: unknown
  try {
    key = keyOf(args)
  } catch (error) {
    throw new InvalidArgumentError(
      `The key of limit '${limit}' could not be told from the arguments: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    )
  }
  if (typeof key === 'string' && key !== '' && key.length <= MAX_KEY) return key
  throw new InvalidArgumentError(
    `The key of limit '${limit}' is ${shown(key)}; it must be a text of 1 to ${MAX_KEY} characters.`,
  )
}

/** Tells the store what the definitions say of limits: each once, before the first put or reserve that needs it. */
export class LimitRecords {
  readonly #transport: Transport
  readonly #limits: ReadonlyMap<string, Limit>
  readonly #told = new Map<string, Promise<void>>()
  /** Names of jobs whose limits are with the store. */
  readonly #done = new Set<string>()

  constructor(transport: Transport, limits: ReadonlyMap<string, Limit>) {
    this.#transport = transport
    this.#limits = limits
  }

  /**
   * undefined: there is nothing to wait for.
   * @throws UnavailableError, UnknownOutcomeError
   */
  tell({ name, definition }: Limited): Promise<void> | undefined {
    const { limits } = definition.options
    if (!limits || limits.length === 0 || !this.#transport.setLimit || this.#done.has(name)) return undefined
    const names = new Set(limits.map((option) => option.name ?? name))
    return Promise.all([...names].map((limit) => this.#tell(limit))).then(() => {
      this.#done.add(name)
    })
  }

  #tell(name: string): Promise<void> {
    let told = this.#told.get(name)
    if (!told) {
      told = (this.#transport.setLimit as NonNullable<Transport['setLimit']>)(name, this.#limits.get(name) ?? {})
      this.#told.set(name, told)
      // The next one that needs it tries again.
      told.catch(() => this.#told.delete(name))
    }
    return told
  }
}
