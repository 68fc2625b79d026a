import type { Clock } from '../clock.ts'
import { toMs, type Duration } from '../duration.ts'
import { JobFailedError, NotSupportedError, TimedOutError } from '../errors.ts'
import type { JobId, Ms } from '../job.ts'
import type { JobView, Transport } from '../transports/transport.ts'
import { awake } from './awake.ts'
import { checkOptions } from './check.ts'
import { textOf } from './info.ts'

export interface ResultOptions {
  /** Default: for ever. */
  timeout?: Duration
}

/** Whoever ended it may not have told us: so often it is looked at. */
const LOOK: Ms = 1000

/** Who waits for the end of jobs. */
export class Results {
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #waiting = new Map<JobId, Set<() => void>>()
  #stopHearing: (() => void) | undefined

  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport
    this.#clock = clock
  }

  /**
   * @throws JobFailedError, TimedOutError, NotSupportedError
   */
  async of(id: JobId, name: string, options: ResultOptions): Promise<unknown> {
    checkOptions(options, 'options of a result', { timeout: true })
    const { timeout } = options
    if (!this.#transport.capabilities.results)
      throw new NotSupportedError(`${this.#transport.name} keeps no results. Use a store such as file:jobs.db.`)
    const end = timeout === undefined ? Infinity : this.#clock.now() + toMs(timeout, 'timeout')
    let seen = false
    for (;;) {
      // Before looking: what ends meanwhile is told.
      const told = this.#next(id, Math.min(LOOK, end - this.#clock.now()))
      const { jobs } = await this.#transport.look({ id, limit: 1 })
      const [job] = jobs
      if (!job || job.state === 'finished' || job.state === 'buried') {
        told.forget()
        return outcome(job, id, name, seen)
      }
      seen = true
      if (this.#clock.now() >= end) {
        told.forget()
        throw new TimedOutError(
          `Job ${id} ('${name}') is not done after ${String(timeout)}; it is ${job.state}, and goes on.`,
        )
      }
      await awake(told.promise)
    }
  }

  #next(id: JobId, wait: Ms): { promise: Promise<void>; forget(): void } {
    this.#stopHearing ??= this.#transport.ended?.((ended) => {
      for (const wake of this.#waiting.get(ended) ?? []) wake()
    })
    let wakers = this.#waiting.get(id)
    if (!wakers) this.#waiting.set(id, (wakers = new Set()))
    const { promise, resolve } = Promise.withResolvers<void>()
    const callOff = this.#clock.after(Math.max(0, wait), () => done())
    const forget = () => {
      callOff()
      wakers.delete(done)
      if (wakers.size === 0 && this.#waiting.get(id) === wakers) this.#waiting.delete(id)
    }
    const done = () => {
      forget()
      resolve()
    }
    wakers.add(done)
    return { promise, forget }
  }

  close(): void {
    this.#stopHearing?.()
    for (const wakers of this.#waiting.values()) for (const wake of [...wakers]) wake()
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
