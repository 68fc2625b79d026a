/** Both stores that run in our process, under the same random calls: whatever one answers, the other answers, too. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import type { Queue, Ref, State } from '../../src/job.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import type { Op, Result, Store, Unit } from '../../src/stores/store.ts'
import { ManualClock } from '../../src/testing/clock.ts'

const RUNS = 300 * Number(process.env['QUEUEUP_LONG'] ?? 1)

const folder = await mkdtemp(join(tmpdir(), 'queueup-alike-'))
after(() => rm(folder, { recursive: true }))

const queues: Queue[] = ['default/a', 'default/b', 'default/c', 'other/d']
const queue = fc.constantFrom(...queues)
const session = fc.constantFrom('s1', 's2', 's3')
const bytes = fc.constantFrom('x', 'body', 'y'.repeat(700)).map((text) => Buffer.from(text))
const state = fc.constantFrom<State>('ready', 'delayed', 'waiting', 'reserved', 'buried')
/** Relative to the moment of the call. */
const moment = fc.constantFrom(undefined, 0, 1, 50, 5000)
/** Which of the jobs so far, counted from the last. */
const back = fc.nat(8)

type Step = { move: number } | { unit: Draft[]; refused?: Unit['refused'] }
type Draft = (w: World) => Op

interface World {
  now: number
  lastId: number
  fences: Map<number, number>
}

const id = (w: World, n: number) => Math.max(1, w.lastId - n)

const ref: fc.Arbitrary<(w: World) => Ref> = fc.oneof(
  fc.record({ n: back }).map(({ n }) => (w: World) => ({ id: id(w, n), n: w.fences.get(id(w, n)) ?? 1 })),
  fc.record({ n: back, session }).map(({ n, session }) => (w: World) => ({ id: id(w, n), held: session })),
  fc
    .record({ n: back, session })
    .map(({ n, session }) => (w: World) => ({ id: id(w, n), held: session, free: true as const })),
  fc.record({ n: back, which: fc.constantFrom('late', 'buried') }).map(({ n, which }) => (w: World) => ({
    id: id(w, n),
    n: w.fences.get(id(w, n)) ?? 1,
    [which]: true as const,
  })),
  fc
    .record({ n: back, force: fc.boolean() })
    .map(({ n, force }) => (w: World) => ({ id: id(w, n), ...(force && { force: true as const }) })),
)

const target = fc.record(
  {
    queue,
    pri: fc.constantFrom(0, 5, 1024, 65536),
    at: moment,
    ttl: fc.constantFrom(10, 2000),
    rank: fc.constantFrom('put' as const, 'due' as const),
    create: fc.constant(true as const),
  },
  { requiredKeys: ['queue', 'create'] },
)
const message = fc.record(
  {
    body: bytes,
    envelope: bytes,
    name: fc.constantFrom('mail', 'image'),
    group: fc.constantFrom('g', 'h'),
    lease: fc.constantFrom(100, 60_000),
    maxFailures: fc.constantFrom(1, 2),
    maxReserves: fc.constantFrom(1, 3),
    backoff: fc.constant({ first: 10, factor: 2, max: 100 }),
    unique: fc.record({
      key: fc.constantFrom('k', 'l'),
      scope: fc.constantFrom('queue' as const, 'group' as const),
      for: fc.constantFrom<'waiting' | 'unfinished' | number>('waiting', 'unfinished', 500),
      on: fc.constantFrom('keep' as const, 'replace' as const),
    }),
  },
  { requiredKeys: ['body'] },
)

const at = (w: World, moment: number | undefined) => (moment === undefined ? {} : { at: w.now + moment })
function clean<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T
}

