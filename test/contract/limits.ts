import assert from 'node:assert/strict'
import { dead, mail } from './subject.ts'
import type { Case } from './store-contract.ts'

export const limits: Case[] = [
  [
    'of jobs: a put into a full queue is refused, whatever state its jobs have, and taken again when one has left',
    async (s) => {
      await s.policy({ maxJobs: 3 })
      await s.put('a')
      await s.put('b', { at: s.now + 1000 })
      await s.put('c')
      const job = await s.takeOne()
      assert.deepEqual(await s.putResult('d'), { ok: false, why: 'full' })
      await s.finish(job.id, job.n)
      assert.equal((await s.putResult('d')).ok, true)
    },
  ],
  [
    'of bytes, and of one body',
    async (s) => {
      await s.policy({ maxBytes: 10, maxSize: 8 })
      assert.deepEqual(await s.putResult('123456789'), { ok: false, why: 'too big' })
      await s.put('12345678')
      assert.deepEqual(await s.putResult('123'), { ok: false, why: 'full' })
      await s.put('12')
    },
  ],
  [
    'with overflow drop let the head go, never a reserved job; without ready jobs the put is refused',
    async (s) => {
      await s.policy({ maxJobs: 2, overflow: 'drop' })
      const first = await s.put('a')
      const taken = await s.takeOne()
      await s.put('b')
      await s.put('c')
      assert.deepEqual(await s.texts(), ['c'])
      assert.equal(await s.state(first), 'reserved')
      assert.equal(taken.id, first)
      assert.deepEqual(await s.putResult('d'), { ok: false, why: 'full' })
    },
  ],
  [
    'with overflow drop let as many go as make room in bytes, and none where all would not',
    async (s) => {
      await s.policy({ maxBytes: 10, overflow: 'drop' })
      await s.put('1234567')
      await s.takeOne()
      await s.put('a')
      await s.put('b')
      assert.deepEqual(await s.putResult('12345'), { ok: false, why: 'full' })
      assert.equal((await s.stats())?.ready, 2)
      await s.put('cd')
      assert.deepEqual(await s.texts(), ['b', 'cd'])
    },
  ],
  [
    'with overflow drop let none go where those behind them in their groups wait for a limit',
    async (s) => {
      await s.policy({ maxBytes: 10, overflow: 'drop' })
      await s.ok<'record'>({ do: 'record', key: 'limit/m', value: { concurrency: 0 } })
      await s.put('a', {}, { group: 'g' })
      await s.put('12345678', {}, { group: 'g', gates: ['m'] })
      assert.deepEqual(await s.putResult('123456789'), { ok: false, why: 'full' })
      await s.put('bc')
      assert.deepEqual(await s.texts(), ['bc'])
    },
  ],
  [
    'with overflow drop and a dead-letter queue report what went over',
    async (s) => {
      await s.policy({ maxJobs: 1, overflow: 'drop', dead })
      const first = await s.put('a')
      const answer = await s.ok<'put'>({ do: 'put', to: [{ queue: mail }], msg: { body: Buffer.from('b') } })
      assert.deepEqual(
        answer.dead.map(({ id, why }) => ({ id, why })),
        [{ id: first, why: 'maxlen' }],
      )
    },
  ],
  [
    'change at once for what comes next',
    async (s) => {
      await s.policy({ maxJobs: 1 })
      await s.put('a')
      await s.policy({ maxJobs: 2 })
      await s.put('b')
      await s.policy(undefined)
      await s.put('c')
    },
  ],
]
