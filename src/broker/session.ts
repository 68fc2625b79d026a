import type { Fence, JobId, Ms } from '../job.ts'
import type { JobView, Look, Op, QueueStats, Result, Unit } from '../stores/store.ts'
import type { Lease, Line, Session, Want } from './broker.ts'
import { Leases } from './leases.ts'
import { WaitingLine, type LineEvents } from './line.ts'
import { ClosedError } from '../errors.ts'
import type { Queue } from '../job.ts'

/** What a session needs of its broker. */
export interface Counter {
  submit(unit: Unit): Promise<Result[]>
  answered(unit: Unit, results: readonly Result[]): void
  enter(line: WaitingLine): void
  readonly lines: ConstructorParameters<typeof WaitingLine>[3]
  look(at: Look): Promise<{ jobs: JobView[]; after?: string }>
  stats(queues?: Queue[]): Promise<QueueStats[]>
  why(job: JobView): Promise<string>
  gone(session: ClientSession): void
}

/** What a protocol holds for one connection or channel. */
export class ClientSession implements Session {
  readonly id: string
  readonly leases = new Leases()
  readonly #tenant: string
  readonly #counter: Counter
  readonly #lines = new Set<WaitingLine>()
  readonly #lost: ((lease: { id: JobId; n: Fence; why: string }) => void)[] = []
  #last: Promise<unknown> | undefined
  #closed: Promise<void> | undefined

  constructor(id: string, tenant: string, counter: Counter) {
    this.id = id
    this.#tenant = `${tenant}/`
    this.#counter = counter
  }

  commit(unit: Unit): Promise<Result[]> {
    if (this.#closed) return Promise.reject(new ClosedError('The session is closed.'))
    return this.#inOrder(unit)
  }

  line(want: Want, on: LineEvents): Line {
    const line = new WaitingLine(want, this.id, on, this.#counter.lines)
    this.#lines.add(line)
    line.onFinish = () => this.#lines.delete(line)
    if (this.#closed) line.end('closed')
    else this.#counter.enter(line)
    return line
  }

  held(id: JobId): Lease | undefined {
    return this.leases.get(id)
  }

  holds(): Iterable<Lease> {
    return this.leases.list()
  }

  soonest(): Ms | undefined {
    return this.leases.soonest()
  }

  async look(at: Look): Promise<{ jobs: JobView[]; after?: string }> {
    if (at.where && !at.where.queue.startsWith(this.#tenant)) return { jobs: [] }
    const page = await this.#counter.look(at)
    return at.id === undefined ? page : { jobs: page.jobs.filter((job) => job.queue.startsWith(this.#tenant)) }
  }

  async stats(queues?: Queue[]): Promise<QueueStats[]> {
    const stats = await this.#counter.stats(queues)
    return stats.filter((one) => one.queue.startsWith(this.#tenant))
  }

  async why(id: JobId): Promise<string | undefined> {
    const { jobs } = await this.look({ id, limit: 1 })
    return jobs[0] && this.#counter.why(jobs[0])
  }

  lost(on: (lease: { id: JobId; n: Fence; why: string }) => void): void {
    this.#lost.push(on)
  }

  close(as: 'released' | 'lost'): Promise<void> {
    return (this.#closed ??= this.#close(as))
  }

  /** A lease ended without its doing; a cancelled job's goes on, but should not. */
  leaseEnded(id: JobId, n: Fence, why: 'timeout' | 'cancelled' | 'forced'): void {
    if (this.leases.get(id)?.n !== n) return
    if (why !== 'cancelled') this.leases.remove(id)
    for (const on of this.#lost) on({ id, n, why })
  }

  endLines(why: 'closed', error?: Error): void {
    for (const line of [...this.#lines]) line.end(why, error)
  }

  async #close(as: 'released' | 'lost'): Promise<void> {
    this.endLines('closed')
    try {
      await this.#inOrder({ ops: [{ do: 'end', session: this.id, as }] })
    } finally {
      this.leases.clear()
      this.#counter.gone(this)
    }
  }

  /** At most one unit is in flight, so that their order is kept. */
  #inOrder(unit: Unit): Promise<Result[]> {
    const answer = this.#last ? this.#last.then(() => this.#submit(unit)) : this.#submit(unit)
    const settled = (): void => {
      if (this.#last === last) this.#last = undefined
    }
    const last: Promise<void> = answer.then(settled, settled)
    this.#last = last
    return answer
  }

  async #submit(unit: Unit): Promise<Result[]> {
    const results = await this.#counter.submit(unit)
    this.mirror(unit.ops, results)
    this.#counter.answered(unit, results)
    return results
  }

  /** Learns from answers which leases this session holds. */
  mirror(ops: readonly Op[], results: readonly Result[]): void {
    const { leases } = this
    for (let i = 0; i < ops.length; i++) {
      const op = ops[i] as Op
      const result = results[i] as Result
      if (op.do === 'put') continue
      if (!result.ok) {
        if ((result.why === 'gone' || result.why === 'stale') && 'job' in op && typeof op.job === 'object') leases.remove(op.job.id)
        continue
      }
      switch (result.do) {
        case 'reserve':
          if (op.do === 'reserve' && !op.gone && op.lease.session === this.id)
            for (const job of result.jobs) leases.add(job.id, job.n, job.until)
          break
        case 'touch':
          if (op.do === 'touch') leases.touch(op.job.id, result.until)
          break
        case 'finish':
        case 'release':
        case 'bury':
        case 'forward':
          if (op.do === result.do) leases.remove(op.job.id)
          break
      }
    }
  }
}
