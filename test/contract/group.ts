import assert from 'node:assert/strict'
import type { JobId } from '../../src/job.ts'
import type { Op, Store } from '../../src/stores/store.ts'
import { mail, other, text, type Subject } from './subject.ts'
import type { Case } from './store-contract.ts'

async function commit(store: Store, ...ops: Op[]): Promise<void> {
  const results = await store.commit([{ ops }])[0]
  assert.ok(results?.every(({ ok }) => ok))
}

async function putMany(s: Subject, ...bodies: string[]): Promise<JobId[]> {
  const ids = []
  for (const body of bodies) ids.push(await s.put(body, {}, { group: 'g' }))
  return ids
}

/** Takes one after another, and finishes each before the next. */
async function drained(s: Subject): Promise<string[]> {
  const bodies = []
  for (let jobs = await s.take(); jobs[0]; jobs = await s.take()) {
    bodies.push(text(jobs[0].body))
    await s.finish(jobs[0].id, jobs[0].n)
  }
  return bodies
}

/** What happens to those that wait behind the first of eight, by whatever store. */
async function disturb(store: Store, [, b, c, d, e]: JobId[]): Promise<void> {
  await commit(
    store,
    { do: 'cancel', job: b as JobId },
    { do: 'bury', job: { id: c as JobId }, why: 'asked' },
    { do: 'forward', job: { id: d as JobId }, to: [{ queue: other, create: true }], why: 'asked' },
    { do: 'forward', job: { id: e as JobId }, to: [{ queue: mail }], why: 'asked' },
  )
}

