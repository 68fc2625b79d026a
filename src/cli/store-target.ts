import type { Broker, Session } from '../broker/broker.ts'
import { createBroker } from '../broker/store-broker.ts'
import { changeLimit, changePolicy, pauseQueue, queueNamed } from '../broker/policies.ts'
import { FOR_EVER } from '../duration.ts'
import { InvalidArgumentError, QueueFullError } from '../errors.ts'
import type { JobId, Limit, Ms, Queue, QueuePolicy, State, Where } from '../job.ts'
import type { Follow } from '../jobs/follow.ts'
import { deathOf, type JobInfo } from '../jobs/info.ts'
import { JobQueue } from '../jobs/queue.ts'
import type { Store } from '../stores/store.ts'
import { BrokerTransport } from '../transports/broker.ts'
import type { DeadJobs, DeadQueue, LimitView, Next, PeekedJob, ProcessView, QueueCounts, Target } from './target.ts'

/** Deleted, or counted, in one commit. */
const SLICE = 1000

/** A store, opened beside whatever else has it open. */
export class StoreTarget implements Target {
  readonly #store: Store
  readonly #broker: Broker
  readonly #session: Session
  readonly #jobs: JobQueue<Record<never, never>>

  constructor(store: Store) {
    this.#store = store
    this.#broker = createBroker({ store })
    this.#session = this.#broker.session({ protocol: 'command line', tenant: 'default', principal: 'operator' })
    this.#jobs = new JobQueue({ transport: new BrokerTransport(this.#broker, store, 'file:'), jobs: {} })
  }

  async put(
    queue: string,
    body: Uint8Array,
    { pri, delay, lease }: { pri?: number; delay?: Ms; lease?: Ms },
  ): Promise<JobId> {
    const [result] = await this.#session.commit({
      ops: [
        {
          do: 'put',
          to: [
            {
              queue: queueNamed(queue),
              create: true,
              ...(pri !== undefined && { pri }),
              ...(delay && { at: this.#broker.now() + delay }),
            },
          ],
          msg: { body, ...(lease !== undefined && { lease }) },
        },
      ],
    })
    const put = result?.ok && result.do === 'put' ? result.per[0] : undefined
    if (put?.ok) return put.id
    const why = result && !result.ok ? result.why : 'refused'
    const limits = `"queueup queue show ${queue}" shows its limits.`
    if (why === 'full') throw new QueueFullError(`Queue '${queue}' is full and took no job. ${limits}`)
    const reason = why === 'too big' ? 'the job is larger than it allows' : why
    throw new InvalidArgumentError(`Queue '${queue}' took no job: ${reason}. ${limits}`)
  }

