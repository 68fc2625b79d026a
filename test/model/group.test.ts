/** Random calls of ordered groups that have many jobs, by two processes of one file: whoever is first is the same as in memory. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import type { JobId, Queue, Ref, State } from '../../src/job.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import type { Op, Result, Store, Unit } from '../../src/stores/store.ts'
import { ManualClock } from '../../src/testing/clock.ts'
import { check } from './seeds.ts'

const ordered: Queue = 'default/a'
const queues: Queue[] = [ordered, 'default/b', 'default/fair']
const states: State[] = ['ready', 'delayed', 'waiting', 'reserved', 'buried']
const folder = await mkdtemp(join(tmpdir(), 'queueup-group-'))
after(() => rm(folder, { recursive: true }))
let files = 0

/** What a run knows so far. Each place has numbers of its own: a job is the how-manieth it was. */
interface World {
  now: number
  jobs: JobId[]
  taken: Ref[]
}
type Draft = (w: World) => Op[]
type Step = { move: number } | { unit: Draft[]; refused: NonNullable<Unit['refused']>; process: number }

const body = Buffer.from('x')
const group = fc.constantFrom('g', 'g', 'g', 'h')
const queue = fc.constantFrom(ordered, ...queues)
/** One of the jobs so far, or of those that were taken. */
const pick = fc.nat(1e6)
const anyone = ({ jobs }: World, n: number): JobId => jobs[n % jobs.length] ?? 0
/** The last few. */
const taken = ({ taken }: World, n: number): Ref => taken.at(-1 - (n % Math.min(taken.length || 1, 8))) ?? { id: 0 }

const draft: fc.Arbitrary<Draft> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ group, queue, jobs: fc.constantFrom(1, 3, 30), delay: fc.constantFrom(0, 0, 0, 50) }).map(
      ({ group, queue, jobs, delay }) =>
        (w: World) =>
          Array.from({ length: jobs }, (): Op => ({
            do: 'put',
            to: [{ queue, ...(delay > 0 && { at: w.now + delay }) }],
            msg: { body, group },
          })),
    ),
  },
  {
    weight: 6,
    arbitrary: fc
      .record({
        queue,
        max: fc.constantFrom(1, 1, 3, 30),
        run: fc.boolean(),
        gone: fc.constantFrom(false, false, true),
      })
      .map(({ queue, max, run, gone }) => (): Op[] => [
        {
          ...{ do: 'reserve', from: [queue], max, bytes: 1e9, lease: { ms: 'own' } },
          ...(run && { run: true as const }),
          ...(gone && max === 1 && { gone: true as const }),
        },
      ]),
  },
  { weight: 8, arbitrary: pick.map((n) => (w: World): Op[] => [{ do: 'finish', job: taken(w, n) }]) },
  {
    weight: 4,
    arbitrary: fc
      .record({ n: pick, back: fc.boolean(), later: fc.boolean() })
      .map(({ n, back, later }) => (w: World): Op[] => [
        {
          ...{ do: 'release', job: taken(w, n), as: 'asked', at: later ? w.now + 50 : 0 },
          ...(back && { back: true as const }),
        },
      ]),
  },
  { weight: 3, arbitrary: pick.map((n) => (w: World): Op[] => [{ do: 'bury', job: taken(w, n), why: 'failed' }]) },
  {
    weight: 3,
    arbitrary: pick.map((n) => (w: World): Op[] => [
      { do: 'bury', job: { id: anyone(w, n), force: true }, why: 'asked' },
    ]),
  },
  {
    weight: 3,
    arbitrary: pick.map((n) => (w: World): Op[] => [{ do: 'release', job: { id: anyone(w, n) }, as: 'kicked' }]),
  },
  {
    weight: 3,
    arbitrary: fc.record({ n: pick, queue, copy: fc.boolean() }).map(({ n, queue, copy }) => (w: World): Op[] => [
      {
        ...{ do: 'forward', job: { id: anyone(w, n), force: true }, why: 'asked' },
        to: [{ queue }, ...(copy ? [{ queue: ordered }] : [])],
      },
    ]),
  },
  { weight: 4, arbitrary: pick.map((n) => (w: World): Op[] => [{ do: 'cancel', job: anyone(w, n) }]) },
  {
    weight: 2,
    arbitrary: pick.map((n) => (w: World): Op[] => [
      { do: 'reserve', from: anyone(w, n), max: 1, bytes: 1e9, lease: { ms: 'own' } },
    ]),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ queue, act: fc.constantFrom('delete' as const, 'kick' as const), limit: fc.constantFrom(1, 5) })
      .map(({ queue, act, limit }) => (): Op[] => [
        { do: 'bulk', where: { queue, states: act === 'kick' ? ['buried'] : ['ready'] }, act, limit },
      ]),
  },
)

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(60, 61_000).map((move) => ({ move })) },
  {
    weight: 12,
    arbitrary: fc.record({
      unit: fc.array(draft, { minLength: 1, maxLength: 6 }),
      refused: fc.constantFrom('go on' as const, 'go on' as const, 'undo' as const),
      process: fc.constantFrom(0, 0, 1),
    }),
  },
)

