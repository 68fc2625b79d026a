/** The queues of one tenant as SQS sees them: a policy that all protocols share, and a record of what only SQS knows. */
import type { Broker, Session } from '../../broker/broker.ts'
import { FIFO } from '../../broker/policies.ts'
import { changeRecords } from '../../broker/records.ts'
import type { Ms, Queue, QueuePolicy } from '../../job.ts'
import type { QueueStats } from '../../stores/store.ts'
import { noQueue } from './sqs-error.ts'

/** What only SQS knows of a queue: the record `sqs/queue/<tenant>/<name>`. */
export interface SqsRecord {
  /** As they are given back; those that the policy has are there. */
  attributes: Record<string, string>
  tags: Record<string, string>
  created: Ms
  modified: Ms
  /** A number that each purge makes larger: what was deduplicated before is forgotten. */
  purges?: number
}

export interface SqsQueue {
  readonly name: string
  readonly queue: Queue
  readonly fifo: boolean
  /** It has a record, and is there without jobs, too. */
  readonly explicit: boolean
  readonly policy: Readonly<QueuePolicy>
  /** undefined: another protocol made it. */
  readonly own: SqsRecord | undefined
}

/** What stands for the account in queue URLs of ElasticMQ and GoAWS, which programs have in their settings. */
const NO_ACCOUNT = 'queue'

const NAME = /^[A-Za-z0-9_-]{1,80}$/

/** A name that SQS can say: up to 80 letters, digits, hyphens and underscores; `.fifo` may stand at the end. */
export function isQueueName(name: string): boolean {
  const fifo = name.endsWith(FIFO)
  return name.length <= 80 && NAME.test(fifo ? name.slice(0, -FIFO.length) : name)
}

export class Queues {
  readonly #broker: Broker
  readonly #session: Session
  readonly #tenant: string
  readonly #account: string
  /** What ARNs begin with. */
  readonly #arns: string
  readonly #known = new Map<string, SqsQueue>()
  readonly #unwatch: readonly (() => void)[]
  readonly #watchers = new Set<(name: string) => void>()
  /** Most requests are about the queue that the last was about. */
  #lastUrl: string | undefined
  #lastName = ''

