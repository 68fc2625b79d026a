import { InvalidArgumentError, NotSupportedError } from '../errors.ts'
import type { JobId, Limit, Ms, QueuePolicy, State } from '../job.ts'
import { whyOf, type BeanstalkdClient } from '../transports/beanstalkd/index.ts'
import type { Follow } from '../jobs/follow.ts'
import type { JobInfo } from '../jobs/info.ts'
import { decode } from '../jobs/message.ts'
import type { DeadJobs, DeadQueue, LimitView, Next, PeekedJob, ProcessView, QueueCounts, Target } from './target.ts'

/** Numbers of the protocol have 32 bits. */
const LARGEST = 2 ** 32 - 1

/** A running server, as far as beanstalkd's protocol can. */
export class ServerTarget implements Target {
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
    const { id } = await this.#client.put(queue, body, {
      ...(pri !== undefined && { pri }),
      ...(delay !== undefined && { delay: inSeconds(delay, 'A delay') }),
      ...(lease !== undefined && { ttr: inSeconds(lease, 'A time to run') }),
    })
    return id
  }

  async stats(): Promise<QueueCounts[]> {
    const tubes = await this.#client.listTubes()
    const all = await Promise.all(tubes.map((tube) => this.#client.statsTube(tube)))
    return tubes.flatMap((queue, i) => {
      const stats = all[i]
      if (!stats) return []
      return {
        queue,
        ready: count(stats, 'current-jobs-ready'),
        delayed: count(stats, 'current-jobs-delayed'),
        reserved: count(stats, 'current-jobs-reserved'),
        buried: count(stats, 'current-jobs-buried'),
        puts: count(stats, 'total-jobs'),
        pausedFor: seconds(stats, 'pause-time-left'),
      }
    })
  }

  async peek(which: { id: JobId } | { queue: string; state: Next }): Promise<PeekedJob | undefined> {
    const job = await ('id' in which ? this.#client.peek(which.id) : this.#client.peekNext(which.queue, which.state))
    const stats = job && (await this.#client.statsJob(job.id))
    return stats && { ...aboutOf(job, stats), body: job.body }
  }

  delete(id: JobId): Promise<boolean> {
    return this.#client.delete(id)
  }

  kick(queue: string, jobs: number): Promise<number> {
    return this.#client.kick(queue, Math.min(jobs, LARGEST))
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

  pause(queue: string, ms?: Ms): Promise<boolean> {
    return this.#client.pause(queue, ms === undefined ? LARGEST : inSeconds(ms, 'A pause'))
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
    return whyOf(stats, await this.#client.statsTube(String(stats.get('tube'))), Date.now())
  }

  async info(id: JobId): Promise<Partial<JobInfo> | undefined> {
    const [job, stats] = await Promise.all([this.#client.peek(id), this.#client.statsJob(id)])
    if (!job || !stats) return undefined
    const message = decode(job.body)
    return {
      ...aboutOf(job, stats),
      name: typeof message === 'object' ? message.job : '',
      ...(typeof message === 'object' ? { args: message.args } : { body: job.body }),
    }
  }

  async cancel(id: JobId): Promise<'cancelled' | undefined> {
    if (await this.#client.delete(id)) return 'cancelled'
    if (await this.#client.statsJob(id)) throw this.#cannot('cancel a job that is being worked')
    return undefined
  }

  retry(id: JobId): Promise<boolean> {
    return this.#client.kickJob(id)
  }

  async retryAll({ queue, name, match }: DeadJobs): Promise<number> {
    if (name !== undefined || match !== undefined) throw this.#cannot('choose jobs by name or text')
    return this.redrive({ queue }, Infinity)
  }

  async deadQueues(): Promise<DeadQueue[]> {
    return (await this.stats()).filter((one) => one.buried > 0).map(({ queue, buried }) => ({ queue, jobs: buried }))
  }

  dead(): Promise<JobInfo[]> {
    return Promise.reject(this.#cannot('list the jobs of a queue'))
  }

  async countDead({ queue, name, match }: DeadJobs): Promise<number> {
    if (name !== undefined || match !== undefined) throw this.#cannot('choose jobs by name or text')
    return count(await this.#client.statsTube(queue), 'current-jobs-buried')
  }

  /** `kick` makes delayed jobs ready where none is buried, which isn't meant here. */
  async redrive(which: DeadJobs, limit: number): Promise<number> {
    const buried = await this.countDead(which)
    return buried === 0 ? 0 : this.#client.kick(which.queue, Math.min(buried, limit))
  }

  limits(): Promise<LimitView[]> {
    return Promise.reject(this.#cannot('show limits'))
  }

  setLimit(): Promise<Limit | undefined> {
    return Promise.reject(this.#cannot('change limits'))
  }

  follow(): Promise<Follow> {
    return Promise.reject(this.#cannot('tell of events'))
  }

  processes(): Promise<ProcessView[]> {
    return Promise.reject(this.#cannot('say who works'))
  }

  close(): Promise<void> {
    this.#client.close()
    return Promise.resolve()
  }

  #cannot(what: string): Error {
    return new NotSupportedError(
      `beanstalkd's protocol can't ${what}. If ${this.#url} is a server of Queueup's, name its store instead, such as --store file:queueup.db: the server learns of it at once. A real beanstalkd has no such thing.`,
    )
  }
}

/** @throws InvalidArgumentError it is longer than the protocol can say */
function inSeconds(ms: Ms, what: string): number {
  const seconds = Math.ceil(ms / 1000)
  if (seconds > LARGEST)
    throw new InvalidArgumentError(`${what} has at most ${LARGEST} seconds by beanstalkd's protocol, about 136 years.`)
  return seconds
}

type Stats = Awaited<ReturnType<BeanstalkdClient['statsJob']>>

/** What the server says of a job, in the words of JobInfo. */
function aboutOf({ id, body }: { id: JobId; body: Buffer }, stats: Stats): Omit<PeekedJob, 'body'> {
  const now = Date.now()
  const state = String(stats?.get('state')) as JobInfo['state']
  return {
    id: String(id),
    queue: String(stats?.get('tube')),
    state,
    priority: count(stats, 'pri'),
    starts: count(stats, 'reserves'),
    putAt: new Date(now - seconds(stats, 'age')),
    ...(state === 'delayed' && { dueAt: new Date(now + seconds(stats, 'time-left')) }),
    size: body.length,
  }
}

function count(stats: Stats, key: string): number {
  return Number(stats?.get(key) ?? 0)
}

function seconds(stats: Stats, key: string): Ms {
  return count(stats, key) * 1000
}