/** A place for jobs, and what its answers told so far: fences are each store's own. */
class Side {
  readonly #processes: readonly Store[]
  readonly #world: World = { now: 0, jobs: [], taken: [] }

  constructor(...processes: Store[]) {
    this.#processes = processes
  }

  async commit({ unit, refused, process }: Extract<Step, { unit: unknown }>, now: number): Promise<unknown> {
    this.#world.now = now
    const ops = unit.flatMap((draft) => draft(this.#world))
    const store = (this.#processes[process] ?? this.#processes[0]) as Store
    const results = (await store.commit([{ ops, refused }])[0]) as Result[]
    return results.map((result) => this.#told(result))
  }

  /** What is due becomes due. */
  async settle(): Promise<void> {
    for (let i = 0; i < 5; i++) await this.#processes[0]?.commit([{ ops: [] }])[0]
  }

  /** Every job with its state and its place. */
  async seen(): Promise<unknown> {
    const all = []
    for (const queue of queues)
      for (const state of states) {
        const { jobs } = (await this.#processes[0]?.look({
          where: { queue, states: [state] },
          order: 'take',
          limit: 5000,
        })) ?? { jobs: [] }
        for (const { id, group } of jobs) all.push({ job: this.#number(id), queue, state, group })
      }
    return all
  }

  async close(): Promise<void> {
    for (const store of this.#processes) await store.close()
  }

  #told(result: Result): unknown {
    if (!result.ok) return result.why
    if (result.do === 'put' || result.do === 'forward')
      return result.per.map((one) => (one.ok ? [this.#number(one.id), one.state] : one.why))
    if (result.do !== 'reserve') return result.do
    this.#world.taken.push(...result.jobs.map(({ id, n }) => ({ id, n })))
    return result.jobs.map(({ id }) => this.#number(id))
  }

  #number(id: JobId): number {
    const at = this.#world.jobs.indexOf(id)
    return at < 0 ? this.#world.jobs.push(id) - 1 : at
  }
}

async function play(steps: readonly Step[]): Promise<void> {
  const clock = new ManualClock()
  const path = join(folder, `${++files}.db`)
  const open = () => openSqlite({ path, clock, durability: 'relaxed' })
  const sides = [new Side(openMemory({ clock })), new Side(await open(), await open())]
  const all = <T>(run: (side: Side) => Promise<T>): Promise<T[]> => Promise.all(sides.map(run))
  const log: string[] = []
  // Said of each: a turn that is brought along from a fair queue is a number that depends on how many a place has given out.
  const begin = queues.map((queue): Op => {
    return { do: 'record', key: `queue/${queue}`, value: { groups: queue === 'default/fair' ? 'fair' : 'ordered' } }
  })
  try {
    await all((side) => side.commit({ unit: [() => begin], refused: 'go on', process: 0 }, clock.now()))
    for (const step of steps) {
      if ('move' in step) clock.move(step.move)
      else {
        const [one, other] = await all((side) => side.commit(step, clock.now()))
        log.push(JSON.stringify(one))
        assert.deepEqual(other, one, log.join('\n'))
      }
      await all((side) => side.settle())
      const [one, other] = await all((side) => side.seen())
      assert.deepEqual(other, one, log.join('\n'))
    }
  } finally {
    await all((side) => side.close())
    await rm(path, { force: true })
  }
}

test(
  'the order of groups is the same in memory and in a file of two processes, whatever is asked',
  { timeout: 600_000 },
  () => check('group', fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30, size: 'max' }), play), 20),
)