  async stats(): Promise<QueueCounts[]> {
    const now = this.#broker.now()
    return (await this.#session.stats()).map((one) => ({
      queue: shortName(one.queue),
      ready: one.ready + one.waiting,
      delayed: one.delayed,
      reserved: one.reserved,
      buried: one.buried,
      puts: one.puts,
      gone: one.gone,
      ...(one.oldest !== undefined && { oldest: Math.max(0, now - one.oldest) }),
      pausedFor: Math.max(0, (one.pausedUntil ?? now) - now),
    }))
  }

  async peek(which: { id: JobId } | { queue: string; state: Next }): Promise<PeekedJob | undefined> {
    const order = { ready: 'take', delayed: 'due', buried: 'buried' } as const
    const { jobs } = await this.#session.look({
      ...('id' in which
        ? { id: which.id }
        : { where: { queue: queueNamed(which.queue), states: [which.state] }, order: order[which.state] }),
      limit: 1,
      with: ['body'],
    })
    const [job] = jobs
    if (!job) return undefined
    return {
      id: String(job.id),
      queue: shortName(job.queue),
      state: job.state,
      priority: job.pri,
      starts: job.reserves,
      failures: job.failures,
      putAt: new Date(job.put),
      ...(job.at !== undefined && { dueAt: new Date(job.at) }),
      size: job.size,
      ...(job.error && { error: Buffer.from(job.error).toString() }),
      ...(job.deaths && { deaths: job.deaths.map(deathOf) }),
      body: Buffer.from(job.body ?? []),
    }
  }

  async delete(id: JobId): Promise<boolean> {
    const [result] = await this.#session.commit({ ops: [{ do: 'finish', job: { id }, outcome: { as: 'cancelled' } }] })
    return result?.ok === true
  }

  async kick(queue: string, jobs: number): Promise<number> {
    for (const state of ['buried', 'delayed'] as const) {
      const kicked = await this.#bulk(queue, [state], 'kick', jobs)
      if (kicked > 0) return kicked
    }
    return 0
  }

  async kickJob(id: JobId): Promise<boolean> {
    const [result] = await this.#session.commit({ ops: [{ do: 'release', job: { id }, as: 'kicked' }] })
    return result?.ok === true
  }

  clear(queue: string, states: State[]): Promise<number> {
    return this.#bulk(queue, states, 'delete', Infinity)
  }

  async pause(queue: string, ms?: Ms): Promise<boolean> {
    const name = queueNamed(queue)
    if ((await this.#session.stats([name])).length === 0) return false
    const now = this.#broker.now()
    await pauseQueue(this.#session, name, ms === undefined ? FOR_EVER : now + ms, now)
    return true
  }

  async policy(queue: string): Promise<QueuePolicy | undefined> {
    await this.#broker.records.refresh()
    return this.#broker.records.get(`queue/${queueNamed(queue)}`)?.value as QueuePolicy | undefined
  }

  setPolicy(queue: string, change: (policy: QueuePolicy) => QueuePolicy | undefined): Promise<QueuePolicy | undefined> {
    return changePolicy(this.#session, this.#broker.records, queueNamed(queue), change)
  }

  why(id: JobId): Promise<string | undefined> {
    return this.#session.why(id)
  }

  info(id: JobId): Promise<JobInfo | undefined> {
    return this.#jobs.get(String(id))
  }

  cancel(id: JobId): Promise<'cancelled' | 'told' | undefined> {
    return this.#jobs.cancel(String(id))
  }

  retry(id: JobId): Promise<boolean> {
    return this.#jobs.retry(String(id))
  }

  retryAll(which: DeadJobs): Promise<number> {
    return this.#jobs.retryAll(which)
  }

  async deadQueues(): Promise<DeadQueue[]> {
    const sources = await this.#deadLetterQueues()
    return (await this.#session.stats())
      .map(({ queue, ready, delayed, waiting, buried }) => {
        const of = sources.get(queue)
        return {
          queue: shortName(queue),
          jobs: of ? ready + delayed + waiting + buried : buried,
          ...(of && { of: of.map(shortName) }),
        }
      })
      .filter((one) => one.jobs > 0 || one.of)
  }

  async dead(which: DeadJobs, limit: number): Promise<JobInfo[]> {
    const states: State[] = (await this.#isDeadLetterQueue(which.queue)) ? ['ready', 'delayed', 'buried'] : ['buried']
    const { jobs } = await this.#jobs.list({ ...which, states }, { limit })
    return jobs
  }

  async countDead(which: DeadJobs): Promise<number> {
    const where = await this.#deadWhere(which)
    if (where.name === undefined && where.match === undefined)
      return (await this.deadQueues()).find(({ queue }) => queue === which.queue)?.jobs ?? 0
    let count = 0
    let after: string | undefined
    do {
      const page = await this.#session.look({ where, order: 'id', limit: SLICE, ...(after !== undefined && { after }) })
      count += page.jobs.length
      after = page.after
    } while (after !== undefined)
    return count
  }

  async redrive(which: DeadJobs, limit: number): Promise<number> {
    const where = await this.#deadWhere(which)
    const act = (await this.#isDeadLetterQueue(which.queue)) ? ({ to: 'origin' } as const) : 'retry'
    const [result] = await this.#session.commit({ ops: [{ do: 'bulk', where, act, limit: Math.min(SLICE, limit) }] })
    return result?.ok && result.do === 'bulk' ? result.count : 0
  }

  async limits(): Promise<LimitView[]> {
    await this.#broker.records.refresh()
    const views = new Map<string, LimitView>()
    for (const { key, value } of this.#broker.records.list('limit/')) {
      const name = key.slice('limit/'.length)
      views.set(name, { name, limit: value as Limit, running: 0, waiting: 0, keys: 0 })
    }
    for (const { name, running, parked, keys } of (await this.#store.limits?.()) ?? []) {
      const limit = views.get(name)?.limit
      if (limit || running + parked > 0) views.set(name, { name, limit, running, waiting: parked, keys })
    }
    return [...views.values()].sort((a, b) => a.name.localeCompare(b.name))
  }

  setLimit(name: string, change: (limit: Limit) => Limit | undefined): Promise<Limit | undefined> {
    return changeLimit(this.#session, this.#broker.records, name, change)
  }

  follow(): Promise<Follow> {
    return this.#jobs.follow()
  }

  async processes(): Promise<ProcessView[]> {
    const processes = (await this.#store.processes?.()) ?? []
    return processes.map((one) => ({ ...one, waits: one.waits.map(shortName) }))
  }

  close(): Promise<void> {
    return this.#jobs.close()
  }

  async #deadWhere({ queue, name, match }: DeadJobs): Promise<Where> {
    return {
      queue: queueNamed(queue),
      states: (await this.#isDeadLetterQueue(queue)) ? ['ready', 'delayed', 'waiting', 'buried'] : ['buried'],
      ...(name !== undefined && name !== queue && { name }),
      ...(match !== undefined && { match }),
    }
  }

  async #isDeadLetterQueue(queue: string): Promise<boolean> {
    return (await this.#deadLetterQueues()).has(queueNamed(queue))
  }

  /** Where dead letters go, and of which queues. */
  async #deadLetterQueues(): Promise<Map<Queue, Queue[]>> {
    await this.#broker.records.refresh()
    const sources = new Map<Queue, Queue[]>()
    for (const { key, value } of this.#broker.records.list('queue/')) {
      const { dead } = value as QueuePolicy
      if (dead) sources.set(dead, [...(sources.get(dead) ?? []), key.slice('queue/'.length) as Queue])
    }
    return sources
  }

  async #bulk(queue: string, states: State[], act: 'kick' | 'delete', jobs: number): Promise<number> {
    let done = 0
    for (let more = true; more && done < jobs;) {
      const [result] = await this.#session.commit({
        ops: [{ do: 'bulk', where: { queue: queueNamed(queue), states }, act, limit: Math.min(SLICE, jobs - done) }],
      })
      if (!result?.ok || result.do !== 'bulk') break
      done += result.count
      more = result.more
    }
    return done
  }
}

function shortName(queue: Queue): string {
  return queue.startsWith('default/') ? queue.slice('default/'.length) : queue
}
