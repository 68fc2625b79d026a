import { ConnectionError } from '../../errors.ts'
import type { JobId, Ms } from '../../job.ts'
import type { Answers, Taken } from './calls.ts'
import type { BeanstalkdClient, BeanstalkdJob } from './client.ts'
import { unknownOutcome } from './commands.ts'

/** A touch comes when so much of the time to run is over: two more may still come late. */
const TOUCH_AFTER = 1 / 3
/** How many reserves are sent together, at least and at most: as many as were of use the last time, and twice as many. */
const CHUNK = { least: 2, most: 256 }

interface Held {
  n: number
  pri: number
  ttr: Ms
  touchAt: Ms
}

/**
 * A connection that takes jobs and holds them: only it may delete, release, bury and touch them. beanstalkd reads nothing from a connection whose reserve
 * waits, so one that holds jobs never waits.
 */
export class Holder {
  /** It waits, or takes what there is. */
  busy = false
  /** The server may be silent for so long: a reserve waits. */
  waits: Ms = 0
  readonly client: BeanstalkdClient
  readonly #held = new Map<JobId, Held>()
  readonly #lost: (id: JobId, n: number, why: string) => void
  readonly #watched = new Set(['default'])
  readonly #number: () => number
  #chunk = CHUNK.least
  #settling = 0

  /**
   * @param number gives each taking a number
   * @param lost is told of jobs that it doesn't hold any more, by no doing of its own
   */
  constructor(client: BeanstalkdClient, number: () => number, lost: (id: JobId, n: number, why: string) => void) {
    this.client = client
    this.#number = number
    this.#lost = lost
    client.ended((error) => {
      for (const id of [...this.#held.keys()]) this.#lose(id, `the connection was lost: ${error.message}`)
    })
  }

  get open(): boolean {
    return this.client.open
  }

  /** Jobs that it holds, with those whose end has not been answered. */
  get holds(): number {
    return this.#held.size + this.#settling
  }

  has(id: JobId, n: number): boolean {
    return this.#held.get(id)?.n === n
  }

  /**
   * Waits for a job. undefined: none came in time.
   * @param wait in seconds
   */
  async wait(tubes: readonly string[], wait: number): Promise<BeanstalkdJob | undefined> {
    const watched = this.#watch(tubes)
    this.waits = wait * 1000
    try {
      const [job] = await Promise.all([this.client.reserve(wait), watched])
      return job
    } finally {
      this.waits = 0
    }
  }

  /** What is there at once. */
  async take(tubes: readonly string[], max: number, bytes: number): Promise<BeanstalkdJob[]> {
    const watched = this.#watch(tubes)
    const jobs: BeanstalkdJob[] = []
    let left = bytes
    while (jobs.length < max && left > 0) {
      const wanted = Math.min(this.#chunk, max - jobs.length)
      const [replies] = await Promise.all([
        Promise.all(Array.from({ length: wanted }, () => this.client.take(0))),
        watched,
      ])
      const came = replies.filter((reply) => typeof reply !== 'string')
      for (const { body } of came) left -= body.length
      jobs.push(...came)
      if (replies.includes('DEADLINE_SOON')) this.touchDue(Infinity)
      this.#chunk =
        came.length === wanted
          ? Math.min(CHUNK.most, Math.max(this.#chunk, wanted * 2))
          : Math.max(CHUNK.least, came.length * 2)
      if (came.length < wanted) break
    }
    return jobs
  }

  /** What has been reserved is held from now on, and told of with what the server knows of it. */
  async hold(jobs: readonly BeanstalkdJob[]): Promise<Taken[]> {
    const stats = await Promise.all(jobs.map(({ id }) => this.client.statsJob(id)))
    const taken: Taken[] = []
    for (const [i, { id, body }] of jobs.entries()) {
      const known = stats[i]
      // Its time to run was over before we could ask.
      if (known?.get('state') !== 'reserved') continue
      const number = (key: string) => Number(known.get(key) ?? 0)
      const [n, pri, ttr] = [this.#number(), number('pri'), Math.max(1, number('ttr')) * 1000]
      this.#held.set(id, { n, pri, ttr, touchAt: performance.now() + ttr * TOUCH_AFTER })
      const tube = known.get('tube') ?? ''
      const reserves = number('reserves')
      // Each taking ends by a release, a bury, or badly. A kick begins anew, as far as one can tell.
      const lost = Math.max(0, reserves - 1 - number('releases') - number('buries'))
      const failures = Math.floor(lost / (number('kicks') + 1))
      taken.push({ id, n, tube, body, pri, reserves, failures, age: number('age') })
    }
    return taken
  }

  /** Touches what is due by then. */
  touchDue(by: Ms): void {
    const now = performance.now()
    for (const [id, held] of this.#held) {
      if (held.touchAt > by) continue
      held.touchAt = now + held.ttr * TOUCH_AFTER
      // When the connection is lost, its jobs are told to be.
      this.touch(id, held.n).catch(() => undefined)
    }
  }

  async touch(id: JobId, n: number): Promise<Answers['touch']> {
    const ttr = this.#held.get(id)?.ttr
    const touched = await this.client.touch(id)
    if (touched) return ttr
    if (this.has(id, n)) this.#lose(id, 'its time to run was over, or somebody deleted it')
    return undefined
  }

  delete(id: JobId): Promise<boolean> {
    return this.#settle(id, () => this.client.delete(id))
  }

  /** @param pri default: its own; delay in seconds */
  release(id: JobId, pri: number | undefined, delay: number): Promise<boolean> {
    return this.#settle(id, (own) => this.client.release(id, { pri: pri ?? own, delay }))
  }

  bury(id: JobId, pri: number | undefined): Promise<boolean> {
    return this.#settle(id, (own) => this.client.bury(id, pri ?? own))
  }

  /** What it holds is ready again. */
  close(): void {
    this.#held.clear()
    this.client.close()
  }

  /** As if the connection had broken: who works what it holds is told. */
  break(error: Error): void {
    this.client.destroy(error instanceof ConnectionError ? error : new ConnectionError(error.message, { cause: error }))
  }

  async #settle(id: JobId, how: (pri: number) => Promise<boolean>): Promise<boolean> {
    const held = this.#held.get(id)
    this.#held.delete(id)
    this.#settling++
    try {
      const settled = await how(held?.pri ?? 65_536)
      if (!settled && held) this.#lost(id, held.n, 'its time to run was over, or somebody deleted it')
      return settled
    } catch (error) {
      throw unknownOutcome(error)
    } finally {
      this.#settling--
    }
  }

  #lose(id: JobId, why: string): void {
    const held = this.#held.get(id)
    this.#held.delete(id)
    if (held) this.#lost(id, held.n, why)
  }

  async #watch(tubes: readonly string[]): Promise<void> {
    const commands: Promise<number>[] = []
    for (const tube of tubes)
      if (!this.#watched.has(tube)) {
        this.#watched.add(tube)
        commands.push(this.client.watch(tube))
      }
    for (const tube of this.#watched)
      if (!tubes.includes(tube)) {
        this.#watched.delete(tube)
        commands.push(this.client.ignore(tube))
      }
    await Promise.all(commands)
  }
}
