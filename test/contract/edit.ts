import assert from 'node:assert/strict'
import type { ForwardOp } from '../../src/stores/store.ts'
import type { Case } from './store-contract.ts'
import { mail, other, text, type Subject } from './subject.ts'

const change = (id: number, over: Partial<ForwardOp> = {}): ForwardOp => ({
  do: 'forward',
  job: { id },
  to: [{ queue: mail }],
  why: 'asked',
  stay: true,
  body: Buffer.from('changed'),
  ...over,
})
const bytes = async (s: Subject) => (await s.stats())?.bytes

export const edit: Case[] = [
  [
    'a job that waits is changed where it is: its place, group, time to live and counters stay',
    async (s) => {
      const id = await s.put('1', { ttl: 1000 }, { group: 'g' })
      await s.put('2', {}, { group: 'g' })
      const { n } = await s.takeOne()
      await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'failed' })
      await s.ok<'forward'>(change(id))
      assert.equal(await bytes(s), 'changed'.length + 1)
      const view = await s.view(id)
      assert.deepEqual([view?.state, view?.failures, view?.reserves, text(view?.body)], ['ready', 1, 1, 'changed'])
      if (s.store.traits.durable) await s.reopen()
      assert.deepEqual(await s.texts(1), ['changed'])
      const back = await s.view(id)
      await s.ok<'release'>({ do: 'release', job: { id, n: back?.n as number }, as: 'asked' })
      s.clock.move(1000)
      assert.deepEqual(await s.texts(), ['2'], 'it has left when its time was over')
    },
  ],
  [
    'another priority, another delay',
    async (s) => {
      const first = await s.put('a')
      const second = await s.put('b')
      await s.ok<'forward'>(change(second, { to: [{ queue: mail, pri: 1 }] }))
      await s.ok<'forward'>(change(first, { to: [{ queue: mail, at: s.now + 1000 }] }))
      assert.deepEqual(await s.texts(), ['changed'])
      assert.equal(await s.state(first), 'delayed')
      await s.ok<'forward'>(change(first))
      const delayed = await s.view(first)
      assert.deepEqual([delayed?.at, delayed?.delay], [s.now + 1000, 1000], 'its delay stays')
      await s.ok<'forward'>(change(first, { to: [{ queue: mail, at: s.now }] }))
      assert.equal(await s.state(first), 'ready')
    },
  ],
  [
    'one that was set aside stays so',
    async (s) => {
      const id = await s.put('a')
      await s.ok<'bury'>({ do: 'bury', job: { id }, why: 'rejected' })
      await s.ok<'forward'>(change(id, { to: [{ queue: mail, pri: 3 }] }))
      const view = await s.view(id)
      assert.deepEqual([view?.state, view?.why, view?.pri, text(view?.body)], ['buried', 'rejected', 3, 'changed'])
      if (s.store.traits.durable) await s.reopen()
      await s.ok<'release'>({ do: 'release', job: { id }, as: 'kicked' })
      assert.deepEqual(await s.texts(), ['changed'])
    },
  ],
  [
    'not one that is reserved, nor to another queue, nor larger than its queue takes',
    async (s) => {
      const id = await s.put('a')
      await s.refused(change(id, { to: [{ queue: other }] }), 'unsupported')
      await s.policy({ maxSize: 3 })
      await s.refused(change(id), 'too big')
      const { n } = await s.takeOne()
      await s.refused(change(id), 'not held')
      await s.refused(change(id, { job: { id, n } }), 'unsupported')
    },
  ],
  [
    'one that is set aside keeps its place in the order of burial, and of the dead letters; so does one that gets a note',
    async (s) => {
      await s.policy({ dead: other })
      const ids = [await s.put('a'), await s.put('b'), await s.put('c')] as const
      for (const id of ids) await s.ok<'bury'>({ do: 'bury', job: { id }, why: 'rejected' })
      await s.ok<'forward'>(change(ids[0]))
      await s.ok<'note'>({ do: 'note', job: { id: ids[1] }, kind: 'log', data: Buffer.from('looked into') })
      const { dead } = await s.ok<'due'>({ do: 'due', limit: 100 })
      s.clock.move(120_000)
      const again = await s.ok<'due'>({ do: 'due', limit: 100 })
      assert.deepEqual(
        [...dead, ...again.dead].map(({ id }) => id),
        ids,
      )
      const buried = { queue: mail, states: ['buried' as const] }
      const { jobs } = await s.store.look({ where: buried, order: 'buried', limit: 10 })
      assert.deepEqual(
        jobs.map(({ id }) => id),
        ids,
      )
      await s.ok<'bulk'>({ do: 'bulk', where: buried, act: 'kick', limit: 1 })
      assert.equal(await s.state(ids[0]), 'ready')
    },
  ],
]