const draft: fc.Arbitrary<Draft> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .record({ to: fc.array(target, { minLength: 1, maxLength: 2 }), msg: message })
      .map(({ to, msg }) => (w: World): Op => ({
        do: 'put',
        to: to.map(({ at: when, ...rest }) => ({ ...clean(rest), ...at(w, when) })),
        msg: clean(msg),
      })),
  },
  {
    weight: 8,
    arbitrary: fc
      .record({
        from: fc.uniqueArray(queue, { minLength: 1, maxLength: 3 }),
        max: fc.constantFrom(1, 2, 5),
        bytes: fc.constantFrom(1, 800, 1e9),
        session,
        ms: fc.constantFrom<'own' | number | undefined>('own', 20, 500, undefined),
        run: fc.boolean(),
        gone: fc.boolean(),
        bound: fc.boolean(),
      })
      .map(({ from, max, bytes, session, ms, run, gone, bound }) => (): Op => ({
        do: 'reserve',
        from,
        max,
        bytes,
        lease: { ...(ms !== undefined && { ms }), ...((bound || ms === undefined) && { session }) },
        ...(run && { run: true as const }),
        ...(gone && max === 1 && { gone: true as const }),
      })),
  },
  {
    weight: 2,
    arbitrary: fc.record({ n: back, session }).map(({ n, session }) => (w: World): Op => ({
      do: 'reserve',
      from: id(w, n),
      max: 1,
      bytes: 1e9,
      lease: { ms: 'own', session },
    })),
  },
  { weight: 4, arbitrary: ref.map((ref) => (w: World): Op => ({ do: 'finish', job: ref(w) })) },
  {
    weight: 4,
    arbitrary: fc
      .record({
        ref,
        as: fc.constantFrom(
          'asked' as const,
          'failed' as const,
          'kicked' as const,
          'untaken' as const,
          'lost' as const,
        ),
        pri: fc.constantFrom(undefined, 3),
        when: moment,
        back: fc.boolean(),
      })
      .map(({ ref, as, pri, when, back }) => (w: World): Op => ({
        do: 'release',
        job: ref(w),
        as,
        ...(pri !== undefined && { pri }),
        ...at(w, when),
        ...(back && { back: true as const }),
      })),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({ ref, why: fc.constantFrom('asked' as const, 'rejected' as const, 'failed' as const) })
      .map(({ ref, why }) => (w: World): Op => ({ do: 'bury', job: ref(w), why, error: Buffer.from('broke') })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ ref, ms: fc.constantFrom<'own' | number>('own', 30) })
      .map(({ ref, ms }) => (w: World): Op => ({ do: 'touch', job: ref(w), ms })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({
        ref,
        to: fc.array(target, { maxLength: 2 }),
        why: fc.constantFrom('asked' as const, 'exhausted' as const),
        body: fc.option(bytes, { nil: undefined }),
      })
      .map(({ ref, to, why, body }) => (w: World): Op => ({
        do: 'forward',
        job: ref(w),
        to: to.map(({ at: when, ...rest }) => ({ ...clean(rest), ...at(w, when) })),
        why,
        ...(body && { body }),
      })),
  },
  { weight: 1, arbitrary: back.map((n) => (w: World): Op => ({ do: 'cancel', job: id(w, n) })) },
  {
    weight: 2,
    arbitrary: fc
      .record({
        queue,
        states: fc.uniqueArray(state, { minLength: 1, maxLength: 3 }),
        act: fc.constantFrom<'delete' | 'kick' | 'retry' | { to: Queue | 'origin' }>(
          'delete',
          'kick',
          'retry',
          { to: 'default/c' },
          { to: 'origin' },
        ),
        limit: fc.constantFrom(1, 3, 100),
        name: fc.constantFrom(undefined, 'mail'),
      })
      .map(({ queue, states, act, limit, name }) => (): Op => ({
        do: 'bulk',
        where: {
          queue,
          states:
            act === 'kick' || act === 'retry'
              ? states.filter((one) => one === 'buried' || one === 'delayed')
              : states.filter((one) => one !== 'reserved'),
          ...(name !== undefined && { name }),
        },
        act,
        limit,
      })),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ session, as: fc.constantFrom('released' as const, 'lost' as const) })
      .map(({ session, as }) => (): Op => ({ do: 'end', session, as })),
  },
  { weight: 2, arbitrary: fc.constant((): Op => ({ do: 'due', limit: 100 })) },
  {
    weight: 2,
    arbitrary: fc
      .record({
        queue,
        policy: fc.record(
          {
            maxJobs: fc.constantFrom(2, 5),
            maxBytes: fc.constant(1500),
            overflow: fc.constantFrom('reject' as const, 'drop' as const),
            maxFailures: fc.constant(1),
            maxReserves: fc.constantFrom(1, 2),
            dead: queue,
            delay: fc.constant(20),
            ttl: fc.constant(300),
            retention: fc.constant(400),
            keep: fc.constantFrom({ jobs: 2 }, { ms: 100 }),
            pri: fc.constant(7),
          },
          { requiredKeys: [] },
        ),
      })
      .map(({ queue, policy }) => (): Op => ({ do: 'record', key: `queue/${queue}`, value: clean(policy) })),
  },
  { weight: 1, arbitrary: queue.map((queue) => (): Op => ({ do: 'record', key: `queue/${queue}`, value: undefined })) },
  {
    weight: 1,
    arbitrary: fc.record({ queue, ms: fc.constantFrom(0, 40, 3000) }).map(({ queue, ms }) => (w: World): Op => ({
      do: 'record',
      key: `pause/${queue}`,
      value: ms === 0 ? undefined : w.now + ms,
    })),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({
        key: fc.constantFrom('x/1', 'x/2', 'y'),
        value: fc.constantFrom<unknown>(undefined, 1, { a: 2 }),
        version: fc.constantFrom(undefined, 0, 1),
        needs: fc.constantFrom(undefined, 'y'),
        none: fc.constantFrom(undefined, 'x/'),
        session: fc.option(session, { nil: undefined }),
        when: moment,
      })
      .map(({ key, value, version, needs, none, session, when }) => (w: World): Op => ({
        do: 'record',
        key,
        value,
        ...(version !== undefined && { version }),
        ...(needs !== undefined && { needs }),
        ...(none !== undefined && { none }),
        ...(session !== undefined && { session }),
        ...at(w, when),
      })),
  },
)

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(1, 30, 700, 61_000).map((move) => ({ move })) },
  {
    weight: 5,
    arbitrary: fc.record({
      unit: fc.array(draft, { minLength: 1, maxLength: 4 }),
      refused: fc.constantFrom<Unit['refused']>('go on', 'wait', 'skip', 'undo'),
    }),
  },
)

