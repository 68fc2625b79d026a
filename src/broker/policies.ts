/** A queue's policy as text, as the command line and the configuration file say it, and as records. */
import { isDeepStrictEqual } from 'node:util'
import { msText, toMs, type Duration } from '../duration.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { Backoff, Limit, Ms, Queue, QueuePolicy } from '../job.ts'
import { named } from '../shown.ts'
import type { Broker, Session } from './broker.ts'
import { changeRecord } from './records.ts'

/** Queues whose names end so are in order within each group: SQS knows its FIFO queues by it, and every protocol may put into them. */
export const FIFO = '.fifo'

interface Setting {
  read(policy: QueuePolicy): number | string | undefined
  write(policy: QueuePolicy, text: string | undefined): void
  /** What it takes, and what it means. */
  takes: string
  help: string
}

/** Every setting by the name that people write. */
export const SETTINGS: Readonly<Record<string, Setting>> = {
  'max-jobs': count('max-jobs', 'maxJobs', 'at most so many jobs'),
  'max-bytes': count('max-bytes', 'maxBytes', 'at most so many bytes of bodies'),
  'max-size': count('max-size', 'maxSize', 'bytes of one body'),
  overflow: {
    read: (policy) => policy.overflow,
    write(policy, text) {
      if (text === undefined) delete policy.overflow
      else if (text === 'reject' || text === 'drop') policy.overflow = text
      else throw invalid('overflow', text, this.takes)
    },
    takes: 'reject or drop',
    help: 'a put into a full queue is refused, or the first ready job leaves',
  },
  concurrency: count('concurrency', 'concurrency', 'so many of its jobs may be reserved at a time'),
  rate: {
    read: ({ rate }) => rate && `${rate.jobs}/${msText(rate.per)}`,
    write(policy, text) {
      if (text === undefined) delete policy.rate
      else policy.rate = parseRate(text)
    },
    takes: 'a number of jobs and a time, such as 100/1m',
    help: 'so many of its jobs may begin to be reserved in each such span of time',
  },
  groups: {
    read: (policy) => policy.groups,
    write(policy, text) {
      if (text === undefined) delete policy.groups
      else if (text === 'ordered' || text === 'fair') policy.groups = text
      else throw invalid('groups', text, this.takes)
    },
    takes: 'ordered or fair',
    help: 'jobs of a group one after another, or groups taking turns; holds for jobs put from then on',
  },
  'max-reserves': count('max-reserves', 'maxReserves', 'a job may be reserved so often'),
  'max-failures': count('max-failures', 'maxFailures', 'so many leases of a job may end badly'),
  dead: {
    read: (policy) => policy.dead && nameOf(policy.dead),
    write(policy, text) {
      if (text === undefined) delete policy.dead
      else policy.dead = queueNamed(text)
    },
    takes: "a queue's name",
    help: 'where jobs go that are exhausted, rejected, expired or over the length',
  },
  lease: time('lease', 'how long a lease lasts that names no length'),
  delay: time('delay', 'of jobs that name none'),
  pri: count('pri', 'pri', 'priority of jobs that name none; lower is more urgent', 2 ** 32 - 1),
  ttl: time('ttl', 'a job that was not reserved within so long expires'),
  retention: time('retention', 'an older job is dropped'),
  keep: {
    read: (policy) => policy.keep?.jobs,
    write(policy, text) {
      setKeep(
        policy,
        'jobs',
        text === undefined ? undefined : toCount('keep', text, this.takes, Number.MAX_SAFE_INTEGER),
      )
    },
    takes: 'a number of jobs',
    help: 'so many finished jobs stay in the history',
  },
  'keep-for': {
    read: ({ keep }) => (keep?.ms === undefined ? undefined : msText(keep.ms)),
    write(policy, text) {
      setKeep(policy, 'ms', text === undefined ? undefined : toTime('keep-for', text))
    },
    takes: 'a time such as 7d',
    help: 'finished jobs stay in the history for so long',
  },
  backoff: {
    read: ({ backoff }) => backoff && `${msText(backoff.first)},${backoff.factor},${msText(backoff.max)}`,
    write(policy, text) {
      if (text === undefined) delete policy.backoff
      else policy.backoff = toBackoff(text, this.takes)
    },
    takes: 'the first delay, a factor and the longest delay, such as 1s,2,1h',
    help: 'a job whose lease ended badly comes back after a delay that grows',
  },
}

