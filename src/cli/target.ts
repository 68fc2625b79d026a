/** What the commands work on: a store, opened beside whatever else has it open, or a running server, through its protocol. */
import { createBroker, type Broker, type Session } from '../broker/broker.ts'
import { changePolicy, pauseQueue, queueNamed } from '../broker/policies.ts'
import { InvalidArgumentError, NotSupportedError } from '../errors.ts'
import type { JobId, Ms, Queue, QueuePolicy, State } from '../job.ts'
import { isServer, openStore } from '../registry.ts'
import type { Store } from '../stores/store.ts'
import { BeanstalkdClient, parseAddress } from '../transports/beanstalkd.ts'

export interface QueueCounts {
  queue: string
  ready: number
  delayed: number
  reserved: number
  buried: number
  puts: number
  pausedFor: Ms
}

export interface PeekedJob {
  id: JobId
  body: Buffer
  about: Record<string, string | number>
}

export type Next = 'ready' | 'delayed' | 'buried'

export interface Target {
  put(queue: string, body: Uint8Array, o: { pri?: number; delay?: Ms; lease?: Ms }): Promise<JobId>
  stats(): Promise<QueueCounts[]>
  peek(which: { id: JobId } | { queue: string; state: Next }): Promise<PeekedJob | undefined>
  /** false: there is no such job, or it is reserved. */
  delete(id: JobId): Promise<boolean>
  kick(queue: string, jobs: number): Promise<number>
  kickJob(id: JobId): Promise<boolean>
  /** Deletes the jobs in these states. Returns how many. */
  clear(queue: string, states: State[]): Promise<number>
  /** 0 resumes. false: there is no such queue. */
  pause(queue: string, ms: Ms): Promise<boolean>
  policy(queue: string): Promise<QueuePolicy | undefined>
  setPolicy(queue: string, change: (policy: QueuePolicy) => QueuePolicy | undefined): Promise<QueuePolicy | undefined>
  /** Why isn't it running? */
  why(id: JobId): Promise<string | undefined>
  close(): Promise<void>
}

/** @param url a store's URL or path, or `beanstalkd://host:port` */
export async function openTarget(url: string): Promise<Target> {
  if (isServer(url)) return new ServerTarget(await BeanstalkdClient.connect(parseAddress(url)), url)
  if (/^memory:/.test(url))
    throw new InvalidArgumentError(
      'memory: is empty and gone when the command ends; name a file, or a running server such as beanstalkd://127.0.0.1:11300.',
    )
  return new StoreTarget(await openStore(url))
}

/** Deleted, or counted, in one commit. */
const SLICE = 1000

class StoreTarget implements Target {
  readonly #store: Store
  readonly #broker: Broker
  readonly #session: Session

