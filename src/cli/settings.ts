/** What `serve` is told, from its flags, a configuration file, and the environment, in that order. */
import { readFileSync } from 'node:fs'
import { checkPolicy, parsePolicy, queueNamed } from '../broker/policies.ts'
import { InvalidArgumentError } from '../errors.ts'
import { LEVELS, type Level } from '../log.ts'
import { checkStore } from '../registry.ts'
import { checkDurability, type Durability } from '../stores/sqlite/durability.ts'
import { parseListen, parsePort, type Listen, type Port } from '../protocols/address.ts'
import { baseOf, checkAccount, checkRegion } from '../protocols/sqs/index.ts'

/** Settings of a queue by the names that people write. */
export type QueueSettings = Readonly<Record<string, string | number>>

export interface Settings {
  store: string
  beanstalkd: Listen[]
  sqs: Port[]
  sqsUrl: string | undefined
  sqsAccount: string
  sqsRegion: string
  sqsAuth: 'on' | 'off' | undefined
  sqsTlsCert: string | undefined
  sqsTlsKey: string | undefined
  durability: Durability
  maxJobSize: number
  log: Level
  queues: Readonly<Record<string, QueueSettings>>
}

/** Settings as they are written, before they are checked. */
export interface Written {
  store?: string
  beanstalkd?: string[]
  /** true: at its usual port. */
  sqs?: string[] | boolean
  sqsUrl?: string
  sqsAccount?: string
  sqsRegion?: string
  sqsAuth?: string
  sqsTlsCert?: string
  sqsTlsKey?: string
  durability?: string
  maxJobSize?: number | string
  log?: string
  queues?: Record<string, QueueSettings>
}

const DEFAULTS = {
  store: 'file:queueup.db',
  beanstalkd: ['127.0.0.1:11300'],
  sqs: ['127.0.0.1:9324'],
  sqsAccount: '000000000000',
  sqsRegion: 'us-east-1',
  durability: 'full',
  maxJobSize: 65_535,
  log: 'info',
} as const

/** Their names in a configuration file. */
export const KEYS = [
  'store',
  'beanstalkd',
  'sqs',
  'sqsUrl',
  'sqsAccount',
  'sqsRegion',
  'sqsAuth',
  'sqsTlsCert',
  'sqsTlsKey',
  'durability',
  'maxJobSize',
  'log',
  'queues',
] as const satisfies (keyof Written)[]

/**
 * @param flags what was said on the command line
 * @param file the configuration file, if one was named
 * @throws InvalidArgumentError that names the setting, where it was written, and what it takes
 */
export function resolveSettings(flags: Written, file: string | undefined, env: NodeJS.ProcessEnv): Settings {
  const named = file ?? env['QUEUEUP_CONFIG']
  const sources = [
    { from: 'the command line', written: flags.sqs === true ? withoutSqs(flags) : flags },
    ...(named === undefined ? [] : [{ from: named, written: readConfig(named) }]),
    { from: 'the environment', written: fromEnvironment(env) },
  ]
  const pick = <K extends keyof Written, T>(key: K, check: (value: NonNullable<Written[K]>) => T, otherwise: T): T => {
    for (const { from, written } of sources) {
      const value = written[key]
      if (value === undefined) continue
      try {
        return check(value)
      } catch (error) {
        throw new InvalidArgumentError(`${key}, from ${from}: ${(error as Error).message}`, { cause: error })
      }
    }
    return otherwise
  }
  const optional = (key: 'sqsTlsCert' | 'sqsTlsKey'): string | undefined =>
    pick<typeof key, string | undefined>(key, text, undefined)
  const [sqsTlsCert, sqsTlsKey] = [optional('sqsTlsCert'), optional('sqsTlsKey')]
  if ((sqsTlsCert === undefined) !== (sqsTlsKey === undefined))
    throw new InvalidArgumentError('sqsTlsCert and sqsTlsKey go together: give the files of both, in PEM.')
  const beanstalkd = pick('beanstalkd', (all) => list(all).map(parseListen), DEFAULTS.beanstalkd.map(parseListen))
  // Asked for without an address it is where the others say, or at its usual port.
  const sqs = pick('sqs', ports, flags.sqs === true ? DEFAULTS.sqs.map(parsePort) : [])
  if (beanstalkd.length + sqs.length === 0)
    throw new InvalidArgumentError(
      'There is nothing to listen on: beanstalkd is an empty list, and sqs was not asked for. Name an address of one.',
    )
  return {
    store: pick('store', storeUrl, DEFAULTS.store),
    beanstalkd,
    sqs,
    sqsUrl: pick<'sqsUrl', Settings['sqsUrl']>('sqsUrl', (value) => baseOf(text(value)), undefined),
    sqsAuth: pick<'sqsAuth', Settings['sqsAuth']>('sqsAuth', onOff, undefined),
    sqsTlsCert,
    sqsTlsKey,
    sqsAccount: pick('sqsAccount', (value) => checkAccount(text(value)), DEFAULTS.sqsAccount),
    sqsRegion: pick('sqsRegion', (value) => checkRegion(text(value)), DEFAULTS.sqsRegion),
    durability: pick('durability', (value) => checkDurability(text(value)), DEFAULTS.durability),
    maxJobSize: pick('maxJobSize', jobSize, DEFAULTS.maxJobSize),
    log: pick('log', level, DEFAULTS.log),
    queues: pick('queues', queueSettings, {}),
  }
}