/**
 * A policy from settings as people write them.
 * @param settings such as `['max-jobs=1000', 'dead=mail.dead']`; an empty value takes a setting back
 * @param policy what they are added to; not changed
 * @throws InvalidArgumentError
 * @example parsePolicy(['max-jobs=1000', 'ttl=10m']) // { maxJobs: 1000, ttl: 600000 }
 */
export function parsePolicy(settings: readonly string[], policy: QueuePolicy = {}): QueuePolicy {
  const parsed = structuredClone(policy)
  for (const text of settings) {
    const [name = '', value = ''] = split(text)
    if (!Object.hasOwn(SETTINGS, name))
      throw new InvalidArgumentError(
        `'${name}' is no setting of a queue. There are: ${Object.keys(SETTINGS).join(', ')}.`,
      )
    ;(SETTINGS[name] as Setting).write(parsed, value === '' ? undefined : value)
  }
  return parsed
}

/**
 * Whether a queue may have a policy.
 * @throws InvalidArgumentError
 */
export function checkPolicy(queue: Queue, policy: QueuePolicy): void {
  if (policy.groups === 'fair' && queue.endsWith(FIFO))
    throw new InvalidArgumentError(
      `'${nameOf(queue)}' can't have groups=fair: a queue whose name ends in ${FIFO} keeps its groups in order. Take groups=ordered, or a queue of another name.`,
    )
}

/**
 * The settings of a policy as people write them: the opposite of `parsePolicy`.
 * @example policyText({ maxJobs: 1000, ttl: 600_000 }) // ['max-jobs=1000', 'ttl=10m']
 */
export function policyText(policy: QueuePolicy): string[] {
  return settingsOf(policy).map(([name, value]) => `${name}=${value}`)
}

/** The same by name, as the configuration file takes them. */
export function settingsOf(policy: QueuePolicy): [name: string, value: number | string][] {
  return Object.entries(SETTINGS).flatMap(([name, setting]) => {
    const value = setting.read(policy)
    return value === undefined ? [] : [[name, value]]
  })
}

/**
 * `mail` is `default/mail`, and `mail/eu` is `default/mail/eu`: people see the queues of one tenant. Its full name is taken, too.
 * @throws InvalidArgumentError no protocol could say this name
 */
export function queueNamed(name: string): Queue {
  const queue: Queue = name.startsWith('default/') ? (name as Queue) : `default/${name}`
  if (!/^[A-Za-z0-9\-+/;.$_()]{1,200}$/.test(nameOf(queue)))
    throw new InvalidArgumentError(
      `${named(name)} can't be a queue's name. Use 1 to 200 letters, digits and -+/;.$_().`,
    )
  return queue
}

function nameOf(queue: Queue): string {
  return queue.startsWith('default/') ? queue.slice('default/'.length) : queue
}

/**
 * Changes a queue's policy, whatever others change at the same time.
 * @param change answers the new policy; undefined takes the policy away
 * @throws UnavailableError, InvalidArgumentError: the queue can't have this policy
 */
export function changePolicy(
  session: Session,
  records: Broker['records'],
  queue: Queue,
  change: (policy: QueuePolicy) => QueuePolicy | undefined,
): Promise<QueuePolicy | undefined> {
  return changeRecord(session, records, `queue/${queue}`, (old: QueuePolicy = {}) => {
    const policy = change(old)
    if (policy) checkPolicy(queue, policy)
    return policy
  })
}

/**
 * Changes a limit as an operator does: it stays, whatever programs' definitions say.
 * @param change answers the new limit; undefined takes it away, until a program that defines it starts
 * @throws UnavailableError
 */
export function changeLimit(
  session: Session,
  records: Broker['records'],
  name: string,
  change: (limit: Limit) => Limit | undefined,
): Promise<Limit | undefined> {
  return changeRecord(session, records, `limit/${name}`, (old: Limit = {}) => {
    const limit = change(old)
    return limit && ({ ...limit, by: 'operator' } as const)
  })
}