  constructor(store: Store) {
    this.#store = store
    this.#broker = createBroker({ store })
    this.#session = this.#broker.session({ protocol: 'command line', tenant: 'default', principal: 'operator' })
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
    throw new InvalidArgumentError(
      `Queue '${queue}' took no job: ${why === 'full' ? 'it is full' : why === 'too big' ? 'the job is larger than it allows' : why}. "queueup queue show ${queue}" shows its limits.`,
    )
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
      id: job.id,
      body: Buffer.from(job.body ?? []),
      about: {
        queue: shortName(job.queue),
        state: job.state,
        priority: job.pri,
        put: new Date(job.put).toISOString(),
        reserves: job.reserves,
        failures: job.failures,
        ...(job.error && { error: Buffer.from(job.error).toString() }),
        ...(job.deaths && {
          deaths: job.deaths.map((one) => `${one.why} in ${shortName(one.queue)} (${one.count})`).join(', '),
        }),
      },
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

  async pause(queue: string, ms: Ms): Promise<boolean> {
    const name = queueNamed(queue)
    if ((await this.#session.stats([name])).length === 0) return false
    const now = this.#broker.now()
    await pauseQueue(this.#session, name, now + ms, now)
    return true
  }

  async policy(queue: string): Promise<QueuePolicy | undefined> {
    return (await this.#record(`queue/${queueNamed(queue)}`))?.value as QueuePolicy | undefined
  }

  setPolicy(queue: string, change: (policy: QueuePolicy) => QueuePolicy | undefined): Promise<QueuePolicy | undefined> {
    return changePolicy(this.#session, (key) => this.#record(key), queueNamed(queue), change)
  }

  why(id: JobId): Promise<string | undefined> {
    return this.#session.why(id)
  }

  close(): Promise<void> {
    return this.#broker.close()
  }

  async #record(key: string): Promise<{ value: unknown; version: number } | undefined> {
    return (await this.#store.records(0)).changed.find((record) => record.key === key)
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

class ServerTarget implements Target {
  readonly #client: BeanstalkdClient
  readonly #url: string

  constructor(client: BeanstalkdClient, url: string) {
    this.#client = client
    this.#url = url
  }

  async put(
    queue: string,
    body: Uint8Array,
    { pri, delay, lease }: { pri?: number; delay?: Ms; lease?: Ms },
  ): Promise<JobId> {
    const seconds = { ...(delay && { delay: Math.ceil(delay / 1000) }), ...(lease && { ttr: Math.ceil(lease / 1000) }) }
    const { id } = await this.#client.put(queue, body, { ...(pri !== undefined && { pri }), ...seconds })
    return id
  }

  async stats(): Promise<QueueCounts[]> {
    const tubes = await this.#client.listTubes()
    const all = await Promise.all(tubes.map((tube) => this.#client.statsTube(tube)))
    return tubes.flatMap((queue, i) => {
      const stats = all[i]
      if (!stats) return []
      const count = (key: string) => Number(stats.get(key) ?? 0)
      return {
        queue,
        ready: count('current-jobs-ready'),
        delayed: count('current-jobs-delayed'),
        reserved: count('current-jobs-reserved'),
        buried: count('current-jobs-buried'),
        puts: count('total-jobs'),
        pausedFor: count('pause-time-left') * 1000,
      }
    })
  }

  async peek(which: { id: JobId } | { queue: string; state: Next }): Promise<PeekedJob | undefined> {
    const job = await ('id' in which ? this.#client.peek(which.id) : this.#client.peekNext(which.queue, which.state))
    if (!job) return undefined
    const stats = await this.#client.statsJob(job.id)
    const about = Object.fromEntries([...(stats ?? [])].filter(([key]) => key !== 'id' && key !== 'file'))
    return { ...job, about }
  }

  delete(id: JobId): Promise<boolean> {
    return this.#client.delete(id)
  }

  kick(queue: string, jobs: number): Promise<number> {
    return this.#client.kick(queue, Math.min(jobs, 2 ** 32 - 1))
  }

  kickJob(id: JobId): Promise<boolean> {
    return this.#client.kickJob(id)
  }

  async clear(queue: string, states: State[]): Promise<number> {
    let cleared = 0
    for (const state of states) {
      if (state !== 'ready' && state !== 'delayed' && state !== 'buried') continue
      for (let job = await this.#client.peekNext(queue, state); job; job = await this.#client.peekNext(queue, state))
        if (await this.#client.delete(job.id)) cleared++
    }
    return cleared
  }

  pause(queue: string, ms: Ms): Promise<boolean> {
    return this.#client.pause(queue, Math.ceil(ms / 1000))
  }

  policy(): Promise<QueuePolicy | undefined> {
    return Promise.reject(this.#cannot("show a queue's settings"))
  }

  setPolicy(): Promise<QueuePolicy | undefined> {
    return Promise.reject(this.#cannot("change a queue's settings"))
  }

  async why(id: JobId): Promise<string | undefined> {
    const stats = await this.#client.statsJob(id)
    if (!stats) return undefined
    const left = stats.get('time-left')
    switch (stats.get('state')) {
      case 'reserved':
        return `Reserved for another ${left} s; taken ${stats.get('reserves')} times so far.`
      case 'delayed':
        return `Delayed for another ${left} s.`
      case 'buried':
        return 'Buried; nobody gets it until it is kicked.'
      default:
        return `Ready in queue '${stats.get('tube')}'.`
    }
  }

  close(): Promise<void> {
    this.#client.close()
    return Promise.resolve()
  }

  #cannot(what: string): Error {
    return new NotSupportedError(
      `beanstalkd's protocol can't ${what}. Name the store of ${this.#url} instead, such as --store file:queueup.db; the server learns of it at once.`,
    )
  }
}

function shortName(queue: Queue): string {
  return queue.startsWith('default/') ? queue.slice('default/'.length) : queue
}
