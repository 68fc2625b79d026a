/** Who waits for the end of jobs, and what it was. */
import type { Clock } from '../clock.ts'
import { durationText, toMs, type Duration } from '../duration.ts'
import { JobFailedError, NotSupportedError, TimedOutError } from '../errors.ts'
import type { JobId, Ms } from '../job.ts'
import type { JobView, Transport } from '../transports/transport.ts'
import { awake } from './awake.ts'
import { checkOptions } from './check.ts'
import { textOf } from './info.ts'

export interface ResultOptions {
  /** Default: for ever. */
  timeout?: Duration | undefined
}

/** Whoever ended it may not have told us: so often all that are awaited are looked at. */
const LOOK: Ms = 1000

export class Results {
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #waiting = new Map<JobId, Set<() => void>>()
  #stopHearing: (() => void) | undefined
  #callOff: (() => void) | undefined
  /** One look for all that are asked for in a turn. */
  #asked: { ids: JobId[]; found: Promise<ReadonlyMap<JobId, JobView>> } | undefined

  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport
    this.#clock = clock
  }

  /** @throws JobFailedError, TimedOutError, NotSupportedError, InvalidArgumentError */
  async of(id: JobId, name: string, options: ResultOptions): Promise<unknown> {
    checkOptions(options, 'options of a result', { timeout: true })
    const { timeout } = options
    if (!this.#transport.capabilities.results)
      throw new NotSupportedError(`${this.#transport.name} keeps no results. Use a store such as file:jobs.db.`)
    const end = timeout === undefined ? Infinity : this.#clock.now() + toMs(timeout, 'timeout')
    let seen = false
    for (;;) {
      // Before looking: what ends meanwhile is told.
      const told = this.#next(id, end)
      try {
        const job = await this.#look(id)
        if (!job || job.state === 'finished' || job.state === 'buried') return outcome(job, id, name, seen)
        seen = true
        if (timeout !== undefined && this.#clock.now() >= end)
          throw new TimedOutError(
            `Job ${id} ('${name}') is not done after ${durationText(timeout)}; it is ${job.state}, and goes on.`,
          )
        await awake(told.promise)
      } finally {
        told.forget()
      }
    }
  }

  async #look(id: JobId): Promise<JobView | undefined> {
    if (!this.#asked) {
      const ids: JobId[] = []
      this.#asked = { ids, found: Promise.resolve().then(() => this.#lookAll(ids)) }
    }
    this.#asked.ids.push(id)
    return (await this.#asked.found).get(id)
  }

  async #lookAll(ids: JobId[]): Promise<ReadonlyMap<JobId, JobView>> {
    this.#asked = undefined
    const { jobs } = await this.#transport.look({ ids, limit: ids.length })
    return new Map(jobs.map((job) => [job.id, job]))
  }

  /** Resolves when the job is said to have ended, at the end, or when all are to be looked at once more. */
  #next(id: JobId, end: Ms): { promise: Promise<void>; forget(): void } {
    const { promise, resolve } = Promise.withResolvers<void>()
    const callOff = end === Infinity ? undefined : this.#clock.after(Math.max(0, end - this.#clock.now()), resolve)
    let wakers = this.#waiting.get(id)
    if (!wakers) this.#waiting.set(id, (wakers = new Set()))
    wakers.add(resolve)
    this.#stopHearing ??= this.#transport.ended?.((ended) => {
      for (const wake of this.#waiting.get(ended) ?? []) wake()
    })
    this.#callOff ??= this.#clock.after(LOOK, this.#wakeAll)
    const forget = () => {
      callOff?.()
      wakers.delete(resolve)
      if (wakers.size === 0 && this.#waiting.get(id) === wakers) this.#waiting.delete(id)
      if (this.#waiting.size > 0) return
      this.#callOff?.()
      this.#callOff = undefined
    }
    return { promise, forget }
  }

  readonly #wakeAll = (): void => {
    this.#callOff = undefined
    for (const wakers of this.#waiting.values()) for (const wake of wakers) wake()
  }

  close(): void {
    this.#stopHearing?.()
    this.#callOff?.()
    this.#wakeAll()
  }
}
function outcome(job: JobView | undefined, id: JobId, name: string, seen: boolean): unknown {
  if (!job)
    throw new JobFailedError(
      seen
        ? `Job ${id} ('${name}') was deleted before it was done.`
        : `Job ${id} ('${name}') is gone: deleted, expired, or its result was kept for no longer.`,
    )
  const error = job.outcome?.error ?? job.error
  const text = error ? `: ${textOf(error)}` : '.'
  if (job.state === 'buried') throw new JobFailedError(`Job ${id} ('${name}') was set aside as ${job.why}${text}`)
  if (job.outcome?.as !== 'done') throw new JobFailedError(`Job ${id} ('${name}') was ${job.outcome?.as}${text}`)
  const { result } = job.outcome
  return result && JSON.parse(textOf(result))
}
