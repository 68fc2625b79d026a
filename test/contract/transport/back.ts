import assert from 'node:assert/strict'
import { refOf, text } from './subject.ts'
import type { Case } from '../transport-contract.ts'

/** Released, buried, kicked. */
export const back: Case[] = [
  [
    'what is released comes again, as urgent as it was',
    async (s) => {
      await s.put('a', { pri: 5 })
      await s.put('b', { pri: 10 })
      const job = await s.takeOne()
      await s.ok({ do: 'release', job: refOf(job), as: 'untaken' })
      assert.deepEqual(await s.texts(), ['a', 'b'])
    },
  ],
  [
    'released with another priority, or for later',
    async (s) => {
      await s.put('a', { pri: 5 })
      await s.put('b', { pri: 10 })
      const first = await s.takeOne()
      await s.ok({ do: 'release', job: refOf(first), as: 'untaken', pri: 20 })
      const [second] = await s.take()
      assert.ok(second)
      assert.equal(text(second.body), 'b')
      const at = s.transport.now() + 1000
      await s.ok({ do: 'release', job: refOf(second), as: 'untaken', at })
      assert.equal(await s.state(second.id), 'delayed')
      assert.deepEqual(await s.texts(), ['a'])
      assert.equal(text((await s.takeOne()).body), 'b')
      assert.ok(s.transport.now() >= at)
    },
  ],
  [
    'what is buried stays until it is kicked',
    async (s) => {
      const id = await s.put('x')
      await s.ok({ do: 'bury', job: refOf(await s.takeOne()), why: 'rejected' })
      assert.equal(await s.state(id), 'buried')
      assert.deepEqual(await s.take(), [])
      await s.ok({ do: 'release', job: { id }, as: 'kicked' })
      const job = await s.takeOne()
      assert.equal(job.id, id)
      assert.equal(await s.refusal({ do: 'release', job: { id }, as: 'kicked' }), 'not held')
      await s.ok({ do: 'finish', job: refOf(job) })
      assert.equal(await s.refusal({ do: 'release', job: { id }, as: 'kicked' }), 'gone')
    },
  ],
  [
    'all that are buried are kicked, and no delayed one with them',
    async (s) => {
      const delayed = await s.put('later', { at: s.transport.now() + 100_000 })
      const kick = async (states: ('buried' | 'delayed')[]) => {
        const result = await s.op({ do: 'bulk', where: { queue: s.queue, states }, act: 'kick', limit: 100 })
        assert.ok(result.ok && result.do === 'bulk')
        return result.count
      }
      assert.equal(await kick(['buried']), 0)
      for (const name of ['a', 'b', 'c']) await s.put(name)
      for (const job of await s.take(3)) await s.ok({ do: 'bury', job: refOf(job), why: 'rejected' })
      assert.equal(await kick(['buried', 'delayed']), 3)
      assert.deepEqual(await s.texts(), ['a', 'b', 'c'])
      assert.equal(await s.state(delayed), 'delayed')
      assert.equal(await kick(['delayed']), 1)
      assert.deepEqual(await s.texts(), ['later'])
    },
  ],
  [
    'all of some states are deleted, a part at a time',
    async (s) => {
      for (const name of ['a', 'b', 'c', 'd']) await s.put(name)
      const held = await s.takeOne()
      const later = await s.put('later', { at: s.transport.now() + 100_000 })
      const where = { queue: s.queue, states: ['ready' as const] }
      const first = await s.op({ do: 'bulk', where, act: 'delete', limit: 2 })
      assert.ok(first.ok && first.do === 'bulk')
      assert.deepEqual([first.count, first.more], [2, true])
      const second = await s.op({ do: 'bulk', where, act: 'delete', limit: 2 })
      assert.ok(second.ok && second.do === 'bulk')
      assert.deepEqual([second.count, second.more], [1, false])
      assert.equal(await s.state(later), 'delayed')
      await s.ok({ do: 'finish', job: refOf(held) })
    },
  ],
  [
    'a waiting one is deleted by its id',
    async (s) => {
      const id = await s.put('x')
      await s.ok({ do: 'finish', job: { id }, outcome: { as: 'cancelled' } })
      assert.equal(await s.state(id), 'gone')
      assert.deepEqual(await s.take(), [])
    },
  ],
]
