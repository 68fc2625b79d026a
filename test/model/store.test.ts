/** Random calls against the reference model and each store: in memory, on a file that is closed and opened again, and on a file that two have open. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import fc from 'fast-check'
import type { JobId, Queue, State } from '../../src/job.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import type { Op, Result, Store, Unit } from '../../src/stores/store.ts'
import { ManualClock } from '../../src/testing/clock.ts'
import { fairSteps, gatedSteps, learn, queues, sessions, step, type Step, type World } from './commands.ts'
import { check } from './seeds.ts'
import { StoreModel } from './store-model.ts'

const states: State[] = ['ready', 'delayed', 'waiting', 'reserved', 'buried']

const folder = await mkdtemp(join(tmpdir(), 'queueup-model-'))
after(() => rm(folder, { recursive: true }))
let files = 0

/** A store under test, as one or several have it open. */
interface Place {
  open(clock: ManualClock): Promise<Store[]>
  remove(): Promise<void>
}

class Run {
  readonly #place: Place
  readonly #gated: boolean
  readonly #fair: boolean
  readonly #clock = new ManualClock()
  readonly #world: World = { now: 0, lastId: 0, fences: new Map() }
  #model = new StoreModel(this.#clock.now(), false)
  #stores: Store[] = []
  /** What was done so far, to be shown when it fails. */
  readonly #log: string[] = []

  /**
   * @param gated whether a job is ready or waits is the store's to choose
   * @param fair ranks are compared, too
   */
  constructor(place: Place, { gated, fair }: { gated: boolean; fair: boolean }) {
    this.#place = place
    this.#gated = gated
    this.#fair = fair
  }

  async play(steps: readonly Step[]): Promise<void> {
    this.#stores = await this.#place.open(this.#clock)
    this.#model = new StoreModel(this.#clock.now(), this.#stores.length > 1)
    try {
      for (const step of steps) {
        await this.#step(step)
        await this.#compare()
      }
    } catch (error) {
      throw new Error(
        `After these calls:\n${this.#log.join('\n')}\n${error instanceof Error ? error.message : String(error)}`,
      )
    } finally {
      await Promise.all(this.#stores.map((store) => store.close()))
      await this.#place.remove()
    }
  }

  readonly #answer = (result: unknown): unknown => {
    const known = answer(result)
    return this.#gated ? eitherWay(known) : known
  }

