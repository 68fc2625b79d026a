import assert from 'node:assert/strict'
import { mail, text } from './subject.ts'
import type { Case } from './store-contract.ts'

const key = (over: object = {}) => ({ unique: { key: 'k', for: 'unfinished' as const, on: 'keep' as const, ...over } })

export const unique: Case[] = [
  [
    'unfinished: a second job of the key is answered with the first until that is gone',
    async (s) => {
      const id = await s.put('a', {}, key())
      assert.deepEqual(await s.putResult('b', {}, key()), { ok: true, id, state: 'ready', duplicate: true })
      const { n } = await s.takeOne()
      assert.deepEqual(await s.putResult('b', {}, key()), { ok: true, id, state: 'reserved', duplicate: true })
      await s.finish(id, n)
      assert.notEqual(await s.put('c', {}, key()), id)
    },
  ],
  [
    'waiting: until it is reserved',
    async (s) => {
      const id = await s.put('a', {}, key({ for: 'waiting' }))
      assert.equal(await s.put('b', {}, key({ for: 'waiting' })), id)
      await s.take()
      assert.notEqual(await s.put('c', {}, key({ for: 'waiting' })), id)
    },
  ],
  [
    'for a time: so long from the put on, even if the job is gone, and no longer',
    async (s) => {
      const id = await s.put('a', {}, key({ for: 1000 }))
      const { n } = await s.takeOne()
      await s.finish(id, n)
      s.clock.move(999)
      assert.deepEqual(await s.putResult('b', {}, key({ for: 1000 })), {
        ok: true,
        id,
        state: 'finished',
        duplicate: true,
      })
      s.clock.move(1)
      assert.notEqual(await s.put('c', {}, key({ for: 1000 })), id)
    },
  ],
  [
    'replace: the job that waits gets the new body and keeps its id and place; a running one gets a successor, replaceable itself',
    async (s) => {
      const replace = key({ on: 'replace' })
      const id = await s.put('a', {}, replace)
      await s.put('other')
      const result = await s.putResult('b', {}, replace)
      assert.deepEqual(result, { ok: true, id, state: 'ready', replaced: true })
      const job = await s.takeOne()
      assert.deepEqual([job.id, text(job.body)], [id, 'b'])
      const next = await s.put('c', {}, replace)
      assert.notEqual(next, id)
      assert.equal(await s.put('d', {}, replace), next)
      await s.finish(job.id, job.n)
      assert.equal(await s.put('e', {}, replace), next, 'the successor has the key')
    },
  ],
  [
    'holds within its queue, or its group, and not beyond',
    async (s) => {
      const inGroup = (group: string) => ({ group, ...key({ scope: 'group' }) })
      const a = await s.put('a', {}, inGroup('g'))
      assert.notEqual(await s.put('b', {}, inGroup('h')), a)
      assert.equal(await s.put('c', {}, inGroup('g')), a)
      const b = await s.put('x', { queue: mail }, key())
      assert.notEqual(await s.put('x', { queue: 'default/other' }, key()), b)
    },
  ],
  [
    'survives a restart',
    async (s) => {
      const id = await s.put('a', {}, key())
      if (s.store.traits.durable) await s.reopen()
      assert.equal(await s.put('b', {}, key()), id)
    },
  ],
  [
    'supersede is refused as unsupported',
    async (s) =>
      assert.deepEqual(await s.putResult('a', {}, key({ on: 'supersede' })), { ok: false, why: 'unsupported' }),
  ],
]
