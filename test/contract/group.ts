import assert from 'node:assert/strict'
import { mail, text } from './subject.ts'
import type { Case } from './store-contract.ts'

export const group: Case[] = [
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
]
