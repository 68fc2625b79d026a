/** Random sequences of calls against the model and against brokers on each store: one broker, two on one file, and a store that fails. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import fc from 'fast-check'
import type { Broker, Session } from '../../src/broker/broker.ts'
import { createBroker } from '../../src/broker/store-broker.ts'
import { UnavailableError, UnknownOutcomeError } from '../../src/errors.ts'
import type { Queue, State } from '../../src/job.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import type { Op, Result, Store } from '../../src/stores/store.ts'
import { ManualClock } from '../../src/testing/clock.ts'
import { faultStore, type Fault } from './fault-store.ts'
import { Model } from './model.ts'
import { check } from './seeds.ts'

const queues: Queue[] = ['default/a', 'default/b']
const SESSIONS = 4

type Step =
  | { do: 'put'; queue: number; pri: number; delay: number; lease: number; group?: string }
  | { do: 'reserve'; session: number; queues: number[] }
  | { do: 'delete' | 'bury' | 'touch' | 'kick-job'; session: number; job: number }
  | { do: 'release'; session: number; job: number; pri: number; delay: number }
  | { do: 'kick'; queue: number; bound: number }
  | { do: 'end'; session: number }
  | { do: 'move'; ms: number }
  | { do: 'restart' }

const session = fc.nat(SESSIONS - 1)
const job = fc.nat(6)
const pri = fc.constantFrom(0, 1, 1024)
const delay = fc.constantFrom(0, 0, 500, 3000)
/** The groups of this queue take turns where anything does. */
const FAIR: Queue = 'default/a'
const stepOf = (parts: { group?: fc.Arbitrary<string> } = {}): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('put' as const),
        queue: fc.nat(1),
        pri,
        delay,
        lease: fc.constantFrom(1000, 60_000),
        ...parts,
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('reserve' as const),
        session,
        queues: fc.uniqueArray(fc.nat(1), { minLength: 1 }),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constantFrom('delete' as const, 'bury' as const, 'touch' as const, 'kick-job' as const),
        session,
        job,
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), session, job, pri, delay }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('kick' as const), queue: fc.nat(1), bound: fc.constantFrom(1, 2, 100) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const), session }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('move' as const), ms: fc.constantFrom(1, 499, 500, 1000, 2500) }),
    },
    { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  )
const KINDS = {
  '': { step: stepOf(), fair: false },
  ', with fair groups': { step: stepOf({ group: fc.constantFrom('', 'g', 'h') }), fair: true },
}

/** What is under test: one or more brokers, over stores that see the same jobs. */
interface World {
  clock: ManualClock
  open(): Promise<Store[]>
  remove(): Promise<void>
  durable: boolean
}

class Run {
  readonly #world: World
  readonly #faults: () => Fault
  readonly #fair: boolean
  readonly #model: Model
  #brokers: Broker[] = []
  #sessions: Session[] = []
  #seen = new Map<number, number>()
  #lastId = 0

  constructor(world: World, fair: boolean, faults: () => Fault = () => 'none') {
    this.#world = world
    this.#faults = faults
    this.#fair = fair
    this.#model = new Model(world.clock.now(), fair ? [FAIR] : [])
  }

  async play(steps: readonly Step[]): Promise<void> {
    await this.#start()
    if (this.#fair) await this.#beFair()
    try {
      for (const step of steps) {
        await this.#step(step)
        await this.#compare(step)
      }
    } finally {
      await this.#stop()
      await this.#world.remove()
    }
  }

  async #start(): Promise<void> {
    const stores = await this.#world.open()
    this.#brokers = stores.map((store) =>
      createBroker({ store: faultStore(store, this.#faults), clock: this.#world.clock, slowPoll: false }),
    )
    this.#sessions = Array.from({ length: SESSIONS }, (_, i) => this.#newSession(i))
  }

  async #beFair(): Promise<void> {
    for (;;)
      try {
        const op: Op = { do: 'record', key: `queue/${FAIR}`, value: { groups: 'fair' } }
        await this.#session(0).commit({ ops: [op] })
        return
      } catch (error) {
        if (!(error instanceof UnavailableError || error instanceof UnknownOutcomeError)) throw error
        if (error instanceof UnknownOutcomeError) await this.#restart()
      }
  }

  /** Which ranks are new numbers is the store's to choose. */
  async #learnRanks(): Promise<void> {
    if (!this.#fair) return
    const states: State[] = ['ready', 'delayed', 'reserved', 'buried']
    const { jobs } = await this.#session(0).look({ where: { queue: FAIR, states }, order: 'id', limit: 1000 })
    this.#model.ranked(new Map(jobs.map(({ id, rank }) => [id, rank])))
  }

  #newSession(i: number): Session {
    const broker = this.#brokers[i % this.#brokers.length] as Broker
    return broker.session({ protocol: 'test', tenant: 'default', principal: 'test' })
  }

  async #stop(): Promise<void> {
    await Promise.allSettled(this.#brokers.map((broker) => broker.close()))
  }