let runs = 0
async function play(steps: Step[]): Promise<void> {
  const clock = new ManualClock()
  const path = join(folder, `${++runs}.db`)
  const stores: Store[] = [openMemory({ clock }), await openSqlite({ path, clock, durability: 'relaxed' })]
  const w: World = { now: clock.now(), lastId: 0, fences: new Map() }
  try {
    for (const step of steps) {
      if ('move' in step) clock.move(step.move)
      else {
        w.now = clock.now()
        const unit: Unit = { ops: step.unit.map((draft) => draft(w)), refused: step.refused ?? 'go on' }
        const answers = await Promise.all(stores.map((store) => store.commit([unit])[0] as Promise<Result[]>))
        assert.deepEqual(plain(answers[1]), plain(answers[0]), `after ${JSON.stringify(unit)}`)
        learn(w, answers[0] as Result[])
      }
      await alike(stores, w)
    }
  } finally {
    await Promise.all(stores.map((store) => store.close()))
    await rm(path)
  }
}

function learn(w: World, results: Result[]): void {
  for (const result of results) {
    if (!result.ok) continue
    if (result.do === 'put' || result.do === 'forward')
      for (const one of result.per) if (one.ok) w.lastId = Math.max(w.lastId, one.id)
    if (result.do === 'reserve') for (const job of result.jobs) w.fences.set(job.id, job.n)
  }
}

async function alike(stores: Store[], w: World): Promise<void> {
  const seen = await Promise.all(
    stores.map(async (store) => ({
      stats: (await store.stats()).sort((a, b) => a.queue.localeCompare(b.queue)),
      jobs: (
        await Promise.all(
          Array.from({ length: w.lastId }, (_, i) => store.look({ id: i + 1, limit: 1, with: ['body'] })),
        )
      ).map(({ jobs }) => jobs.filter((job) => job.state !== 'finished')),
      records: (({ version: _, changed, deleted }) => ({
        changed: changed.sort((a, b) => a.key.localeCompare(b.key)),
        deleted,
      }))(await store.records(0)),
    })),
  )
  assert.deepEqual(plain(seen[1]), plain(seen[0]))
}

/** Bodies as text, so that a Buffer and a Uint8Array of the same bytes are the same; without `next`, which is a bound that each store keeps in its own way. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, one: unknown) =>
      key === 'next'
        ? undefined
        : one instanceof Uint8Array
          ? Buffer.from(one).toString()
          : isBuffer(one)
            ? Buffer.from(one.data).toString()
            : one,
    ),
  )
}

function isBuffer(value: unknown): value is { type: 'Buffer'; data: number[] } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer'
}

test('memory and file answer alike, whatever is asked', { timeout: 600_000 }, async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), play), {
    numRuns: RUNS,
    endOnFailure: false,
  })
})