  constructor(broker: Broker, session: Session, at: { tenant: string; account: string; region: string }) {
    this.#broker = broker
    this.#session = session
    this.#tenant = at.tenant
    this.#account = at.account
    this.#arns = `arn:${partitionOf(at.region)}:sqs:${at.region}:${at.account}:`
    this.#unwatch = [`queue/${this.#tenant}/`, `sqs/queue/${this.#tenant}/`].map((prefix) =>
      broker.records.watch(prefix, (keys) => {
        for (const key of keys) this.#changed(key.slice(prefix.length))
      }),
    )
  }

  close(): void {
    for (const stop of this.#unwatch) stop()
  }

  /** Calls with the name of a queue that was made, changed or deleted, anywhere. */
  watch(on: (name: string) => void): () => void {
    this.#watchers.add(on)
    return () => this.#watchers.delete(on)
  }

  #changed(name: string): void {
    this.#known.delete(name)
    for (const watcher of [...this.#watchers]) watcher(name)
  }

  now(): Ms {
    return this.#broker.now()
  }

  // ------------------------------------------------------------------ names

  queueOf(name: string): Queue {
    return `${this.#tenant}/${name}`
  }

  /** The name, if the queue is of this tenant and SQS can say it. */
  nameOf(queue: Queue): string | undefined {
    const prefix = `${this.#tenant}/`
    const name = queue.startsWith(prefix) ? queue.slice(prefix.length) : ''
    return isQueueName(name) ? name : undefined
  }

  urlOf(origin: string, name: string): string {
    return `${origin}/${this.#account}/${name}`
  }

  /**
   * The name in a queue's URL, whatever its host: clients come through proxies, and by several names. The service takes the name alone, too,
   * and its documentation asks at URLs that end with a slash.
   * @throws SqsError QueueDoesNotExist
   */
  nameIn(url: string): string {
    if (url === this.#lastUrl) return this.#lastName
    const [account, name] = url.includes('/')
      ? url
          .replace(/^[a-z]+:\/\/[^/]*|\/$/gi, '')
          .split('/')
          .slice(-2)
      : [this.#account, url]
    const ours = account === this.#account || account === NO_ACCOUNT
    if (!ours || name === undefined || !isQueueName(name)) throw noQueue()
    this.#lastUrl = url
    this.#lastName = name
    return name
  }

  arnOf(name: string): string {
    return `${this.#arns}${name}`
  }

  /** The name in an ARN of this server's region and account. */
  nameInArn(arn: string): string | undefined {
    const name = arn.startsWith(this.#arns) ? arn.slice(this.#arns.length) : ''
    return isQueueName(name) ? name : undefined
  }

  // ------------------------------------------------------------------ what there is

  /** A queue with a record, as this process knows it. It costs nothing. */
  known(name: string): SqsQueue | undefined {
    const known = this.#known.get(name)
    if (known) return known
    const queue = this.queueOf(name)
    const policy = this.#broker.records.get(`queue/${queue}`)
    if (!policy) return undefined
    const made = this.#make(name, queue, policy.value as QueuePolicy, this.#own(queue))
    this.#known.set(name, made)
    return made
  }

  /**
   * The queue by its URL. One that has jobs exists, too, if it has no record.
   * @throws SqsError QueueDoesNotExist
   */
  async find(url: string): Promise<SqsQueue> {
    return this.named(this.nameIn(url))
  }

  /** @throws SqsError QueueDoesNotExist */
  async named(name: string): Promise<SqsQueue> {
    const queue = this.known(name) ?? (await this.#look(name))
    if (!queue) throw noQueue()
    return queue
  }

  /** One that this process has not heard of, or that has jobs but no record. */
  async #look(name: string): Promise<SqsQueue | undefined> {
    await this.#broker.records.refresh()
    const known = this.known(name)
    if (known) return known
    const queue = this.queueOf(name)
    const [stats] = await this.#session.stats([queue])
    return stats && exists(stats) ? this.#make(name, queue, undefined, undefined) : undefined
  }

  #own(queue: Queue): SqsRecord | undefined {
    return this.#broker.records.get(`sqs/queue/${queue}`)?.value as SqsRecord | undefined
  }

  #make(name: string, queue: Queue, policy: QueuePolicy | undefined, own: SqsRecord | undefined): SqsQueue {
    return { name, queue, policy: policy ?? {}, own, fifo: name.endsWith(FIFO), explicit: policy !== undefined }
  }

  /** All that SQS can say, by name. */
  async names(): Promise<string[]> {
    await this.#broker.records.refresh()
    const names = new Set<string>()
    for (const { key } of this.#broker.records.list(`queue/${this.#tenant}/`)) {
      const name = this.nameOf(key.slice('queue/'.length) as Queue)
      if (name !== undefined) names.add(name)
    }
    for (const stats of await this.#session.stats()) {
      const name = exists(stats) ? this.nameOf(stats.queue) : undefined
      if (name !== undefined) names.add(name)
    }
    return [...names].sort()
  }

  /** Those whose dead letters go there. */
  sourcesOf(target: Queue): string[] {
    const names: string[] = []
    for (const { key, value } of this.#broker.records.list(`queue/${this.#tenant}/`)) {
      const name = this.nameOf(key.slice('queue/'.length) as Queue)
      if (name !== undefined && (value as QueuePolicy).dead === target) names.push(name)
    }
    return names.sort()
  }

  // ------------------------------------------------------------------ changes

  /**
   * Changes what is known of a queue, whatever others change at the same time.
   * @param change answers the new policy and record; undefined: nothing is to be changed
   * @throws UnavailableError, and what `change` throws
   */
  async change(
    name: string,
    change: (old: {
      policy: QueuePolicy | undefined
      own: SqsRecord | undefined
    }) => { policy: QueuePolicy | undefined; own: SqsRecord | undefined } | undefined,
  ): Promise<void> {
    const { records } = this.#broker
    const queue = this.queueOf(name)
    const keys = [`queue/${queue}`, `sqs/queue/${queue}`] as const
    type Both = [QueuePolicy | undefined, SqsRecord | undefined]
    await changeRecords<Both>(this.#session, records, keys, ([policy, own]) => {
      const changed = change({ policy, own })
      return changed ? [changed.policy, changed.own] : [policy, own]
    })
    await records.refresh()
  }
}

/** The service's regions in China, and those of the government, are apart. */
function partitionOf(region: string): string {
  return region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws'
}

function exists({ explicit, ready, delayed, waiting, reserved, buried }: QueueStats): boolean {
  return explicit || ready + delayed + waiting + reserved + buried > 0
}
