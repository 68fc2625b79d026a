import { ClosedError } from '../errors.ts'
import type { Fence, JobId, Ms, Queue } from '../job.ts'
import type { JobView, Look, Op, QueueStats, Result, StoreEvent, Unit } from '../stores/store.ts'
import type { Submission } from './batch.ts'
import type { Follower, Lease, Line, Session, Want } from './broker.ts'
import { FOLLOW, type Following } from './following.ts'
import { Holder, type Leases } from './leases.ts'
import type { Records } from './records.ts'
import { WaitingLine, type LineBroker, type LineEvents, type Owner } from './line.ts'

/** What a session needs of its broker. */
export interface SessionBroker {
  readonly lines: LineBroker
  readonly leases: Leases
  readonly records: Records
  readonly following: Following
  submit(submission: Submission): void
  /** Learns what the answers tell. */
  learn(unit: Unit, results: readonly Result[], session: ClientSession): void
  look(at: Look): Promise<{ jobs: JobView[]; after?: string }>
  stats(queues?: Queue[]): Promise<QueueStats[]>
  why(job: JobView): Promise<string>
  /** Commits, again and again while the store is unavailable. */
  insist(unit: Unit): Promise<void>
  gone(session: ClientSession): void
}

/** Whoever reads it has a queue or a broker. */
const CLOSED = 'It is closed; open it again.'

/** What a protocol holds for one connection or channel. */
export class ClientSession implements Session, Owner {
  readonly id: string
  /** Who it is, for people. */
  readonly name: string
  readonly holder: Holder
  /** Its owner tells those who follow what it does. */
  readonly tells: boolean
  readonly #tenant: `${string}/`
  readonly #broker: SessionBroker
  readonly #lines = new Set<WaitingLine>()
  readonly #lost = new Set<(lease: { id: JobId; n: Fence; why: string }) => void>()
  readonly #ordered: boolean
  /** Ordered: the unit in flight, and those behind it. */
  readonly #calls: Call[] = []
  #inFlight = 0
  #followers = 0
  #idle: (() => void) | undefined
  #closed: Promise<void> | undefined

  constructor(
    id: string,
    name: string,
    tenant: string,
    { ordered, tells }: { ordered: boolean; tells: boolean },
    broker: SessionBroker,
  ) {
    this.id = id
    this.name = name
    this.holder = new Holder(id, ({ id, n }, why) => {
      for (const on of this.#lost) on({ id, n, why })
    })
    this.#tenant = `${tenant}/`
    this.#ordered = ordered
    this.tells = tells
    this.#broker = broker
  }

  commit(unit: Unit): Promise<Result[]> {
    if (this.#closed) return Promise.reject(new ClosedError(CLOSED))
    return new Promise((resolve, reject) => {
      const call = new Call(this, unit, resolve, reject)
      this.#inFlight++
      if (!this.#ordered || this.#calls.push(call) === 1) this.#broker.submit(call)
    })
  }

  line(want: Want, on: LineEvents): Line {
    if (this.#closed) throw new ClosedError(CLOSED)
    const line = new WaitingLine(want, this, on, this.#broker.lines)
    this.#lines.add(line)
    return line
  }

  held(id: JobId): Lease | undefined {
    const lease = this.#broker.leases.get(id)
    return lease?.holder === this.holder ? lease : undefined
  }

  holds(): Iterable<Lease> {
    return [...this.holder.leases].sort((a, b) => (a.until ?? Infinity) - (b.until ?? Infinity))
  }

  soonest(): Ms | undefined {
    return this.holder.leases.first?.until
  }

  async look(at: Look): Promise<{ jobs: JobView[]; after?: string }> {
    if (at.where && !at.where.queue.startsWith(this.#tenant)) return { jobs: [] }
    const page = await this.#broker.look(at)
    return at.where ? page : { jobs: page.jobs.filter((job) => job.queue.startsWith(this.#tenant)) }
  }

  async stats(queues?: Queue[]): Promise<QueueStats[]> {
    const stats = await this.#broker.stats(queues)
    return stats.filter((one) => one.queue.startsWith(this.#tenant))
  }

  async why(id: JobId): Promise<string | undefined> {
    const { jobs } = await this.look({ id, limit: 1 })
    return jobs[0] && this.#broker.why(jobs[0])
  }

  lost(on: (lease: { id: JobId; n: Fence; why: string }) => void): () => void {
    this.#lost.add(on)
    return () => this.#lost.delete(on)
  }

  get followed(): boolean {
    return this.#broker.following.on
  }

  /** The queue of a job of which it isn't known where it was. */
  get nowhere(): Queue {
    return this.#tenant
  }

  tell(event: StoreEvent): void {
    this.#broker.following.tell([event])
  }

  async follow(): Promise<Follower> {
    const { following, records } = this.#broker
    const key = `${FOLLOW}${this.id}.${++this.#followers}`
    const follower = await following.follow(this.#tenant, async () => {
      if (!this.#closed) await this.commit({ ops: [{ do: 'record', key, value: undefined }], unsynced: true })
    })
    const op: Op = { do: 'record', key, value: true, session: this.id }
    try {
      await this.commit({ ops: [op], unsynced: true })
      await records.refresh()
      return follower
    } catch (error) {
      follower.end()
      throw error
    }
  }

  close(as: 'released' | 'lost'): Promise<void> {
    return (this.#closed ??= this.#close(as))
  }

  left(line: WaitingLine): void {
    this.#lines.delete(line)
  }

  endLines(error?: Error): void {
    for (const line of this.#lines) line.end('closed', error)
  }

  /** A unit in flight was answered; in an ordered session the next one sets out. */
  answered(unit: Unit, results?: readonly Result[]): void {
    this.#inFlight--
    if (results) this.#broker.learn(unit, results, this)
    if (this.#ordered) {
      this.#calls.shift()
      const next = this.#calls[0]
      if (next) this.#broker.submit(next)
    }
    if (this.#inFlight === 0) this.#idle?.()
  }

  /** What is on its way to its lines goes back first, as if it had never been taken; what was committed before comes before the end, too. */
  async #close(as: 'released' | 'lost'): Promise<void> {
    const lines = [...this.#lines]
    this.endLines()
    await Promise.all(lines.map((line) => line.close()))
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#idle = resolve))
    this.holder.leaving = true
    await this.#broker.insist({ ops: [{ do: 'end', session: this.id, as }] })
    this.#broker.leases.clear(this.holder)
    this.#broker.gone(this)
  }
}

/** A unit of a session on its way. */
class Call implements Submission {
  readonly unit: Unit
  readonly #session: ClientSession
  readonly #resolve: (results: Result[]) => void
  readonly #reject: (error: Error) => void

  constructor(
    session: ClientSession,
    unit: Unit,
    resolve: (results: Result[]) => void,
    reject: (error: Error) => void,
  ) {
    this.unit = unit
    this.#session = session
    this.#resolve = resolve
    this.#reject = reject
  }

  answered(results: Result[]): void {
    this.#session.answered(this.unit, results)
    this.#resolve(results)
  }

  rejected(error: Error): void {
    this.#session.answered(this.unit)
    this.#reject(error)
  }
}
