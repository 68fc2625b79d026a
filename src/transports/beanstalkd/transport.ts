/** A beanstalkd server, a real one or ours, as a transport. Its connections live in a thread of their own. */
import { Worker } from 'node:worker_threads'
import { systemClock } from '../../clock.ts'
import * as errors from '../../errors.ts'
import type { JobId, Ms, Queue } from '../../job.ts'
import type { Counted, Delivery, JobView, Look, Result, Transport, Unit } from '../transport.ts'
import { nameOfAddress, type Address } from './address.ts'
import { packed, type Answers, type Asked, type Call, type Taken, type Told } from './calls.ts'
import { capabilities, LARGEST } from './capabilities.ts'
import { lacks, NAME, operation, tubeOf, type Ask } from './operations.ts'
import { statsOf, viewOf, whyOf } from './view.ts'

/** The source in TypeScript has its thread beside it in TypeScript, and the built one in JavaScript. */
function threadFile(): URL {
  // A bundle in CommonJS has no such URL.
  const here = import.meta.url as string | undefined
  if (here === undefined) throw bundled()
  return new URL(`./thread${here.slice(here.lastIndexOf('.'))}`, here)
}

function bundled(cause?: Error): errors.NotSupportedError {
  return new errors.NotSupportedError(
    `${NAME} needs a thread, whose file isn't there: the package was bundled. Leave queueup out of the bundle (with esbuild --external:queueup), and install it where the bundle runs.`,
    { cause },
  )
}

interface Pending {
  resolve: (answer: never) => void
  reject: (error: Error) => void
}
type Lost = (lease: { id: JobId; n: number; why: string }) => void

export class BeanstalkdTransport implements Transport {
  readonly name = NAME
  readonly capabilities = capabilities
  readonly #thread: Worker
  readonly #pending = new Map<number, Pending>()
  /** Those that keep the process alive: somebody awaits them, and not for jobs to come. */
  #awaited = 0
  readonly #listeners = new Set<Lost>()
  #asking: Asked[] = []
  #no = 0
  #failure: Error | undefined
  #closed: Promise<void> | undefined

