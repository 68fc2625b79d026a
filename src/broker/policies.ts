/** A queue's policy as text, as the command line and the configuration file say it, and as records. */
import { toMs, type Duration } from '../duration.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { Ms, Queue, QueuePolicy } from '../job.ts'
import type { Session } from './broker.ts'

interface Setting {
  read(policy: QueuePolicy): number | string | undefined
  write(policy: QueuePolicy, text: string | undefined): void
  /** What it takes, and what it means. */
  takes: string
  help: string
}

/** Every setting by the name that people write. */
export const SETTINGS: Readonly<Record<string, Setting>> = {
  'max-jobs': count('maxJobs', 'at most so many jobs'),
  'max-bytes': count('maxBytes', 'at most so many bytes of bodies'),
  'max-size': count('maxSize', 'bytes of one body'),
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
  'max-reserves': count('maxReserves', 'a job may be reserved so often'),
  'max-failures': count('maxFailures', 'so many leases of a job may end badly'),
  dead: {
    read: (policy) => policy.dead && nameOf(policy.dead),
    write(policy, text) {
      if (text === undefined) delete policy.dead
      else if (text === '') throw invalid('dead', text, this.takes)
      else policy.dead = queueNamed(text)
    },
    takes: "a queue's name",
    help: 'where jobs go that are exhausted, rejected, expired or over the length',
  },
  lease: time('lease', 'how long a lease lasts that names no length'),
  delay: time('delay', 'of jobs that name none'),
  pri: count('pri', 'priority of jobs that name none; lower is more urgent'),
  ttl: time('ttl', 'a job that was not reserved within so long expires'),
  retention: time('retention', 'an older job is dropped'),
  keep: {
    read: (policy) => policy.keep?.jobs,
    write(policy, text) {
      setKeep(policy, 'jobs', text === undefined ? undefined : toCount('keep', text, this.takes))
    },
    takes: 'a number of jobs',
    help: 'so many finished jobs stay in the history',
  },
  'keep-for': {
    read: (policy) => policy.keep?.ms,
    write(policy, text) {
      setKeep(policy, 'ms', text === undefined ? undefined : toMs(text as Duration, 'keep-for'))
    },
    takes: 'a time such as 7d',
    help: 'finished jobs stay in the history for so long',
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
      throw new InvalidArgumentError(`'${name}' is no setting of a queue. There are: ${Object.keys(SETTINGS).join(', ')}.`)
    ;(SETTINGS[name] as Setting).write(parsed, value === '' ? undefined : value)
  }
  return parsed
}

/** The settings of a policy as people write them: the opposite of `parsePolicy`. */
export function policyText(policy: QueuePolicy): string[] {
  return Object.entries(SETTINGS).flatMap(([name, setting]) => {
    const value = setting.read(policy)
    return value === undefined ? [] : [`${name}=${value}`]
  })
}

/** `mail` is `default/mail`; a name with a tenant stays as it is. */
export function queueNamed(name: string): Queue {
  return name.includes('/') ? (name as Queue) : `default/${name}`
}

function nameOf(queue: Queue): string {
  return queue.startsWith('default/') ? queue.slice('default/'.length) : queue
}

/**
 * Changes a queue's policy, whatever others change at the same time.
 * @param change answers the new policy; undefined takes the policy away
 */
export async function changePolicy(
  session: Session,
  read: (key: string) => Promise<{ value: unknown; version: number } | undefined>,
  queue: Queue,
  change: (policy: QueuePolicy) => QueuePolicy | undefined,
): Promise<QueuePolicy | undefined> {
  const key = `queue/${queue}`
  for (;;) {
    const old = await read(key)
    const policy = change((old?.value ?? {}) as QueuePolicy)
    const [result] = await session.commit({ ops: [{ do: 'record', key, value: policy, version: old?.version ?? 0 }] })
    if (result?.ok) return policy
  }
}

/** Pauses a queue until a moment; one that has passed resumes it. */
export async function pauseQueue(session: Session, queue: Queue, until: Ms, now: Ms): Promise<void> {
  await session.commit({ ops: [{ do: 'record', key: `pause/${queue}`, value: until > now ? until : undefined }] })
}

type Numeric = 'maxJobs' | 'maxBytes' | 'maxSize' | 'maxReserves' | 'maxFailures' | 'pri' | 'lease' | 'delay' | 'ttl' | 'retention'

function count(field: Numeric, help: string): Setting {
  return numeric(field, help, 'a whole number', (name, text, takes) => toCount(name, text, takes))
}

function time(field: Numeric, help: string): Setting {
  return numeric(field, help, 'a time such as 10m', (name, text) => toMs(/^\d+$/.test(text) ? Number(text) : (text as Duration), name))
}

function numeric(field: Numeric, help: string, takes: string, parse: (name: string, text: string, takes: string) => number): Setting {
  return {
    read: (policy) => policy[field],
    write(policy, text) {
      if (text === undefined) delete policy[field]
      else policy[field] = parse(field, text, takes)
    },
    takes,
    help,
  }
}

function toCount(name: string, text: string, takes: string): number {
  if (!/^\d{1,15}$/.test(text)) throw invalid(name, text, takes)
  return Number(text)
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
