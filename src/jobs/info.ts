/** What one sees of a job without taking it. */
import type { Bytes, Death, JobId, Why } from '../job.ts'
import { InvalidArgumentError } from '../errors.ts'
import { named } from '../shown.ts'
import { decode } from './message.ts'
import { nameOf } from './definition.ts'
import type { JobView } from '../transports/transport.ts'

export interface JobInfo {
  id: string
  /** '' where the body is no message. */
  name: string
  queue: string
  /** As they were put, not validated. */
  args: unknown
  /** `waiting`: behind an earlier job of its group, a limit, or the job it succeeds. `buried`: set aside. */
  state: JobView['state']
  priority: number
  /** How often it was started. */
  starts: number
  /** How often that ended badly. */
  failures: number
  putAt: Date
  startedAt?: Date
  /** When it is due, if it is delayed. */
  dueAt?: Date
  group?: string
  /**
   * Why it was set aside, or died and came to a dead-letter queue: `failed`, `rejected` (discarded), `invalid`, `exhausted` (its starts), `expired`, `maxlen`
   * (its queue was full) or `asked` (by hand).
   */
  why?: string
  /** From where it came to a dead-letter queue, the last first: one for each queue and reason. Of a server this isn't known. */
  deaths: DeathInfo[]
  /** Its last error. */
  error?: string
  progress?: unknown
  logs: { at: Date; text: string }[]
  /** Those that failed, the oldest first. */
  attempts: AttemptInfo[]
  /** Of a finished one that is kept. */
  outcome?: { as: 'done' | 'failed' | 'cancelled'; at: Date; result?: unknown }
  /** The body's size in bytes, and the body where it is no message. */
  size: number
  body?: Bytes
}
/** A job died in a queue, and was sent on to the dead-letter queue of that. */
export interface DeathInfo {
  queue: string
  /** As `why` of the job. */
  why: Why
  /** How often it died there so. */
  count: number
  /** When it did last. */
  at: Date
}
export interface AttemptInfo {
  /** When it failed. */
  at: Date
  /** 1 is the first. */
  attempt: number
  /** How long it took. */
  ms: number
  error: string
  stack?: string
}

/** Its last start ended so, and the job didn't come back from it. */
const LAST_FAILED: readonly JobView['why'][] = ['failed', 'rejected']

export function infoOf(view: JobView): JobInfo {
  const message = decode(view.body ?? new Uint8Array())
  const known = typeof message === 'object'
  const notes = view.notes ?? []
  const progress = notes.findLast((note) => note.kind === 'progress')
  // A dead letter lies elsewhere than where it died; one that was sent back doesn't.
  const [death] = view.deaths ?? []
  const why = view.why ?? (death && death.queue !== view.queue ? death.why : undefined)
  return {
    id: String(view.id),
    name: known ? message.job : '',
    queue: nameOf(view.queue),
    args: known ? message.args : undefined,
    state: view.state,
    priority: view.pri,
    starts: view.reserves,
    failures: view.failures + (view.state === 'buried' && LAST_FAILED.includes(view.why) ? 1 : 0),
    putAt: new Date(view.put),
    deaths: (view.deaths ?? []).map(deathOf),
    size: view.size,
    logs: notes.filter((note) => note.kind === 'log').map(({ at, data }) => ({ at: new Date(at), text: textOf(data) })),
    attempts: notes
      .filter((note) => note.kind === 'attempt')
      .map(({ at, data }) => ({ at: new Date(at), ...(JSON.parse(textOf(data)) as Omit<AttemptInfo, 'at'>) })),
    ...(view.first !== undefined && { startedAt: new Date(view.first) }),
    ...(view.at !== undefined && { dueAt: new Date(view.at) }),
    ...(view.group !== undefined && { group: view.group }),
    ...(why !== undefined && { why }),
    ...(view.error && { error: textOf(view.error) }),
    ...(progress && { progress: JSON.parse(textOf(progress.data)) as unknown }),
    ...(view.outcome && {
      outcome: {
        as: view.outcome.as,
        at: new Date(view.outcome.at),
        ...(view.outcome.result && { result: JSON.parse(textOf(view.outcome.result)) as unknown }),
      },
    }),
    ...(!known && view.body && { body: view.body }),
  }
}

export function deathOf({ queue, why, count, at }: Death): DeathInfo {
  return { queue: nameOf(queue), why, count, at: new Date(at) }
}

export function textOf(bytes: Bytes): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()
}

/** @throws InvalidArgumentError */
export function idOf(id: string): JobId {
  const text: unknown = typeof id === 'number' ? String(id) : id
  const number = Number(typeof text === 'string' && /^\d{1,16}$/.test(text) ? text : NaN)
  if (!Number.isSafeInteger(number))
    throw new InvalidArgumentError(`${named(id)} is no job's id; a put answers with one.`)
  return number
}
