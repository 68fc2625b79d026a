import { ServerError, UnavailableError } from '../../errors.ts'
import type { JobId, Ms } from '../../job.ts'
import type { Taken } from './calls.ts'
import type { Connector } from './connector.ts'
import { Holder } from './holder.ts'

/** So many connections may hold jobs; when all do, whoever waits looks again and again. */
const CONNECTIONS = 32
const LOOK: Ms = 200
/** Connections that hold nothing are kept, so many. */
const SPARE = 2
/** One reserve waits at the longest so long, in seconds: then the server is known to be there still. */
const LONGEST = 30
/** How often it is looked for touches that are due; a time to run is a second at least. */
const TOUCH: Ms = 200

export interface TakeWant {
  tubes: readonly string[]
  max: number
  bytes: number
  wait?: Ms
}

/**
 * The connections that take jobs. What is there at once is taken by one that holds jobs already; one that has to wait takes a connection that holds
 * none.
 */
export class Pool {
  readonly #connector: Connector
  readonly #lost: (id: JobId, n: number, why: string) => void
  readonly #holders = new Set<Holder>()
  #taken = 0
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(connector: Connector, lost: (id: JobId, n: number, why: string) => void) {
    this.#connector = connector
    this.#lost = lost
  }

  /** The connection that holds the job under this number. */
  holder(id: JobId, n: number): Holder | undefined {
    for (const holder of this.#holders) if (holder.has(id, n)) return holder
    return undefined
  }

  /**
   * Waits for jobs. Answers none when its time is over, or the signal fires.
   * @throws ConnectionError, UnavailableError
   */
  async take(want: TakeWant, signal: AbortSignal): Promise<Taken[]> {
    const { tubes, max, bytes, wait } = want
    const end = wait === undefined ? Infinity : performance.now() + wait
    for (let first = true; !signal.aborted; first = false) {
      const present = await this.#use(this.#holding(), signal, (holder) => holder.take(tubes, max, bytes))
      if (present.length > 0) return present
      const rest = end - performance.now()
      if (rest <= 0 && !first) return []
      const free = await this.#free(signal)
      if (free) return this.#wait(free, want, end, signal)
      if (!signal.aborted) await sleep(Math.min(LOOK, rest), signal)
    }
    return []
  }

  /** Connections whose server has been silent for too long are given up. */
  check(tooLong: Ms, error: () => Error): void {
    for (const holder of this.#holders) if (holder.client.silence > tooLong + holder.waits) holder.break(error())
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    const holders = [...this.#holders]
    this.#holders.clear()
    for (const holder of holders) holder.close()
    await Promise.all(holders.map((holder) => holder.client.closed()))
  }

  async #wait(holder: Holder, { tubes, max, bytes }: TakeWant, end: Ms, signal: AbortSignal): Promise<Taken[]> {
    if (signal.aborted) {
      holder.busy = false
      return []
    }
    let over = false
    // The protocol can't call a reserve off. What comes on a connection that is closed is ready again.
    const stop = () => {
      over = true
      this.#drop(holder)
    }
    signal.addEventListener('abort', stop, { once: true })
    let timer: NodeJS.Timeout | undefined
    try {
      return await this.#use(holder, signal, async () => {
        for (;;) {
          const rest = end - performance.now()
          const whole = Math.min(LONGEST, Math.floor(rest / 1000))
          if (whole < 1 && rest > 0) timer = setTimeout(stop, rest)
          const first = await holder.wait(tubes, rest <= 0 ? 0 : Math.max(1, whole))
          if (first) return [first, ...(max > 1 ? await holder.take(tubes, max - 1, bytes - first.body.length) : [])]
          if (rest <= 0 || end - performance.now() < 20) return []
        }
      })
    } catch (error) {
      if (over) return []
      throw error
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    }
  }

  /** Takes jobs with a connection, which holds them from then on. What comes after the signal is given back. */
  async #use(
    holder: Holder | undefined,
    signal: AbortSignal,
    take: (holder: Holder) => Promise<Awaited<ReturnType<Holder['take']>>>,
  ): Promise<Taken[]> {
    if (!holder) return []
    holder.busy = true
    try {
      const jobs = await take(holder)
      if (jobs.length === 0) return []
      const taken = await holder.hold(jobs)
      this.#touchLater()
      if (!signal.aborted) return taken
      await Promise.all(taken.map(({ id }) => holder.release(id, undefined, 0)))
      return []
    } catch (error) {
      holder.break(error as Error)
      throw notNow(error)
    } finally {
      holder.busy = false
      this.#tidy()
    }
  }

  #holding(): Holder | undefined {
    for (const holder of this.#holders) if (!holder.busy && holder.open && holder.holds > 0) return holder
    return undefined
  }

  /** One that holds no job and doesn't wait; undefined: there are as many as may be, or it was called off. */
  async #free(signal: AbortSignal): Promise<Holder | undefined> {
    this.#tidy()
    const free = this.#spare()[0]
    if (free) {
      free.busy = true
      return free
    }
    if (this.#holders.size >= CONNECTIONS) return undefined
    const connecting = this.#connector.connect().then((client) => {
      const holder = new Holder(client, () => ++this.#taken, this.#lost)
      holder.busy = !signal.aborted
      if (this.#closed) holder.close()
      else this.#holders.add(holder)
      return holder
    })
    connecting.catch(() => undefined)
    return Promise.race([connecting, aborted(signal)])
  }

  #spare(): Holder[] {
    return [...this.#holders].filter((holder) => !holder.busy && holder.open && holder.holds === 0)
  }

  #tidy(): void {
    for (const holder of this.#holders) if (!holder.open) this.#holders.delete(holder)
    if (this.#holders.size > SPARE) for (const holder of this.#spare().slice(SPARE)) this.#drop(holder)
  }

  #drop(holder: Holder): void {
    this.#holders.delete(holder)
    holder.close()
  }

  #touchLater(): void {
    if (this.#timer || this.#closed) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      const now = performance.now()
      let holds = 0
      for (const holder of this.#holders) {
        holds += holder.holds
        holder.touchDue(now)
      }
      if (holds > 0) this.#touchLater()
    }, TOUCH)
  }
}

/** A server that is short of memory or disk for a while says so with these, and does nothing: the same may succeed later. */
const NOT_NOW = ['INTERNAL_ERROR', 'OUT_OF_MEMORY']

function notNow(error: unknown): unknown {
  if (!(error instanceof ServerError) || !NOT_NOW.includes(error.reply)) return error
  return new UnavailableError(`${error.message} Its log says what it lacks; then try again.`, { cause: error })
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}

function sleep(ms: Ms, signal: AbortSignal): Promise<void> {
  return new Promise<void>((resolve) => {
    const over = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', over)
      resolve()
    }
    const timer = setTimeout(over, ms)
    signal.addEventListener('abort', over)
  })
}