  private constructor(address: Address) {
    // Flags of the program that concern its main file would stop the thread.
    this.#thread = new Worker(threadFile(), {
      workerData: address,
      execArgv: [],
      name: `queueup ${nameOfAddress(address)}`,
    })
    this.#thread.unref()
    this.#thread.on('message', (told: Told[]) => {
      for (const one of told) this.#hear(one)
    })
    this.#thread.on('error', (error: NodeJS.ErrnoException) =>
      this.#fail(
        error.code?.endsWith('MODULE_NOT_FOUND')
          ? bundled(error)
          : new errors.ConnectionError(`The thread of the connection ended: ${error.message}`, { cause: error }),
      ),
    )
    this.#thread.on('exit', () => this.#fail(new errors.ClosedError('The connection was closed; open it again.')))
  }

  /** @throws ConnectionError no server answers there */
  static async open(address: Address): Promise<BeanstalkdTransport> {
    const transport = new BeanstalkdTransport(address)
    try {
      await transport.#ask({ do: 'open' })
      return transport
    } catch (error) {
      await transport.close()
      throw error
    }
  }

  now(): Ms {
    return systemClock.now()
  }

  async commit({ ops, refused }: Unit): Promise<Result[]> {
    if (refused === 'undo' && ops.length > 1) throw lacks('units that happen whole or not at all')
    const now = this.now()
    const operations = ops.map((op) => operation(op, now))
    if (operations.length === 1) return [await (operations[0] as (typeof operations)[0])(this.#ask)]
    const done: PromiseSettledResult<Result>[] = []
    if (refused !== 'skip') done.push(...(await Promise.allSettled(operations.map((run) => run(this.#ask)))))
    else
      for (const run of operations) {
        const before = done.at(-1)
        if (before && (before.status === 'rejected' || !before.value.ok))
          done.push({ status: 'fulfilled', value: { ok: false, why: 'skipped' } })
        else done.push(...(await Promise.allSettled([run(this.#ask)])))
      }
    return resultsOf(done)
  }

  async reserve(
    want: { queues: Queue[]; max: number; bytes?: number; wait?: Ms },
    signal: AbortSignal,
  ): Promise<Delivery[]> {
    const { max, bytes = Number.MAX_SAFE_INTEGER, wait } = want
    const tubes = want.queues.map(tubeOf)
    if (signal.aborted || max < 1) return []
    const taking = this.#ask({ do: 'reserve', tubes, max, bytes, ...(wait !== undefined && { wait }) })
    const call = this.#no
    const stop = () => void this.#ask({ do: 'stop', call }).catch(() => undefined)
    signal.addEventListener('abort', stop, { once: true })
    let taken: Taken[]
    try {
      taken = await taking
    } finally {
      signal.removeEventListener('abort', stop)
    }
    const now = this.now()
    if (!signal.aborted) return taken.map((one) => deliveryOf(one, now))
    // They were on their way. Where this fails, their connection is gone, and they are ready all the same.
    await Promise.allSettled(taken.map(({ id, n }) => this.#ask({ do: 'release', id, n, delay: 0 })))
    return []
  }

  lost(on: Lost): () => void {
    this.#listeners.add(on)
    return () => this.#listeners.delete(on)
  }

  /** Of one job, or the next of a queue in a state: the protocol has no lists. */
  async look({ id, ids, where, order, limit, after }: Look): Promise<{ jobs: JobView[] }> {
    if (id !== undefined && !where) {
      const job = await this.#ask({ do: 'job', id })
      return { jobs: job ? [viewOf(job, this.now())] : [] }
    }
    const [state, ...others] = where?.states ?? []
    if (!where || ids || others.length > 0 || limit !== 1 || after !== undefined) throw lacks('lists of jobs')
    const { upTo, name, key, match } = where
    if ([id, upTo, name, key, match].some((one) => one !== undefined)) throw lacks('choice among the jobs of a tube')
    if (state !== 'ready' && state !== 'delayed' && state !== 'buried') throw lacks(`way to look for ${state} jobs`)
    if (order !== undefined && order !== ORDER[state]) throw lacks(`order '${order}' of ${state} jobs`)
    const next = await this.#ask({ do: 'next', tube: tubeOf(where.queue), state })
    return { jobs: next ? [viewOf(next, this.now())] : [] }
  }

  async stats(queues?: Queue[]): Promise<Counted[]> {
    const tubes = await this.#ask({ do: 'tubes', ...(queues && { tubes: queues.map(tubeOf) }) })
    return tubes.map((one) => statsOf(one, this.now()))
  }

  async pause(queue: Queue, until: Ms): Promise<void> {
    const seconds = Math.min(LARGEST, Math.max(0, Math.ceil((until - this.now()) / 1000)))
    await this.#ask({ do: 'pause', tube: tubeOf(queue), seconds })
  }

  async why(id: JobId): Promise<string | undefined> {
    const job = await this.#ask({ do: 'job', id })
    if (!job) return undefined
    const [tube] = await this.#ask({ do: 'tubes', tubes: [job.stats.get('tube') ?? ''] })
    return whyOf(job.stats, tube, this.now())
  }

  /** What was asked before is answered; what its connections hold is ready again. */
  close(): Promise<void> {
    return (this.#closed ??= (async () => {
      const closing = this.#ask({ do: 'close' })
      this.#failure ??= new errors.ClosedError('The connection was closed; open it again.')
      await closing.catch(() => undefined)
      await this.#thread.terminate()
    })())
  }

  // ------------------------------------------------------------------ the thread

  readonly #ask: Ask = <C extends Call>(call: C): Promise<Answers[C['do']]> => {
    if (this.#failure) return Promise.reject(this.#failure)
    const no = ++this.#no
    if (this.#asking.push({ no, call }) === 1) queueMicrotask(() => this.#send())
    const answer = new Promise<Answers[C['do']]>((resolve, reject) => this.#pending.set(no, { resolve, reject }))
    if (call.do === 'reserve') return answer
    if (this.#awaited++ === 0) this.#thread.ref()
    return answer.finally(() => {
      if (--this.#awaited === 0) this.#thread.unref()
    })
  }

  #send(): void {
    const asking = this.#asking
    this.#asking = []
    const puts = asking.flatMap(({ call }) => (call.do === 'put' ? [call] : []))
    if (puts.length === 0) return this.#thread.postMessage(asking)
    const { all, memory } = packed(puts)
    let next = 0
    this.#thread.postMessage(
      asking.map((one) => (one.call.do === 'put' ? { no: one.no, call: all[next++] } : one)),
      [memory],
    )
  }

  #hear(told: Told): void {
    if ('lost' in told) {
      const { lost: id, n, why } = told
      for (const listener of this.#listeners) listener({ id, n, why })
      return
    }
    const pending = this.#pending.get(told.no)
    this.#pending.delete(told.no)
    if ('error' in told) pending?.reject(errorOf(told.error))
    else pending?.resolve(told.answer as never)
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { reject } of this.#pending.values()) reject(this.#failure)
    this.#pending.clear()
  }
}

const ORDER = { ready: 'take', delayed: 'due', buried: 'buried' } as const

/**
 * A unit's results, or its one error: where something of it happened, or may have, that isn't for the caller to try again unseen.
 * @throws what the operations threw, if nothing happened
 * @throws UnknownOutcomeError
 */
function resultsOf(done: readonly PromiseSettledResult<Result>[]): Result[] {
  const errorsThrown = done.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []))
  const results = done.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const error = errorsThrown.find((one) => one instanceof errors.UnknownOutcomeError) ?? errorsThrown[0]
  if (!error) return results
  const happened = results.filter((one) => one.ok).length
  if (happened === 0) throw error
  throw new errors.UnknownOutcomeError(
    `Of ${done.length} operations ${happened} are done, and ${errorsThrown.length} failed or may have: ${error.message}`,
    { cause: error },
  )
}

function deliveryOf({ id, n, tube, body, pri, reserves, failures, age }: Taken, now: Ms): Delivery {
  return {
    id,
    n,
    queue: `default/${tube}`,
    body,
    pri,
    reserves,
    failures,
    put: now - age * 1000,
    redelivered: reserves > 1,
  }
}

/** An error of the thread, as the class that it was there. */
function errorOf({ name, message }: { name: string; message: string }): Error {
  const known = (errors as unknown as Record<string, (new (message: string) => Error) | undefined>)[name]
  return known ? new known(message) : new Error(message)
}
