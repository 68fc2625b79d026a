import assert from 'node:assert/strict'
import { never, refOf, text } from './subject.ts'
import type { Case } from '../transport-contract.ts'

export const reserve: Case[] = [
  [
    'from several queues: the most urgent of all, and it says of which it is',
    async (s) => {
      await s.put('b', { pri: 2 })
      await s.put('a', { queue: s.other, pri: 1 })
      await s.put('c', { queue: s.other, pri: 3 })
      const jobs = await s.take(9, [s.queue, s.other])
      assert.deepEqual(
        jobs.map((job) => [text(job.body), job.queue]),
        [
          ['a', s.other],
          ['b', s.queue],
          ['c', s.other],
        ],
      )
      await s.put('d')
      assert.deepEqual(await s.take(9, [s.other]), [], 'and of no other queue')
    },
  ],
  [
    'never more than was asked for',
    async (s) => {
      for (const name of ['a', 'b', 'c']) await s.put(name)
      assert.equal((await s.take(2)).length, 2)
      assert.equal((await s.take(2)).length, 1)
      assert.equal((await s.take(2)).length, 0)
    },
  ],
  [
    'about as many bytes as were asked for, and one job however large it is',
    async (s) => {
      for (let i = 0; i < 8; i++) await s.put('x'.repeat(10_000))
      const want = { queues: [s.queue], max: 8, wait: 0 }
      const some = await s.transport.reserve({ ...want, bytes: 15_000 }, never)
      assert.ok(some.length > 0 && some.length < 8, `${some.length} jobs`)
      assert.equal((await s.transport.reserve({ ...want, max: 1, bytes: 100 }, never)).length, 1)
    },
  ],
  [
    'waits, and gets what is put meanwhile',
    async (s) => {
      const waiting = s.takeOne()
      await s.put('x')
      assert.equal(text((await waiting).body), 'x')
    },
  ],
  [
    'waits while it holds others',
    async (s) => {
      await s.put('a')
      const first = await s.takeOne()
      const waiting = s.takeOne()
      await s.put('b')
      const second = await waiting
      assert.equal(text(second.body), 'b')
      for (const job of [first, second]) await s.ok({ do: 'finish', job: refOf(job) })
    },
  ],
  [
    'what is held can be finished while another call waits',
    async (s) => {
      await s.put('a')
      const job = await s.takeOne()
      const controller = new AbortController()
      const waiting = s.transport.reserve({ queues: [s.queue], max: 1 }, controller.signal)
      await s.ok({ do: 'finish', job: refOf(job) })
      controller.abort()
      assert.deepEqual(await waiting, [])
    },
  ],
  [
    'answers none when nothing came in time',
    async (s) => {
      for (const wait of [0, 50, 1000, 1100])
        assert.deepEqual(await s.transport.reserve({ queues: [s.queue], max: 5, wait }, never), [])
      await s.put('x')
      assert.deepEqual(await s.texts(), ['x'])
    },
  ],
  [
    'several who wait get one each',
    async (s) => {
      const waiting = Array.from({ length: 5 }, () => s.takeOne())
      for (const name of ['a', 'b', 'c', 'd', 'e']) await s.put(name)
      const jobs = await Promise.all(waiting)
      assert.deepEqual(jobs.map((job) => text(job.body)).sort(), ['a', 'b', 'c', 'd', 'e'])
    },
  ],
  [
    'called off it answers none, at once or while it waits',
    async (s) => {
      await s.put('x')
      assert.deepEqual(await s.transport.reserve({ queues: [s.queue], max: 1 }, AbortSignal.abort()), [])
      assert.deepEqual(await s.texts(), ['x'])
      const controller = new AbortController()
      const waiting = s.transport.reserve({ queues: [s.other], max: 1 }, controller.signal)
      await s.put('y')
      assert.deepEqual(await s.texts(), ['y'])
      controller.abort()
      assert.deepEqual(await waiting, [])
    },
  ],
  ...[false, true].map((holds): Case => [
    `what is on its way when it is called off is given back${holds ? ', also to who holds others' : ''}`,
    async (s) => {
      if (holds) {
        await s.put('held')
        await s.takeOne()
      }
      const names: string[] = []
      for (let i = 0; i < 60; i++) {
        const controller = new AbortController()
        const putting = s.put(`${i}`)
        names.push(`${i}`)
        if (i % 3 === 0) await putting
        const reserved = s.transport.reserve({ queues: [s.queue], max: 10 }, controller.signal)
        for (let turn = 0; turn < i % 7; turn++) await new Promise(setImmediate)
        controller.abort()
        const jobs = await reserved
        await putting
        // It may have been answered before.
        for (const job of jobs) await s.ok({ do: 'release', job: refOf(job), as: 'untaken' })
      }
      const left: string[] = []
      while (left.length < names.length) left.push(text((await s.takeOne()).body))
      assert.deepEqual(left.sort(), names.sort())
    },
  ]),
]
