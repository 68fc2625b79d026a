/**
 * The life of a job as a small reference model: arrays, loops and a clock that stands still, written from docs/architecture.md and not from the stores' code.
 * It knows priorities, delays, leases with a deadline and a session, counters, burial and kicks, and queues whose groups take turns.
 */
import { takeTurn, type Turning } from './turns.ts'

export type ModelState = 'ready' | 'delayed' | 'reserved' | 'buried'

export interface ModelJob extends Turning {
  state: ModelState
  /** When it is due, or when its lease is over. */
  at: number
  lease: number
  session: string | undefined
  reserves: number
  failures: number
  timeouts: number
  releases: number
  buries: number
  kicks: number
  /** Its place among the buried. */
  burial: number
}

export class Model {
  now: number
  jobs: ModelJob[] = []
  #burials = 0
  readonly #fair: readonly string[]
  #ranks: ReadonlyMap<number, number> = new Map()

  /** @param fair queues whose groups take turns */
  constructor(now: number, fair: readonly string[] = []) {
    this.now = now
    this.#fair = fair
  }

  /** The ranks that jobs have after the next step: a new one is the store's to choose. */
  ranked(ranks: ReadonlyMap<number, number>): void {
    this.#ranks = ranks
  }

  clone(): Model {
    const copy = new Model(this.now, this.#fair)
    copy.jobs = structuredClone(this.jobs)
    copy.#burials = this.#burials
    return copy
  }

  job(id: number): ModelJob | undefined {
    return this.jobs.find((job) => job.id === id)
  }

  move(ms: number): void {
    const end = this.now + ms
    for (;;) {
      const due = this.jobs.filter((job) => (job.state === 'delayed' || job.state === 'reserved') && job.at <= end)
      const next = due.sort((a, b) => a.at - b.at || a.id - b.id)[0]
      if (!next) break
      this.now = next.at
      if (next.state === 'reserved') {
        next.timeouts++
        next.failures++
      }
      this.#place(next, 0)
    }
    this.now = end
  }

  put(id: number, queue: string, pri: number, delay: number, lease: number, group = ''): void {
    const counters = { reserves: 0, failures: 0, timeouts: 0, releases: 0, buries: 0, kicks: 0, burial: 0 }
    const job: ModelJob = {
      id,
      queue,
      pri,
      rank: id,
      fair: this.#fair.includes(queue) ? group : undefined,
      turn: false,
      lease,
      session: undefined,
      state: 'delayed',
      at: 0,
      ...counters,
    }
    this.jobs.push(job)
    this.#place(job, delay, id)
  }

  /** Which job a reserve must give. */
  next(queues: readonly string[]): ModelJob | undefined {
    return queues.flatMap((queue) => this.#head(queue) ?? []).sort((a, b) => a.pri - b.pri || ageOf(a) - ageOf(b))[0]
  }

  #head(queue: string): ModelJob | undefined {
    return this.jobs
      .filter((job) => job.state === 'ready' && job.queue === queue)
      .sort((a, b) => a.pri - b.pri || a.rank - b.rank || a.id - b.id)[0]
  }

  reserve(job: ModelJob, session: string): void {
    job.state = 'reserved'
    job.session = session
    job.reserves++
    job.at = this.now + job.lease
  }

  /** Whether the session may delete, release, bury or touch it. */
  holds(session: string, id: number): ModelJob | undefined {
    const job = this.job(id)
    return job?.state === 'reserved' && job.session === session ? job : undefined
  }

  /** beanstalkd's delete: one's own reserved job, or one that nobody holds. */
  delete(session: string, id: number): boolean {
    const job = this.job(id)
    if (!job || (job.state === 'reserved' && job.session !== session)) return false
    this.jobs = this.jobs.filter((one) => one !== job)
    return true
  }

  release(session: string, id: number, pri: number, delay: number): boolean {
    const job = this.holds(session, id)
    if (!job) return false
    job.releases++
    if (pri !== job.pri) job.turn = false
    job.pri = pri
    this.#place(job, delay)
    return true
  }

  bury(session: string, id: number): boolean {
    const job = this.holds(session, id)
    if (!job) return false
    job.buries++
    Object.assign(job, { state: 'buried', session: undefined, burial: ++this.#burials, turn: false })
    return true
  }

  touch(session: string, id: number): boolean {
    const job = this.holds(session, id)
    if (job) job.at = this.now + job.lease
    return job !== undefined
  }

  kickJob(id: number): boolean {
    const job = this.job(id)
    if (job?.state !== 'buried' && job?.state !== 'delayed') return false
    job.kicks++
    this.#place(job, 0)
    return true
  }

  kick(queue: string, bound: number): number {
    const buried = this.jobs
      .filter((job) => job.queue === queue && job.state === 'buried')
      .sort((a, b) => a.burial - b.burial)
    const delayed = this.jobs
      .filter((job) => job.queue === queue && job.state === 'delayed')
      .sort((a, b) => a.at - b.at || a.id - b.id)
    const kicked = (buried.length > 0 ? buried : delayed).slice(0, bound)
    for (const job of kicked) this.kickJob(job.id)
    return kicked.length
  }

  /** A session is over, and was at nothing wrong. */
  end(session: string): void {
    for (const job of this.jobs) if (job.session === session && job.state === 'reserved') this.#place(job, 0)
  }

  #place(job: ModelJob, delay: number, fresh = this.#ranks.get(job.id) ?? job.rank): void {
    const ready = delay === 0
    Object.assign(job, { state: ready ? 'ready' : 'delayed', session: undefined, at: ready ? 0 : this.now + delay })
    if (!ready) job.turn = false
    else if (job.fair !== undefined)
      takeTurn(
        job,
        this.jobs,
        (one) => one.state === 'ready',
        () => fresh,
      )
  }
}

/** A turn means something in its own queue only. */
function ageOf({ turn, id, rank }: ModelJob): number {
  return turn ? id : rank
}
