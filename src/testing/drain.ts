/** Works what lies ready, one job after another, until nothing does. */
import { Attempt } from '../jobs/attempt.ts'
import { checkCount, checkOptions, type Names } from '../jobs/check.ts'
import type { Handlers } from '../jobs/context.ts'
import type { Jobs } from '../jobs/definition.ts'
import type { Emitter } from '../jobs/events.ts'
import { Outbox } from '../jobs/outbox.ts'
import { handlersOf, queuesOf, wrapped, type Handler } from '../jobs/handlers.ts'
import type { WorkerNeeds, WorkerParts } from '../jobs/worker-parts.ts'
import { CancelledError, InvalidArgumentError, LeaseLostError } from '../errors.ts'
import { named } from '../shown.ts'

export interface DrainOptions {
  /**
   * - `due` (default): what may be taken now, as a worker would; retries wait for their time, until the clock is moved
   * - `now`: a retry comes at once
   * - `fail`: rejects with what the first handler that fails has thrown
   */
  mode?: 'due' | 'now' | 'fail' | undefined
  /** Queues to take from. Default: those of the jobs that are handled. */
  queues?: readonly string[] | undefined
  /** It gives up after so many attempts: a handler may put its own job again and again. Default 10,000. */
  limit?: number | undefined
}

const DRAIN_OPTIONS: Names<DrainOptions> = { mode: true, queues: true, limit: true }

/** One attempt. */
export interface Outcome {
  id: string
  name: string
  /** 1 is the first; 0: its handler was not called. */
  attempt: number
  as: 'done' | 'retried' | 'dead' | 'cancelled' | 'lost'
  /** What its handler answered. */
  result?: unknown
  /** What it threw, or why its job was set aside. */
  error?: unknown
}

/** How many attempts ended so, and each of them in order. */
export interface Drained {
  done: number
  /** Attempts that come back: after a failure, or because the handler said so. */
  retried: number
  dead: number
  cancelled: number
  lost: number
  outcomes: Outcome[]
}

/** What the next attempt came to, as the events tell it. */
class Ear {
  #outcome: Outcome | undefined
  #attempt = 0
  #failed = false
  #error: unknown
  readonly forget: () => void

  constructor(events: Emitter) {
    const tell = (as: Outcome['as']) => (event: { id: string; name: string; attempt?: number }) => {
      const { id, name, attempt = this.#attempt, ...rest } = event as Omit<Outcome, 'as'>
      const error = 'error' in rest ? rest.error : this.#error
      this.#outcome = {
        id,
        name,
        attempt,
        as,
        ...('result' in rest && { result: rest.result }),
        ...((this.#failed || 'error' in rest) && { error }),
      }
    }
    const on = [
      events.on('started', ({ attempt }) => this.#begin(attempt)),
      events.on('failed', ({ error }) => {
        this.#failed = true
        this.#error = error
      }),
      ...(['done', 'retried', 'dead', 'cancelled', 'lost'] as const).map((name) => events.on(name, tell(name))),
    ]
    this.forget = () => on.forEach((forget) => forget())
  }

  #begin(attempt: number): void {
    this.#attempt = attempt
    this.#outcome = undefined
    this.#failed = false
    this.#error = undefined
  }

  take(): { outcome: Outcome | undefined; failed: boolean } {
    const told = { outcome: this.#outcome, failed: this.#failed }
    this.#begin(0)
    return told
  }
}

export async function drain(
  needs: WorkerNeeds,
  handlers: Handlers<Jobs>,
  options: DrainOptions = {},
): Promise<Drained> {
  checkOptions(options, 'options of drain', DRAIN_OPTIONS)
  const { mode = 'due', queues, limit = 10_000 } = options
  if (!['due', 'now', 'fail'].includes(mode))
    throw new InvalidArgumentError(`mode is ${named(mode)}; there are due, now and fail.`)
  checkCount(limit, 'limit')
  const { transport, catalog, events } = needs
  const known = handlersOf(handlers, catalog)
  const from = queuesOf(known, catalog, queues)
  const parts = partsOf(needs, (name) => known.get(name))
  const never = new AbortController().signal
  const drained: Drained = { done: 0, retried: 0, dead: 0, cancelled: 0, lost: 0, outcomes: [] }
  const ear = new Ear(events)
  let current: Attempt | undefined
  const forget = transport.lost(({ id, n, why }) => {
    if (current?.delivery.id === id && current.delivery.n === n) current.abort(lossOf(id, why))
  })
  try {
    for (let attempts = 0; ; attempts++) {
      const [delivery] = await transport.reserve({ queues: from, max: 1, wait: 0 }, never)
      if (!delivery) return drained
      if (attempts >= limit) throw new Error(`${limit} attempts, and there is still a job. Does a handler put its own?`)
      current = new Attempt(parts, delivery)
      await current.run(() => undefined)
      const { outcome, failed } = ear.take()
      if (!outcome) continue
      drained[outcome.as]++
      drained.outcomes.push(outcome)
      if (mode === 'fail' && (failed || outcome.as === 'dead')) throw outcome.error
      if (mode === 'now' && failed && outcome.as === 'retried')
        await transport.commit({ ops: [{ do: 'release', job: { id: delivery.id }, as: 'kicked' }] })
    }
  } finally {
    forget()
    ear.forget()
  }
}

/** Parts of an attempt without a worker. */
export function partsOf(needs: WorkerNeeds, handlerOf: (name: string) => Handler | undefined): WorkerParts {
  return {
    ...needs,
    outbox: new Outbox(needs.transport),
    handlerOf,
    around: wrapped([]),
    lastStart: Promise.resolve(),
    pauseQueue: (queue, until) => needs.transport.pause(queue, until),
    over: () => false,
  }
}

function lossOf(id: number, why: string): Error {
  return why === 'cancelled'
    ? new CancelledError(`Job ${id} was cancelled.`)
    : new LeaseLostError(`Job ${id} isn't this worker's any more (${why}).`)
}
