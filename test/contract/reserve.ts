import assert from 'node:assert/strict'
import { mail, other, text } from './subject.ts'
import type { Case } from './store-contract.ts'

export const reserve: Case[] = [
  [
    'takes the smallest priority first, and of equal ones the oldest',
    async (s) => {
      for (const [body, pri] of [
        ['a', 5],
        ['b', 1],
        ['c', 5],
        ['d', 0],
      ] as const)
        await s.put(body, { pri })
      assert.deepEqual(await s.texts(), ['d', 'b', 'a', 'c'])
    },
  ],
  [
    'takes the smallest over all queues given, and from no others',
    async (s) => {
      await s.put('far', { queue: 'default/third', pri: 0 })
      await s.put('m', { queue: mail, pri: 5 })
      await s.put('o', { queue: other, pri: 4 })
      assert.deepEqual(await s.texts(10, [mail, other]), ['o', 'm'])
    },
  ],
  [
    'takes at most so many jobs, and so many bytes after the first',
    async (s) => {
      for (const body of ['aaaa', 'bb', 'cc', 'dd']) await s.put(body)
      const result = await s.ok<'reserve'>({ do: 'reserve', from: [mail], max: 10, bytes: 3, lease: { session: 's' } })
      assert.deepEqual(
        result.jobs.map((job) => text(job.body)),
        ['aaaa'],
      )
      const more = await s.ok<'reserve'>({ do: 'reserve', from: [mail], max: 10, bytes: 5, lease: { session: 's' } })
      assert.deepEqual(
        more.jobs.map((job) => text(job.body)),
        ['bb', 'cc'],
      )
    },
  ],
  [
    'of nothing is refused as empty, and says when there may be something by the passing of time',
    async (s) => {
      await s.put('later', { at: s.now + 500 })
      const result = await s.op({
        do: 'reserve',
        from: [mail, 'default/nowhere'],
        max: 1,
        bytes: 1,
        lease: { session: 's' },
      })
      assert.ok(!result.ok && result.why === 'empty')
      assert.ok(result.next !== undefined && result.next > s.now && result.next <= s.now + 500)
      await s.put('reserved', { queue: other })
      await s.take(1, [other], { ms: 100 })
      const second = await s.op({ do: 'reserve', from: [other], max: 1, bytes: 1, lease: { session: 's' } })
      assert.ok(!second.ok && second.next === s.now + 100)
    },
  ],
  [
    'never gives a job to two',
    async (s) => {
      await s.put('one')
      assert.equal((await s.take()).length, 1)
      assert.deepEqual(await s.take(), [])
    },
  ],
  [
    'by id takes that job in any state but reserved, a pause passed over',
    async (s) => {
      const [ready, delayed, buried] = [await s.put('r'), await s.put('d', { at: s.now + 9999 }), await s.put('b')]
      await s.ok<'bury'>({ do: 'bury', job: { id: buried }, why: 'asked' })
      await s.ok<'record'>({ do: 'record', key: `pause/${mail}`, value: s.now + 9999 })
      for (const id of [ready, delayed, buried]) assert.equal((await s.takeOne(id)).id, id)
      await s.refused({ do: 'reserve', from: ready, max: 1, bytes: 1, lease: { session: 's' } }, 'not held')
      await s.refused({ do: 'reserve', from: 999_999, max: 1, bytes: 1, lease: { session: 's' } }, 'gone')
    },
  ],
  [
    'and finish in one leaves nothing behind',
    async (s) => {
      const id = await s.put('fire and forget')
      const result = await s.ok<'reserve'>({
        do: 'reserve',
        from: [mail],
        max: 1,
        bytes: 1e9,
        lease: { session: 's' },
        gone: true,
      })
      assert.equal(result.jobs[0]?.id, id)
      assert.equal(await s.state(id), 'gone')
      assert.equal((await s.stats())?.gone, 1)
    },
  ],
  [
    'counts how often, and says when the first was',
    async (s) => {
      await s.put('x')
      const first = await s.takeOne()
      s.clock.move(10)
      await s.ok<'release'>({ do: 'release', job: { id: first.id, n: first.n }, as: 'asked', at: 0 })
      const second = await s.takeOne()
      assert.deepEqual([second.reserves, second.redelivered, second.first], [2, true, first.first])
    },
  ],
]