  async #step(step: Step): Promise<void> {
    const model = this.#model
    switch (step.do) {
      case 'move':
        this.#world.clock.move(step.ms)
        await this.#learnRanks()
        model.move(step.ms)
        return
      case 'restart':
        if (!this.#world.durable) return
        await this.#restart()
        return
      case 'end': {
        const { id } = this.#session(step.session)
        await this.#session(step.session).close('released')
        this.#sessions[step.session] = this.#newSession(step.session)
        await this.#learnRanks()
        model.end(id)
        return
      }
      default:
        await this.#commit(step)
    }
  }

  async #restart(): Promise<void> {
    await this.#stop()
    const ended = this.#sessions
    await this.#start()
    await this.#learnRanks()
    for (const { id } of ended) this.#model.end(id)
  }

  /** Commits the step's operation, and holds the answer against the model's; after an unknown outcome either may be. */
  async #commit(step: Exclude<Step, { do: 'move' | 'restart' | 'end' }>): Promise<void> {
    const session = this.#session('session' in step ? step.session : 0)
    const op = this.#operation(step, session)
    let result: Result | undefined
    try {
      ;[result] = await session.commit({ ops: [op] })
    } catch (error) {
      if (error instanceof UnavailableError) return
      if (!(error instanceof UnknownOutcomeError)) throw error
      await this.#unknown(step, session)
      return
    }
    assert.ok(result)
    await this.#learnRanks()
    assert.deepEqual(this.#said(result), this.#expected(step, session, result, this.#model), JSON.stringify(step))
    this.#learn(result)
  }

  /** It was applied, as the fault says, which its caller couldn't know: he must begin anew, and finds it so. */
  async #unknown(step: Exclude<Step, { do: 'move' | 'restart' | 'end' }>, session: Session): Promise<void> {
    await this.#learnRanks()
    if (step.do === 'put') {
      // Where another process has written meanwhile, ids go on behind that one's block.
      const queue = queues[step.queue] as Queue
      const states: State[] = ['ready', 'delayed']
      const { jobs } = await session.look({ where: { queue, states }, order: 'id', limit: 1000 })
      const id = jobs.map((job) => job.id).find((one) => one > this.#lastId)
      assert.ok(id !== undefined, 'what was put is there')
      this.#lastId = id
      this.#model.put(id, queue, step.pri, step.delay, step.lease, step.group)
    } else this.#expected(step, session, undefined, this.#model)
    await this.#restart()
  }

  #session(i: number): Session {
    return this.#sessions[i] as Session
  }

  #id(back: number): number {
    return Math.max(1, this.#lastId - back)
  }

  #operation(step: Exclude<Step, { do: 'move' | 'restart' | 'end' }>, { id: held }: Session): Op {
    const now = this.#world.clock.now()
    switch (step.do) {
      case 'put': {
        const { queue, pri, delay, lease } = step
        const at = delay > 0 ? { at: now + delay } : {}
        const group = queues[queue] === FAIR && step.group ? { group: step.group } : {}
        return {
          do: 'put',
          to: [{ queue: queues[queue] as Queue, pri, create: true, ...at }],
          msg: { body: Buffer.from('x'), lease, ...group },
        }
      }
      case 'reserve':
        return {
          do: 'reserve',
          from: step.queues.map((i) => queues[i] as Queue),
          max: 1,
          bytes: 1e9,
          lease: { ms: 'own', session: held },
        }
      case 'delete':
        return { do: 'finish', job: { id: this.#id(step.job), held, free: true } }
      case 'bury':
        return { do: 'bury', job: { id: this.#id(step.job), held }, why: 'asked' }
      case 'touch':
        return { do: 'touch', job: { id: this.#id(step.job), held }, ms: 'own' }
      case 'kick-job':
        return { do: 'release', job: { id: this.#id(step.job) }, as: 'kicked' }
      case 'release':
        return {
          do: 'release',
          job: { id: this.#id(step.job), held },
          as: 'asked',
          pri: step.pri,
          at: step.delay > 0 ? now + step.delay : 0,
        }
      case 'kick':
        return {
          do: 'bulk',
          where: { queue: queues[step.queue] as Queue, states: ['buried', 'delayed'] },
          act: 'kick',
          limit: step.bound,
        }
    }
  }

  /** What the model answers, applying it. `result`: where only the store can know, an id. */
  #expected(
    step: Exclude<Step, { do: 'move' | 'restart' | 'end' }>,
    { id: held }: Session,
    result: Result | undefined,
    model: Model,
  ): unknown {
    const name = (i: number) => queues[i] as string
    switch (step.do) {
      case 'put': {
        const id = result?.ok && result.do === 'put' && result.per[0]?.ok ? result.per[0].id : 0
        assert.ok(id > this.#lastId, 'ids grow')
        model.put(id, name(step.queue), step.pri, step.delay, step.lease, step.group)
        return `put ${id}`
      }
      case 'reserve': {
        const next = model.next(step.queues.map(name))
        if (!next) return 'empty'
        model.reserve(next, held)
        return `took ${next.id}`
      }
      case 'delete':
        return model.delete(held, this.#id(step.job))
      case 'bury':
        return model.bury(held, this.#id(step.job))
      case 'touch':
        return model.touch(held, this.#id(step.job))
      case 'kick-job':
        return model.kickJob(this.#id(step.job))
      case 'release':
        return model.release(held, this.#id(step.job), step.pri, step.delay)
      case 'kick':
        return model.kick(name(step.queue), step.bound)
    }
  }

  #said(result: Result): unknown {
    if (!result.ok) return result.why === 'empty' ? 'empty' : false
    if (result.do === 'put') return `put ${result.per[0]?.ok ? result.per[0].id : '?'}`
    if (result.do === 'reserve') return `took ${result.jobs[0]?.id}`
    if (result.do === 'bulk') return result.count
    return true
  }

  #learn(result: Result): void {
    if (!result.ok) return
    if (result.do === 'put' && result.per[0]?.ok) this.#lastId = result.per[0].id
    if (result.do !== 'reserve') return
    for (const { id, n } of result.jobs) {
      assert.ok(n > (this.#seen.get(id) ?? 0), `the fence of job ${id} grows`)
      this.#seen.set(id, n)
    }
  }

  /** Every job is in exactly the state that the model has it in, with its counters; and the statistics agree with what is there. */
  async #compare(step: Step): Promise<void> {
    const message = `after ${JSON.stringify(step)}`
    const session = this.#session(0)
    for (let id = Math.max(1, this.#lastId - 12); id <= this.#lastId; id++) {
      const job = this.#model.job(id)
      const view = (await session.look({ id, limit: 1 })).jobs[0]
      const seen = view && {
        state: view.state,
        queue: view.queue,
        pri: view.pri,
        reserves: view.reserves,
        failures: view.failures,
        ...view.counts,
      }
      const { state, queue, pri, reserves, failures, releases, timeouts, buries, kicks } = job ?? {}
      assert.deepEqual(
        seen,
        job && { state, queue, pri, reserves, failures, releases, timeouts, buries, kicks },
        `job ${id} ${message}`,
      )
      if (job?.fair !== undefined) assert.equal(view?.rank, job.rank, `the turn of job ${id} ${message}`)
    }
    for (const stats of await session.stats(queues)) {
      const count = (state: string) =>
        this.#model.jobs.filter((job) => job.queue === stats.queue && job.state === state).length
      const { ready, delayed, reserved, buried } = stats
      const expected = {
        ready: count('ready'),
        delayed: count('delayed'),
        reserved: count('reserved'),
        buried: count('buried'),
      }
      assert.deepEqual({ ready, delayed, reserved, buried }, expected, `counts ${message}`)
    }
  }
}

const folder = await mkdtemp(join(tmpdir(), 'queueup-model-'))
after(() => rm(folder, { recursive: true }))
let files = 0

function memory(): World {
  const clock = new ManualClock()
  return {
    clock,
    open: () => Promise.resolve([openMemory({ clock })]),
    remove: () => Promise.resolve(),
    durable: false,
  }
}

function file(brokers: number): World {
  const clock = new ManualClock()
  const path = join(folder, `${++files}.db`)
  const open = () => openSqlite({ path, clock, durability: 'relaxed' })
  return {
    clock,
    open: async () => {
      const stores: Store[] = []
      for (let i = 0; i < brokers; i++) stores.push(await open())
      return stores
    },
    remove: () => rm(path, { force: true }),
    durable: true,
  }
}

const worlds: Record<string, () => World> = {
  'one broker in memory': memory,
  'one broker on a file': () => file(1),
  'two brokers on one file': () => file(2),
}

const FAULTS = { delay: 'late', before: 'that it did nothing', after: 'nothing of what it did' } as const

describe('the life of a job is that of the model', () => {
  for (const [kind, { step, fair }] of Object.entries(KINDS)) {
    for (const [name, world] of Object.entries(worlds))
      test(`${name}${kind}`, { timeout: 600_000 }, () =>
        check(
          `broker: ${name}${kind}`,
          fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), (steps) =>
            new Run(world(), fair).play(steps),
          ),
          50,
        ),
      )

    for (const [name, world] of Object.entries(worlds)) {
      // What was lost with the process is looked for after a restart, which memory doesn't outlive.
      const faults = Object.keys(FAULTS).filter(
        (fault) => fault !== 'after' || world !== memory,
      ) as (keyof typeof FAULTS)[]
      test(
        `${name}${kind}, whose store answers ${faults.map((fault) => FAULTS[fault]).join(', or ')}`,
        { timeout: 600_000 },
        () =>
          check(
            `broker, faults: ${name}${kind}`,
            fc.asyncProperty(
              fc.array(step, { minLength: 1, maxLength: 50, size: 'max' }),
              fc.array(fc.constantFrom<Fault>('none', 'none', 'none', ...faults), {
                minLength: 1,
                maxLength: 40,
                size: 'max',
              }),
              (steps, told) => {
                let i = 0
                return new Run(world(), fair, () => told[i++] ?? 'none').play(steps)
              },
            ),
            50,
          ),
      )
    }
  }
})