  async #step(step: Step): Promise<void> {
    if ('move' in step) {
      this.#log.push(`move ${step.move}`)
      this.#clock.move(step.move)
      this.#model.now = this.#clock.now()
    } else if ('reopen' in step) {
      if (!this.#stores[0]?.traits.durable) return
      this.#log.push('reopen')
      const count = this.#stores.length
      for (const store of this.#stores) await store.close()
      this.#stores = await this.#place.open(this.#clock)
      if (this.#fair) this.#model.ranked(await this.#ranks())
      const ended = sessions.flatMap((session) => Array.from({ length: count }, (_, i) => `${session}.${i}`))
      this.#model.reopen(ended, await this.#buried())
    } else await this.#unit(step)
    await this.#settle()
  }

  async #unit(step: Extract<Step, { unit: unknown }>): Promise<void> {
    const i = step.store % this.#stores.length
    this.#world.now = this.#clock.now()
    const unit: Unit = { ops: step.unit.map((draft) => ofStore(draft(this.#world), i)), refused: step.refused }
    this.#log.push(`${i}: ${JSON.stringify(plain(unit))}`)
    const actual = (await (this.#stores[i] as Store).commit([unit])[0]) as Result[]
    this.#log.push(`   ${JSON.stringify(plain(actual))}`)
    const until = this.#soonest(unit)
    if (this.#fair) this.#model.ranked(await this.#ranks())
    const expected = this.#model.run(unit, actual)
    assert.deepEqual(actual.map(this.#answer), expected.map(this.#answer))
    for (const [k, result] of actual.entries())
      if (!result.ok && result.why === 'empty' && until) until(result.next, unit.ops[k])
    learn(this.#world, actual)
  }

  /** An empty reserve's `next` must not lie after the moment at which there may be a job. */
  #soonest({ ops }: Unit): ((next: number | undefined, op: Op | undefined) => void) | undefined {
    if (ops.length !== 1) return undefined
    return (next, op) => {
      if (op?.do !== 'reserve' || typeof op.from === 'number') return
      const moments = op.from.flatMap((queue) => {
        const paused = this.#model.pausedUntil(queue)
        return (
          this.#model.jobs
            .filter((job) => job.queue === queue && job.state !== 'buried')
            // Behind another of its group it waits for that one, whose time counts by itself.
            .filter((job) => job.state !== 'ready' || !this.#model.isBehind(job))
            .map((job) => Math.max(job.state === 'ready' ? this.#clock.now() : job.at, paused, this.#model.opens(job)))
            .filter((at) => at > this.#clock.now() && at !== Infinity)
        )
      })
      const soonest = Math.min(...moments)
      if (soonest !== Infinity)
        assert.ok(next !== undefined && next <= soonest, `next is ${next}, and there may be one at ${soonest}`)
      if (next !== undefined) assert.ok(next > this.#clock.now(), 'next lies ahead')
    }
  }

  /** What became due in the store by one pass may make more due. */
  async #settle(): Promise<void> {
    for (let i = 0; i < 3; i++) for (const store of this.#stores) await store.commit([{ ops: [] }])[0]
    if (this.#fair) this.#model.ranked(await this.#ranks())
    this.#model.settle()
  }

  async #buried(): Promise<JobId[]> {
    const ids: JobId[] = []
    for (const queue of queues) {
      const at = { where: { queue, states: ['buried' as const] }, order: 'buried' as const, limit: 1000 }
      ids.push(...(await (this.#stores[0] as Store).look(at)).jobs.map(({ id }) => id))
    }
    return ids
  }

  /** The ranks that the store gave. */
  async #ranks(): Promise<Map<JobId, number>> {
    const ranks = new Map<JobId, number>()
    for (const queue of queues) {
      const { jobs } = await (this.#stores[0] as Store).look({ where: { queue, states }, order: 'id', limit: 1000 })
      for (const { id, rank } of jobs) ranks.set(id, rank)
    }
    return ranks
  }

  async #compare(): Promise<void> {
    const model = this.#model
    if (this.#gated) model.parkedAt(await this.#parked())
    for (const store of this.#stores) {
      const stats = await store.stats()
      for (const queue of model.queues.keys()) {
        const one = stats.find((one) => one.queue === queue)
        if (!one) model.forgotten(queue)
        else {
          const { oldest: _, ...rest } = one
          model.begunAnew(queue, one)
          assert.deepEqual(rest, model.stats(queue))
        }
      }
      assert.deepEqual(
        stats.map((one) => one.queue).filter((queue) => !model.queues.has(queue)),
        [],
        'queues that there are not',
      )
      for (const queue of queues) await this.#compareJobs(store, queue)
      const { changed } = await store.records(0)
      assert.deepEqual(
        new Map(changed.map(({ key, value, session }) => [key, [value, session !== undefined]])),
        new Map([...model.records].map(([key, { value, session }]) => [key, [value, session !== undefined]])),
      )
    }
  }

  /** At which gate jobs wait, by the store's word. */
  async #parked(): Promise<Map<JobId, string>> {
    const gates = new Map<JobId, string>()
    for (const queue of queues) {
      const { jobs } = await (this.#stores[0] as Store).look({ where: { queue, states: ['waiting'] }, limit: 1000 })
      for (const { id, blocked } of jobs) if (blocked?.by === 'gate') gates.set(id, blocked.what)
    }
    return gates
  }

  async #compareJobs(store: Store, queue: Queue): Promise<void> {
    const model = this.#model
    const { jobs } = await store.look({ where: { queue, states }, order: 'id', limit: 1000, with: ['body'] })
    for (const { id, n } of jobs) model.fenced(id, n)
    const expected = model.jobs.filter((job) => job.queue === queue).sort((a, b) => a.id - b.id)
    if (this.#fair)
      assert.deepEqual(
        jobs.map(({ id, rank }) => ({ id, rank })),
        expected.map(({ id, rank }) => ({ id, rank })),
        `ranks in ${queue}`,
      )
    const own = `.${this.#stores.indexOf(store)}`
    assert.deepEqual(
      jobs.map(({ rank: _, delay: __, ...rest }) => plain(rest)),
      // Of another process's lease one sees which process has it.
      expected.map((job, i) => {
        const theirs = job.session !== undefined && !job.session.endsWith(own)
        return plain({ ...model.view(job), ...(theirs && { holder: jobs[i]?.holder }) })
      }),
    )
    for (const [state, order] of [
      ['ready', 'take'],
      ['delayed', 'due'],
      ['buried', 'buried'],
    ] as const) {
      const page = await store.look({ where: { queue, states: [state] }, order, limit: 1000 })
      assert.deepEqual(
        page.jobs.map(({ id }) => id),
        model.list(queue, state).map(({ id }) => id),
        `${state} jobs of ${queue} in their order`,
      )
    }
  }
}

/** Each process's sessions are its own. */
function ofStore(op: Op, i: number): Op {
  const own = (session: string) => `${session}.${i}`
  if (op.do === 'end') return { ...op, session: own(op.session) }
  if (op.do === 'record') return op.session === undefined ? op : { ...op, session: own(op.session) }
  if (op.do === 'reserve')
    return op.lease.session === undefined ? op : { ...op, lease: { ...op.lease, session: own(op.lease.session) } }
  if ('job' in op && typeof op.job === 'object' && op.job.held !== undefined)
    return { ...op, job: { ...op.job, held: own(op.job.held) } } as Op
  return op
}

/** An answer without what is each store's own way (`rank`, the bound `next`, hints of what is ready, where a slice ended), and with sets in one order. */
function answer(result: unknown): unknown {
  const {
    next: _,
    ready: __,
    after: ___,
    more,
    jobs,
    dead,
    records,
    ...rest
  } = plain(result) as Record<string, unknown>
  const byId = (list: unknown) => (list as { id: number }[]).toSorted((a, b) => a.id - b.id)
  return {
    ...rest,
    ...(rest['do'] === 'bulk' && { more }),
    ...(jobs !== undefined && { jobs: (jobs as object[]).map((job) => ({ ...job, rank: undefined })) }),
    // A fence that a move gave is read from the jobs.
    ...(dead !== undefined && { dead: byId(dead).map((one) => ({ ...one, n: undefined })) }),
    ...(records !== undefined && { records: (records as string[]).toSorted() }),
  }
}

/** A job that waits is as good as ready. */
function eitherWay(answer: unknown): unknown {
  return JSON.parse(
    JSON.stringify(answer, (key, one: unknown) => (key === 'state' && one === 'waiting' ? 'ready' : one)),
  )
}

/** As JSON, bodies as text: a Buffer and a Uint8Array of the same bytes are the same, and so are undefined and absent. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, function (this: Record<string, unknown>, key, one: unknown) {
      const original = this[key]
      return original instanceof Uint8Array ? short(Buffer.from(original).toString()) : one
    }),
  )
}

function short(text: string): string {
  return text.length > 20 ? `${text.slice(0, 3)}… (${text.length})` : text
}

function memory(): Place {
  return { open: (clock) => Promise.resolve([openMemory({ clock })]), remove: () => Promise.resolve() }
}

function file(processes: number): Place {
  const path = join(folder, `${++files}.db`)
  return {
    open: async (clock) => {
      const stores: Store[] = []
      for (let i = 0; i < processes; i++) stores.push(await openSqlite({ path, clock, durability: 'relaxed' }))
      return stores
    },
    remove: () => rm(path, { force: true }),
  }
}

const places: Record<string, { place: () => Place; runs: number }> = {
  memory: { place: memory, runs: 200 },
  'a file': { place: () => file(1), runs: 30 },
  'a file that two have open': { place: () => file(2), runs: 15 },
}

for (const [kind, calls, part] of [
  ['', fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }), 1],
  [' with limits', gatedSteps, 1 / 2],
  [' with fair groups', fairSteps, 1 / 2],
] as const)
  describe(`a store${kind} answers as the model does, whatever is asked`, () => {
    for (const [name, { place, runs }] of Object.entries(places))
      test(name, { timeout: 600_000 }, () =>
        check(
          `store${kind}: ${name}`,
          fc.asyncProperty(calls, (steps) =>
            new Run(place(), { gated: calls === gatedSteps, fair: calls === fairSteps }).play(steps),
          ),
          runs * part,
        ),
      )
  })