/** Pauses a queue until a moment; one that has passed resumes it. */
export async function pauseQueue(session: Session, queue: Queue, until: Ms, now: Ms): Promise<void> {
  await session.commit({ ops: [{ do: 'record', key: `pause/${queue}`, value: until > now ? until : undefined }] })
}

/**
 * Writes what a program's definitions say of a limit, if it isn't so already. What an operator has set stays.
 * @throws UnavailableError
 */
export async function setLimit(
  session: Session,
  records: Broker['records'],
  name: string,
  { concurrency, rate }: Limit,
): Promise<void> {
  const limit: Limit = { ...(concurrency !== undefined && { concurrency }), ...(rate && { rate }), by: 'code' }
  await changeRecord(session, records, `limit/${name}`, (old: Limit | undefined) =>
    old && (old.by === 'operator' || isDeepStrictEqual(old, limit)) ? old : limit,
  )
}

/**
 * A rate as people write it.
 * @throws InvalidArgumentError
 * @example parseRate('100/1m') // { jobs: 100, per: 60000 }
 */
export function parseRate(text: string): { jobs: number; per: Ms } {
  const [jobs = '', per = '', ...rest] = text.split('/')
  const takes = 'a number of jobs and a time, such as 100/1m'
  if (rest.length > 0 || per === '') throw invalid('rate', text, takes)
  const rate = { jobs: toCount('rate', jobs, takes, Number.MAX_SAFE_INTEGER), per: toTime('rate', per) }
  if (rate.per === 0) throw invalid('rate', text, takes)
  return rate
}

type Numeric =
  | 'concurrency'
  | 'maxJobs'
  | 'maxBytes'
  | 'maxSize'
  | 'maxReserves'
  | 'maxFailures'
  | 'pri'
  | 'lease'
  | 'delay'
  | 'ttl'
  | 'retention'

function count(name: string, field: Numeric, help: string, most = Number.MAX_SAFE_INTEGER): Setting {
  const takes = most === Number.MAX_SAFE_INTEGER ? 'a whole number' : `a whole number up to ${most}`
  return {
    read: (policy) => policy[field],
    write: (policy, text) => assign(policy, field, text === undefined ? undefined : toCount(name, text, takes, most)),
    takes,
    help,
  }
}

function time(field: Numeric, help: string): Setting {
  return {
    read: ({ [field]: ms }) => (ms === undefined ? undefined : msText(ms)),
    write: (policy, text) => assign(policy, field, text === undefined ? undefined : toTime(field, text)),
    takes: 'a time such as 10m',
    help,
  }
}

function assign(policy: QueuePolicy, field: Numeric, value: number | undefined): void {
  if (value === undefined) delete policy[field]
  else policy[field] = value
}

function toCount(name: string, text: string, takes: string, most: number): number {
  if (!/^\d{1,15}$/.test(text) || Number(text) > most) throw invalid(name, text, takes)
  return Number(text)
}

function toTime(name: string, text: string): Ms {
  return toMs(text as Duration, name)
}

function toBackoff(text: string, takes: string): Backoff {
  const [first, factor, max, ...rest] = text.split(',')
  if (first === undefined || max === undefined || rest.length > 0 || !(Number(factor) >= 1 && Number(factor) <= 100))
    throw invalid('backoff', text, takes)
  return { first: toTime('backoff', first), factor: Number(factor), max: toTime('backoff', max) }
}

function setKeep(policy: QueuePolicy, field: 'jobs' | 'ms', value: number | undefined): void {
  const keep = { ...policy.keep }
  if (value === undefined) delete keep[field]
  else keep[field] = value
  if (keep.jobs === undefined && keep.ms === undefined) delete policy.keep
  else policy.keep = keep
}

function split(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 0) throw new InvalidArgumentError(`'${text}' is no setting: write NAME=VALUE, such as max-jobs=1000.`)
  return [text.slice(0, at), text.slice(at + 1)]
}

function invalid(name: string, text: string, takes: string): InvalidArgumentError {
  return new InvalidArgumentError(`${name} is '${text}'; it takes ${takes}.`)
}
