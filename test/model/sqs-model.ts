/**
 * What SQS must answer, in the reference store: each action as operations of the contract, as AWS's documentation and docs/sqs.md have it, not as src/ does.
 * Ids and moments of messages are the service's to choose: ids are read from its answers.
 */
import { hash } from 'node:crypto'
import type { JobId, Ms, Queue, QueuePolicy } from '../../src/job.ts'
import type { Op, QueueStats, Result } from '../../src/stores/store.ts'
import { StoreModel, type ModelJob } from './store-model.ts'

const WINDOW: Ms = 300_000
const LONGEST = 43_200

/** A queue as it is made: its attributes, and what they are to the store. */
export interface Made {
  name: string
  policy: QueuePolicy
  scope?: 'group'
  content?: true
}

export interface Sent {
  body: string
  delay?: number
  group?: string
  dedup?: string
}

export interface Received {
  queue: string
  id: JobId
  n: number
  at: Ms
}

/** What a received message says of itself. */
export interface Told {
  id: JobId
  body: string
  reserves: number
  put: Ms
  first: Ms
  group: string | undefined
  /** 'own': what its MessageId is. */
  dedup: string | undefined
  source: string | undefined
}

export class SqsModel {
  readonly store: StoreModel
  readonly #queues = new Map<string, Made>()
  readonly #purges = new Map<string, number>()
  readonly #dedups = new Map<JobId, string>()
  readonly #attempts = new Map<string, { at: Ms; received: Ms; jobs: { id: JobId; n: number; until: Ms }[] }>()
  #fence = 0

  constructor(now: Ms, queues: readonly Made[]) {
    this.store = new StoreModel(now, false)
    for (const made of queues) {
      this.#queues.set(made.name, made)
      this.#policy(made.name, made.policy)
    }
  }

