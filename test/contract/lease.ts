import assert from 'node:assert/strict'
import { mail } from './subject.ts'
import type { Case } from './store-contract.ts'

export const lease: Case[] = [
  [
    'with a deadline ends then: the job is ready, and counts a timeout and a failure',
    async (s) => {
      const id = await s.put('x', {}, { lease: 100 })
      const { n } = await s.takeOne([mail], { ms: 'own', session: 's' })
      const ended = new Promise((resolve) => s.store.hear((hint) => hint.ended && resolve(hint.ended)))
      s.clock.move(99)
      assert.deepEqual(await s.take(), [])
      s.clock.move(1)
      const view = await s.view(id)
      assert.deepEqual([view?.state, view?.counts.timeouts, view?.failures], ['ready', 1, 1])
      assert.deepEqual(await ended, [{ id, n, why: 'timeout' }])
      await s.refused({ do: 'touch', job: { id, n }, ms: 'own' }, 'stale')
    },
  ],
  [
    'of a session alone has no deadline',
    async (s) => {
      const id = await s.put('x')
      assert.equal((await s.takeOne([mail], { session: 's' })).until, undefined)
      s.clock.move(365 * 86_400_000)
      await s.ok<'due'>({ do: 'due', limit: 100 })
      assert.equal(await s.state(id), 'reserved')
    },
  ],
  [
    'of a session ends with it: released counts nothing, lost counts a failure each',
    async (s) => {
      const [a, b] = [await s.put('a'), await s.put('b')]
      for (const [as, failures] of [
        ['released', 0],
        ['lost', 1],
      ] as const) {
        await s.take(2, [mail], { ms: 'own', session: as })
        assert.equal((await s.ok<'end'>({ do: 'end', session: as, as })).count, 2)
        for (const id of [a, b]) {
          const view = await s.view(id)
          assert.deepEqual(
            [view?.state, view?.failures, view?.counts.releases, view?.counts.timeouts],
            ['ready', failures, 0, 0],
          )
        }
      }
    },
  ],
  [
    'of a session that begins again under the same name ends with it again',
    async (s) => {
      const id = await s.put('x')
      for (let i = 0; i < 2; i++) {
        await s.take()
        assert.equal((await s.ok<'end'>({ do: 'end', session: 's', as: 'released' })).count, 1)
        assert.equal(await s.state(id), 'ready')
      }
    },
  ],
  [
    'of another session, or of none, stays when a session ends',
    async (s) => {
      const [a, b] = [await s.put('a'), await s.put('b')]
      await s.take(1, [mail], { session: 'one' })
      await s.take(1, [mail], { ms: 1000 })
      assert.equal((await s.ok<'end'>({ do: 'end', session: 'two', as: 'lost' })).count, 0)
      assert.deepEqual([await s.state(a), await s.state(b)], ['reserved', 'reserved'])
    },
  ],
  [
    'is prolonged by a touch, to now and its length, or another',
    async (s) => {
      await s.put('x', {}, { lease: 100 })
      const { id, n } = await s.takeOne([mail], { ms: 'own', session: 's' })
      s.clock.move(60)
      assert.equal((await s.ok<'touch'>({ do: 'touch', job: { id, n }, ms: 'own' })).until, s.now + 100)
      s.clock.move(60)
      assert.equal(await s.state(id), 'reserved')
      assert.equal((await s.ok<'touch'>({ do: 'touch', job: { id, held: 's' }, ms: 5000 })).until, s.now + 5000)
      await s.refused({ do: 'touch', job: { id, held: 'another' }, ms: 'own' }, 'not held')
      s.clock.move(5000)
      assert.equal(await s.state(id), 'ready')
    },
  ],
  [
    'has a number that grows with each reservation, also over a restart',
    async (s) => {
      const id = await s.put('x')
      let last = 0
      for (let i = 0; i < 6; i++) {
        const { n } = await s.takeOne()
        assert.ok(n > last)
        last = n
        await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'asked', at: 0 })
        if (i % 2 === 1 && s.store.traits.durable) await s.reopen()
      }
    },
  ],
  [
    'that has a deadline only survives a restart; one of a session comes back with it',
    async (s) => {
      if (!s.store.traits.durable) return
      const [bound, free] = [await s.put('bound'), await s.put('free')]
      await s.take(1, [mail], { ms: 60_000, session: 's' })
      const { n } = await s.takeOne([mail], { ms: 60_000 })
      await s.reopen()
      assert.deepEqual([await s.state(bound), await s.state(free)], ['ready', 'reserved'])
      assert.equal((await s.finish(free, n)).ok, true)
    },
  ],
]