function withoutSqs({ sqs: _, ...flags }: Written): Written {
  return flags
}

function readConfig(path: string): Written {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new InvalidArgumentError(`${path} can't be read as JSON: ${(error as Error).message}.`, { cause: error })
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new InvalidArgumentError(`${path} must hold one JSON object, such as {"store": "file:jobs.db"}.`)
  for (const key of Object.keys(parsed))
    if (!(KEYS as readonly string[]).includes(key))
      throw new InvalidArgumentError(
        `${path} has '${key}', which is no setting.${nearest(key)} There are: ${KEYS.join(', ')}.`,
      )
  return parsed
}

function fromEnvironment(env: NodeJS.ProcessEnv): Written {
  return {
    ...(env['QUEUEUP_STORE'] !== undefined && { store: env['QUEUEUP_STORE'] }),
    ...(env['QUEUEUP_BEANSTALKD'] !== undefined && {
      beanstalkd: env['QUEUEUP_BEANSTALKD'].split(',').map((one) => one.trim()),
    }),
    ...(env['QUEUEUP_SQS'] !== undefined && { sqs: env['QUEUEUP_SQS'].split(',').map((one) => one.trim()) }),
    ...(env['QUEUEUP_SQS_URL'] !== undefined && { sqsUrl: env['QUEUEUP_SQS_URL'] }),
    ...(env['QUEUEUP_SQS_ACCOUNT'] !== undefined && { sqsAccount: env['QUEUEUP_SQS_ACCOUNT'] }),
    ...(env['QUEUEUP_SQS_REGION'] !== undefined && { sqsRegion: env['QUEUEUP_SQS_REGION'] }),
    ...(env['QUEUEUP_SQS_AUTH'] !== undefined && { sqsAuth: env['QUEUEUP_SQS_AUTH'] }),
    ...(env['QUEUEUP_SQS_TLS_CERT'] !== undefined && { sqsTlsCert: env['QUEUEUP_SQS_TLS_CERT'] }),
    ...(env['QUEUEUP_SQS_TLS_KEY'] !== undefined && { sqsTlsKey: env['QUEUEUP_SQS_TLS_KEY'] }),
    ...(env['QUEUEUP_DURABILITY'] !== undefined && { durability: env['QUEUEUP_DURABILITY'] }),
    ...(env['QUEUEUP_MAX_JOB_SIZE'] !== undefined && { maxJobSize: env['QUEUEUP_MAX_JOB_SIZE'] }),
    ...(env['QUEUEUP_LOG'] !== undefined && { log: env['QUEUEUP_LOG'] }),
  }
}

function text(value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new InvalidArgumentError(`${JSON.stringify(value)} is no text.`)
  return value
}

function storeUrl(value: unknown): string {
  const url = text(value)
  checkStore(url)
  return url
}

function list(value: unknown): string[] {
  const all = typeof value === 'string' ? [value] : value
  if (!Array.isArray(all))
    throw new InvalidArgumentError(`${JSON.stringify(value)} is no list of addresses such as ["127.0.0.1:11300"].`)
  return all.map(text)
}

function onOff(value: unknown): 'on' | 'off' {
  if (value !== 'on' && value !== 'off')
    throw new InvalidArgumentError(`${JSON.stringify(value)} is neither on nor off.`)
  return value
}

function ports(value: unknown): Port[] {
  if (typeof value === 'boolean') return value ? DEFAULTS.sqs.map(parsePort) : []
  return list(value).map(parsePort)
}

export function jobSize(value: unknown): number {
  const bytes = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value
  if (typeof bytes !== 'number' || !Number.isInteger(bytes) || bytes < 1 || bytes > 2 ** 30)
    throw new InvalidArgumentError(`${JSON.stringify(value)} is no size of a job: give bytes, from 1 to ${2 ** 30}.`)
  return bytes
}

function level(value: unknown): Level {
  const found = LEVELS.find((one) => one === value)
  if (!found) throw new InvalidArgumentError(`${JSON.stringify(value)} is none of ${LEVELS.join(', ')}.`)
  return found
}

function queueSettings(value: unknown): Record<string, QueueSettings> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidArgumentError('it must be an object such as {"mail": {"max-jobs": 1000}}.')
  for (const [name, settings] of Object.entries(value as Record<string, unknown>)) {
    if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
      throw new InvalidArgumentError(`the settings of '${name}' must be an object such as {"max-jobs": 1000}.`)
    for (const [setting, value] of Object.entries(settings))
      if (typeof value !== 'string' && typeof value !== 'number')
        throw new InvalidArgumentError(`${setting} of '${name}' is ${JSON.stringify(value)}; give a number or a text.`)
    checkPolicy(queueNamed(name), parsePolicy(textsOf(settings as QueueSettings)))
  }
  return value as Record<string, QueueSettings>
}

/** As the command line takes them. */
export function textsOf(settings: QueueSettings): string[] {
  return Object.entries(settings).map(([name, value]) => `${name}=${value}`)
}

/** A guess at what was meant, for a word that is almost right. */
function nearest(word: string): string {
  const close = KEYS.find(
    (key) => key.toLowerCase() === word.toLowerCase() || (key.startsWith(word.slice(0, 3)) && word.length > 2),
  )
  return close ? ` Did you mean '${close}'?` : ''
}