  #policy(name: string, value: QueuePolicy): void {
    this.#run([{ do: 'record', key: `queue/${queueOf(name)}`, value }])
  }

  #run(ops: Op[], actual: readonly unknown[] = []): { ok: boolean; why?: string }[] {
    const answers = this.store.run({ ops }, actual as readonly Result[]) as { ok: boolean; why?: string }[]
    this.#forward()
    return answers
  }

  /** Dead letters go where their queues send them. */
  #forward(): void {
    for (const job of this.store.jobs.filter(({ dead }) => dead).sort((a, b) => a.burial - b.burial)) {
      const to = this.store.policy(job.queue)?.dead
      if (to === undefined || job.why === undefined) continue
      this.store.run(
        { ops: [{ do: 'forward', job: { id: job.id, n: job.n, buried: true }, to: [{ queue: to }], why: job.why }] },
        [],
      )
    }
  }

  move(now: Ms): void {
    this.store.now = now
    this.store.settle()
    this.#forward()
  }

  made(name: string): Made {
    return this.#queues.get(name) as Made
  }

  counts(name: string): number[] {
    const { ready, waiting, reserved, delayed } = this.store.stats(queueOf(name)) as QueueStats
    return [ready + waiting, reserved, delayed]
  }

  set(name: string, change: QueuePolicy): void {
    this.#policy(name, { ...this.store.policy(queueOf(name)), ...change })
  }

  // ------------------------------------------------------------------ messages

  /** The ids that the messages have, where the service says that these new ones were given out. */
  send(name: string, messages: readonly Sent[], ids: readonly JobId[]): JobId[] {
    const { scope = 'queue', content } = this.made(name)
    const ops = messages.map(({ body, delay, group, dedup }): Op => {
      const id = dedup ?? (content ? hash('sha256', body) : undefined)
      const unique = { key: `${this.#purges.get(name) ?? 0}:${id}`, scope, for: WINDOW, on: 'keep' } as const
      return {
        do: 'put',
        to: [{ queue: queueOf(name), ...(delay !== undefined && { at: this.store.now + delay * 1000 }) }],
        msg: { body: Buffer.from(body), ...(group !== undefined && { group, unique }) },
      }
    })
    const answers = this.#run(
      ops,
      ids.map((id) => ({ ok: true, do: 'put', per: [{ ok: true, id, state: 'ready' }], dead: [] })),
    ) as unknown as { per: { id: JobId }[] }[]
    return answers.map(({ per }, i) => {
      const { id } = per[0] as { id: JobId }
      const { body, dedup = content ? hash('sha256', body) : undefined } = messages[i] as Sent
      if (dedup !== undefined && !this.#dedups.has(id)) this.#dedups.set(id, dedup)
      return id
    })
  }

  /** How long what is received stays away: as the queue has it when it is asked for, however long the receive waits. */
  visibility(name: string, seconds: number | undefined): Ms {
    return seconds === undefined ? (this.store.policy(queueOf(name))?.lease ?? 60_000) : seconds * 1000
  }

  receive(name: string, max: number, ms: Ms, attempt?: string): (Told & Received)[] {
    const key = `${name} ${attempt}`
    const { now } = this.store
    const again = attempt === undefined ? undefined : this.#again(key, ms)
    const { received, jobs } = again ?? { received: now, jobs: this.#take(name, max, ms) }
    if (attempt !== undefined && jobs.length > 0)
      this.#attempts.set(key, { at: now, received, jobs: jobs.map(({ id, n, at }) => ({ id, n, until: at })) })
    return jobs.map((job) => ({ ...this.#told(job), queue: name, id: job.id, n: job.n, at: received }))
  }

  #take(name: string, max: number, ms: Ms): ModelJob[] {
    const fences = Array.from({ length: max }, () => ({ n: ++this.#fence }))
    const run = name.endsWith('.fifo') ? { run: true as const } : {}
    const [answer] = this.#run(
      [{ do: 'reserve', from: [queueOf(name)], max, bytes: 1 << 24, lease: { ms }, ...run }],
      [{ ok: true, do: 'reserve', jobs: fences, dead: [] }],
    ) as unknown as [{ ok: boolean; jobs: { id: JobId }[] }]
    return answer.ok ? answer.jobs.map(({ id }) => this.store.job(id) as ModelJob) : []
  }

  /** What the same attempt got, if nobody has touched it since; its time begins anew. */
  #again(key: string, ms: Ms): { received: Ms; jobs: ModelJob[] } | undefined {
    const attempt = this.#attempts.get(key)
    if (!attempt || this.store.now - attempt.at >= WINDOW) return undefined
    const jobs = attempt.jobs.map(({ id, n, until }) => {
      const job = this.store.job(id)
      return job?.n === n && job.state === 'reserved' && job.at === until ? job : undefined
    })
    if (jobs.includes(undefined)) return undefined
    for (const job of jobs as ModelJob[]) job.at = this.store.now + ms
    return { received: attempt.received, jobs: jobs as ModelJob[] }
  }

  #told({ id, queue, body, reserves, put, first, group, deaths }: ModelJob): Told {
    const died = deaths?.[0]?.queue
    const source = died === queue ? undefined : died?.slice('default/'.length)
    const dedup = this.#dedups.get(id)
    return {
      ...{ id, body: Buffer.from(body).toString(), reserves, put, first: first ?? put, group, source },
      dedup: deaths && dedup !== undefined ? 'own' : dedup,
    }
  }

  // ------------------------------------------------------------------ receipts

  /** The error of each, if it is one. */
  delete(name: string, receipts: readonly Received[]): (string | undefined)[] {
    return this.#each(
      name,
      receipts,
      (job) => ({ do: 'finish', job }),
      (why, fifo) => (fifo && why !== 'gone' ? 'InvalidParameterValue' : undefined),
    )
  }

  /** @param gone the error of a message that isn't there any more: a batch names another */
  change(name: string, receipts: readonly Received[], seconds: number, gone: string): (string | undefined)[] {
    const late = (one: Received) =>
      one.queue === name && seconds > 0 && Math.floor((this.store.now - one.at) / 1000) + seconds > LONGEST
    const answers = this.#each(
      name,
      receipts.filter((one) => !late(one)),
      (job) => (seconds === 0 ? { do: 'release', job, as: 'asked' } : { do: 'touch', job, ms: seconds * 1000 }),
      (why, fifo) => (why === 'gone' ? gone : fifo ? 'InvalidParameterValue' : undefined),
    )
    return receipts.map((one) => (late(one) ? 'InvalidParameterValue' : answers.shift()))
  }

  #each(
    name: string,
    receipts: readonly Received[],
    op: (job: { id: JobId; n: number; late?: true }) => Op,
    refusal: (why: string | undefined, fifo: boolean) => string | undefined,
  ): (string | undefined)[] {
    const fifo = name.endsWith('.fifo')
    const ops = receipts.map(({ queue, id, n }) =>
      // One of another queue is none here.
      queue === name ? op({ id, n, ...(!fifo && { late: true as const }) }) : undefined,
    )
    const answers = this.#run(ops.filter((one) => one !== undefined))
    return ops.map((one) => {
      if (one === undefined) return 'ReceiptHandleIsInvalid'
      const { ok, why } = answers.shift() as { ok: boolean; why?: string }
      return ok ? undefined : refusal(why, fifo)
    })
  }

  // ------------------------------------------------------------------ queues

  purge(name: string): void {
    this.#purges.set(name, (this.#purges.get(name) ?? 0) + 1)
    const states = ['ready', 'waiting', 'delayed', 'buried', 'reserved'] as const
    this.#run([{ do: 'bulk', where: { queue: queueOf(name), states: [...states] }, act: 'delete', limit: 1000 }])
  }

  /** How many were moved, and whether that is all of them. */
  redrive(from: string, to: string | undefined): { moved: number; failed: boolean } {
    const where = {
      queue: queueOf(from),
      states: ['ready', 'waiting', 'delayed'] as ('ready' | 'waiting' | 'delayed')[],
    }
    const [answer] = this.#run([
      { do: 'bulk', where, act: { to: to === undefined ? 'origin' : queueOf(to) }, limit: 500 },
    ]) as unknown as [{ count: number }]
    const [visible = 0, , delayed = 0] = this.counts(from)
    return { moved: answer.count, failed: visible + delayed > 0 }
  }
}

function queueOf(name: string): Queue {
  return `default/${name}`
}
