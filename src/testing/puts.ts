/** What was put, for tests to look at. */
import { AssertionError } from 'node:assert'
import { isDeepStrictEqual } from 'node:util'
import type { Names } from '../jobs/check.ts'
import { decode } from '../jobs/message.ts'
import type { ForwardOp, Put, PutOp } from '../stores/store.ts'

/** A put that the queue accepted, by whomever: the test, a handler, a batch. */
export interface PutRecord {
  id: string
  name: string
  queue: string
  /** As they travel: after JSON. */
  args: unknown
  putAt: Date
  /** Not before this moment. */
  dueAt?: Date
  priority?: number
  group?: string
  /** Its unique key. */
  unique?: string
  /** Another job had its unique key: nothing new was put, and `id` is that one's. */
  duplicate: boolean
}

/** A value that all must be like: an object has at least these properties, alike; anything else is equal. Or a function that says so. */
export type Match<T> = Partial<T> | ((value: T) => boolean)
/** What a put must be like beside its arguments. */
export type PutMatch = Partial<Omit<PutRecord, 'args' | 'name'>>
export const PUT_MATCH: Names<PutMatch> = {
  id: true,
  queue: true,
  putAt: true,
  dueAt: true,
  priority: true,
  group: true,
  unique: true,
  duplicate: true,
}

export class Puts {
  readonly #now: () => number
  #records: PutRecord[] = []
  /** By job: what it has now, after whatever replaced or changed it. */
  readonly #args = new Map<string, unknown>()

  constructor(now: () => number) {
    this.#now = now
  }

  put({ to: [target], msg }: PutOp, put: Put & { ok: true }): void {
    const message = decode(msg.body)
    if (typeof message === 'string' || !target) return
    if (!put.duplicate) this.#args.set(String(put.id), message.args)
    this.#records.push({
      id: String(put.id),
      name: message.job,
      queue: target.queue.slice(target.queue.indexOf('/') + 1),
      args: message.args,
      putAt: new Date(this.#now()),
      duplicate: put.duplicate === true,
      ...(target.at !== undefined && { dueAt: new Date(target.at) }),
      ...(target.pri !== undefined && { priority: target.pri }),
      ...(msg.group !== undefined && { group: msg.group }),
      ...(msg.unique && { unique: msg.unique.key }),
    })
  }

  /** A job was changed. */
  forwarded({ job, body }: ForwardOp): void {
    const message = body && decode(body)
    if (typeof message === 'object') this.#args.set(String(job.id), message.args)
  }

  argsOf(id: string): unknown {
    return this.#args.get(id)
  }

  all(name?: string): PutRecord[] {
    return this.#records.filter((record) => name === undefined || record.name === name)
  }

  forget(): void {
    this.#records = []
  }

  find(name: string, args: unknown, put: PutMatch): PutRecord[] {
    return this.all(name).filter(
      (record) => record.duplicate === (put.duplicate ?? false) && alike(record.args, args) && alike(record, put),
    )
  }

  /** @throws AssertionError */
  assert(name: string, args: unknown, put: PutMatch, times: number | undefined): PutRecord[] {
    const found = this.find(name, args, put)
    if (times === undefined ? found.length > 0 : found.length === times) return found
    throw this.#error(`${wanted(name, args)} was put ${counted(found.length)}`, times ?? 'at least once', name, args)
  }

  /** @throws AssertionError */
  refute(name: string, args: unknown, put: PutMatch): void {
    const found = this.find(name, args, put)
    if (found.length > 0)
      throw this.#error(`${wanted(name, args)} was put ${counted(found.length)}`, 'never', name, args)
  }

  #error(what: string, wanted: number | string, name: string, args: unknown): AssertionError {
    const times = typeof wanted === 'number' ? counted(wanted) : wanted
    const same = this.all(name).map((record) => `\n  ${JSON.stringify(record.args)}`)
    const others = new Set(this.#records.map((record) => record.name))
    const seen =
      same.length > 0
        ? `Puts of '${name}':${same.join('')}`
        : `Put were: ${others.size > 0 ? [...others].join(', ') : 'none'}.`
    return new AssertionError({
      message: `${what}, expected: ${times}. ${seen}`,
      actual: this.all(name).map((record) => record.args),
      expected: args,
      operator: 'assertPut',
    })
  }
}

/** @param pattern undefined: anything */
export function alike(value: unknown, pattern: unknown): boolean {
  if (pattern === undefined) return true
  if (typeof pattern === 'function') return (pattern as (value: unknown) => boolean)(value)
  if (typeof pattern !== 'object' || pattern === null || Array.isArray(pattern) || pattern instanceof Date)
    return isDeepStrictEqual(value, pattern)
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(pattern).every(([key, part]) => alike((value as Record<string, unknown>)[key], part))
}

function wanted(name: string, args: unknown): string {
  if (args === undefined) return `'${name}'`
  return `'${name}' with ${typeof args === 'function' ? 'such arguments' : JSON.stringify(args)}`
}

function counted(times: number): string {
  return times === 0 ? 'never' : times === 1 ? 'once' : `${times} times`
}
