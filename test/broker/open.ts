import type { Broker, BrokerOptions, Line, Session, Want } from '../../src/broker/broker.ts'
import { createBroker } from '../../src/broker/store-broker.ts'
import type { JobId, Queue, Reserved, Target } from '../../src/job.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import type { Hint, Put, PutOp, QueueStats, Result, Store, Traits, Unit } from '../../src/stores/store.ts'
import { ManualClock } from '../../src/testing/clock.ts'

/** A store that writes down what it is asked, and can refuse, hold back or tell things. */
export class WatchedStore implements Store {
  readonly commits: Unit[][] = []
  readonly waits: Queue[][] = []
  readonly inner: Store
  readonly traits: Traits
  others?: number
  /** The next commits, or waits, are rejected with these. */
  readonly errors: Error[] = []
  /** While it is a promise, answers wait for it. */
  gate: Promise<void> | undefined
  closed = false
  /** What the store inside tells is not heard: as of another process whose word was lost. */
  deaf = false
  readonly #listeners = new Set<(hint: Hint) => void>()

  constructor(inner: Store, traits: Partial<Traits> = {}) {
    this.inner = inner
    this.traits = { ...inner.traits, ...traits }
    inner.hear((hint) => !this.deaf && this.hint(hint))
  }

  commit(units: Unit[]): Promise<Result[]>[] {
    this.commits.push(units)
    const error = this.errors.shift()
    const { gate } = this
    if (error) return units.map(() => Promise.resolve(gate).then(() => Promise.reject(error)))
    const answers = this.inner.commit(units)
    return gate ? answers.map((answer) => gate.then(() => answer)) : answers
  }

  /** Operations committed, each as its name. */
  get ops(): string[] {
    return this.commits.flat().flatMap((unit) => unit.ops.map((op) => op.do))
  }

  forget(): void {
    this.commits.length = 0
  }

  hint(hint: Hint): void {
    for (const listener of this.#listeners) listener(hint)
  }

  now(): number {
    return this.inner.now()
  }
  look(...args: Parameters<Store['look']>): ReturnType<Store['look']> {
    return this.inner.look(...args)
  }
  stats(...args: Parameters<Store['stats']>): Promise<QueueStats[]> {
    return this.inner.stats(...args)
  }
  records(since: number): ReturnType<Store['records']> {
    return this.inner.records(since)
  }
  events(...args: Parameters<Store['events']>): ReturnType<Store['events']> {
    return this.inner.events(...args)
  }
  wait(queues: Queue[]): Promise<void> {
    this.waits.push(queues)
    const error = this.errors.shift()
    if (error) return Promise.reject(error)
    return this.inner.wait(queues)
  }
  hear(on: (hint: Hint) => void): () => void {
    this.#listeners.add(on)
    return () => this.#listeners.delete(on)
  }
  /** The one inside stays open: tests look at what was left in it. */
  close(): Promise<void> {
    this.closed = true
    return Promise.resolve()
  }
}

export interface Desk {
  broker: Broker
  store: WatchedStore
  clock: ManualClock
  session: (peer?: string) => Session
  /** What a line was told, in order. */
  line: (session: Session, want?: Partial<Want>) => Heard
  put: (session: Session, body?: string, target?: Partial<Target>) => Promise<JobId>
  /** Moves the clock and lets everything happen that follows. */
  move: (ms: number) => Promise<void>
}

export interface Heard extends Line {
  jobs: Reserved[]
  bodies: string[]
  ended: string[]
}

/** A broker over the memory store, on a clock that stands still. */
export async function open(options: Partial<BrokerOptions> & { traits?: Partial<Traits> } = {}): Promise<Desk> {
  const clock = new ManualClock()
  const store = new WatchedStore(openMemory({ clock }), options.traits)
  const broker = createBroker({ store, clock, process: 'p1', ...options })
  await settle()
  store.forget()
  return {
    broker,
    store,
    clock,
    session: (peer) =>
      broker.session({
        protocol: 'test',
        tenant: 'default',
        principal: 'someone',
        ...(peer !== undefined && { peer }),
      }),
    line(session, want = {}) {
      const jobs: Reserved[] = []
      const ended: string[] = []
      const line = session.line(
        { queues: ['default/a'], credit: 1, lease: { ms: 60_000, bound: true }, ...want },
        {
          jobs: (more) => jobs.push(...more),
          end: (why, error) => ended.push(error ? `${why}: ${error.name}` : why),
        },
      )
      return {
        jobs,
        ended,
        get bodies() {
          return jobs.map((job) => Buffer.from(job.body).toString())
        },
        credit: (more) => line.credit(more),
        close: () => line.close(),
      }
    },
    async put(session, body = 'x', target = {}) {
      const [result] = await session.commit({ ops: [putOp(body, target)] })
      const put = result?.ok && result.do === 'put' ? result.per[0] : undefined
      if (!put?.ok) throw new Error(`the put was refused: ${JSON.stringify(result)}`)
      return put.id
    },
    async move(ms) {
      clock.move(ms)
      await settle()
    },
  }
}

export function putOp(body = 'x', target: Partial<Target> = {}): PutOp {
  return { do: 'put', to: [{ queue: 'default/a', create: true, ...target }], msg: { body: Buffer.from(body) } }
}

export function idOf(result: Result | undefined): JobId {
  const put: Put | undefined = result?.ok && result.do === 'put' ? result.per[0] : undefined
  if (!put?.ok) throw new Error('no put')
  return put.id
}

/** Until nothing more happens by itself: the broker has no timers of its own, only turns of the event loop. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 24; turn++) await new Promise((resolve) => setImmediate(resolve))
}