export const group: Case[] = [
  [
    'whose buried first job is kicked is closed by it again, though the next one was ready by then',
    async (s) => {
      const first = await s.put('1', {}, { group: 'g' })
      const second = await s.put('2', {}, { group: 'g' })
      const { n } = await s.takeOne()
      await s.ok<'bury'>({ do: 'bury', job: { id: first, n }, why: 'asked' })
      assert.equal(await s.state(second), 'ready')
      await s.ok<'release'>({ do: 'release', job: { id: first }, as: 'kicked' })
      assert.deepEqual([await s.state(first), await s.state(second)], ['ready', 'waiting'])
      assert.deepEqual(await s.texts(), ['1'])
    },
  ],
  [
    'stays closed by its head when one that was set aside is reserved by its id and leaves',
    async (s) => {
      const a = await s.put('a', {}, { group: 'g' })
      const b = await s.put('b', {}, { group: 'g' })
      await s.put('c', {}, { group: 'g' })
      await s.ok<'bury'>({ do: 'bury', job: { id: b }, why: 'asked' })
      assert.equal((await s.takeOne()).id, a)
      const { n } = await s.takeOne(b)
      await s.finish(b, n)
      assert.deepEqual(await s.texts(), [], 'the first of the group is still reserved')
    },
  ],
  [
    'is taken one after another, in order, whatever the priorities; other groups and jobs of none go on',
    async (s) => {
      await s.put('g1', { pri: 9 }, { group: 'g' })
      await s.put('g2', { pri: 0 }, { group: 'g' })
      await s.put('h1', { pri: 9 }, { group: 'h' })
      await s.put('none', { pri: 9 })
      const first = await s.take(10)
      assert.deepEqual(
        first.map((job) => text(job.body)),
        ['g1', 'h1', 'none'],
      )
      const g1 = first[0]
      assert.ok(g1)
      await s.finish(g1.id, g1.n)
      assert.deepEqual(await s.texts(), ['g2'])
    },
  ],
  [
    'is closed by a delayed member, and by one that was given back with a delay; not by a buried one',
    async (s) => {
      const first = await s.put('1', { at: s.now + 100 }, { group: 'g' })
      await s.put('2', {}, { group: 'g' })
      assert.deepEqual(await s.take(), [])
      s.clock.move(100)
      const { n } = await s.takeOne()
      await s.ok<'release'>({ do: 'release', job: { id: first, n }, as: 'failed', at: s.now + 100 })
      assert.deepEqual(await s.take(), [])
      await s.ok<'bury'>({ do: 'bury', job: { id: first }, why: 'asked' })
      assert.deepEqual(await s.texts(), ['2'])
    },
  ],
  [
    'comes together as a prefix where that is asked, and stays in order when some are given back',
    async (s) => {
      for (const body of ['1', '2', '3', '4']) await s.put(body, {}, { group: 'g' })
      const { jobs } = await s.ok<'reserve'>({
        do: 'reserve',
        from: [mail],
        max: 3,
        bytes: 1e9,
        lease: { session: 's' },
        run: true,
      })
      assert.deepEqual(
        jobs.map((job) => text(job.body)),
        ['1', '2', '3'],
      )
      const [one, two, three] = jobs
      assert.ok(one && two && three)
      await s.finish(one.id, one.n)
      await s.ok<'release'>({ do: 'release', job: { id: three.id, n: three.n }, as: 'asked', at: 0 })
      assert.deepEqual(await s.take(), [], 'the second is reserved still')
      await s.ok<'release'>({ do: 'release', job: { id: two.id, n: two.n }, as: 'asked', at: 0 })
      assert.deepEqual(await s.texts(1), ['2'])
    },
  ],
  [
    'says which job it waits for',
    async (s) => {
      const first = await s.put('1', {}, { group: 'g' })
      const second = await s.put('2', {}, { group: 'g' })
      await s.take()
      assert.equal(await s.state(second), 'waiting')
      assert.deepEqual((await s.view(second))?.blocked, { by: 'group', what: first })
    },
  ],
  [
    'opens when its head leaves, in whatever way',
    async (s) => {
      const ids = []
      for (const body of ['1', '2', '3', '4', '5'])
        ids.push(await s.put(body, { ttl: body === '3' ? 10 : 1e6 }, { group: 'g' }))
      await s.ok<'cancel'>({ do: 'cancel', job: ids[0] as number })
      await s.ok<'forward'>({
        do: 'forward',
        job: { id: ids[1] as number },
        to: [{ queue: 'default/other', create: true }],
        why: 'asked',
      })
      s.clock.move(10)
      await s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['ready'] }, act: 'delete', limit: 1 })
      assert.deepEqual(await s.texts(), ['5'])
    },
  ],
  [
    'does not let a job be taken by its id before its turn',
    async (s) => {
      await s.put('1', {}, { group: 'g' })
      const second = await s.put('2', {}, { group: 'g' })
      await s.refused({ do: 'reserve', from: second, max: 1, bytes: 9, lease: { session: 's' } }, 'not held')
    },
  ],
  [
    'goes on with whoever is next by then: others behind its head were deleted, set aside, moved away, or to the end',
    async (s) => {
      const ids = await putMany(s, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')
      const [a, , c, d] = ids as [JobId, JobId, JobId, JobId]
      const { n } = await s.takeOne()
      await disturb(s.store, ids)
      await s.finish(a, n)
      const f = await s.takeOne()
      assert.equal(text(f.body), 'f')
      await s.ok<'release'>({ do: 'release', job: { id: c }, as: 'kicked' })
      await s.ok<'release'>({ do: 'release', job: { id: f.id, n: f.n }, as: 'asked', at: 0 })
      await s.ok<'forward'>({ do: 'forward', job: { id: d }, to: [{ queue: mail }], why: 'asked' })
      assert.deepEqual(await drained(s), ['c', 'f', 'g', 'h', 'e', 'd'])
    },
  ],
  [
    'goes on with whoever is next by then, also when another process has done that',
    async (s) => {
      if (!s.store.traits.shared) return
      const second = await s.second()
      try {
        const ids = await putMany(s, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')
        const [a, , c] = ids as [JobId, JobId, JobId]
        const { n } = await s.takeOne()
        await disturb(second, ids)
        await s.finish(a, n)
        const f = await s.takeOne()
        assert.equal(text(f.body), 'f')
        await commit(second, { do: 'release', job: { id: c }, as: 'kicked' })
        await s.ok<'release'>({ do: 'release', job: { id: f.id, n: f.n }, as: 'asked', at: 0 })
        assert.deepEqual(await drained(s), ['c', 'f', 'g', 'h', 'e'])
      } finally {
        await second.close()
      }
    },
  ],
  [
    'is in its order when a unit that changed it was undone',
    async (s) => {
      const [a, b, c] = (await putMany(s, 'a', 'b', 'c', 'd', 'e')) as [JobId, JobId, JobId]
      const { n } = await s.takeOne()
      const results = await s.unit({
        ops: [
          { do: 'cancel', job: b },
          { do: 'finish', job: { id: a, n } },
          { do: 'bury', job: { id: c }, why: 'asked' },
          { do: 'finish', job: { id: a, n } },
        ],
        refused: 'undo',
      })
      assert.ok(!results.at(-1)?.ok)
      await s.finish(a, n)
      assert.deepEqual(await drained(s), ['b', 'c', 'd', 'e'])
    },
  ],
]
