import assert from 'node:assert/strict'
import type { Queue } from '../../src/job.ts'
import { mail, other, text, type Subject } from './subject.ts'
import type { Case } from './store-contract.ts'

export const put: Case[] = [
  [
    'answers with an id, and the job is ready with what it was given',
    async (s: Subject) => {
      const id = await s.put('hello', { pri: 7 }, { envelope: Buffer.from([0, 255]), name: 'greet', lease: 5000 })
      const job = await s.takeOne()
      assert.equal(job.id, id)
      assert.equal(text(job.body), 'hello')
      assert.deepEqual([...(job.envelope ?? [])], [0, 255])
      assert.deepEqual([job.pri, job.name, job.queue, job.reserves, job.redelivered], [7, 'greet', mail, 1, false])
      assert.equal(job.until, s.now + 5000)
    },
  ],
  [
    'refuses names with a zero byte, or half a surrogate pair, as everything that names something does',
    async (s) => {
      const id = await s.put('x')
      const msg = { body: Buffer.from('x') }
      for (const bad of ['a\0b', 'a\ud83d']) {
        const queue: Queue = `default/${bad}`
        await s.refused({ do: 'put', to: [{ queue, create: true }], msg }, 'unsupported')
        await s.refused({ do: 'put', to: [{ queue: mail }], msg: { ...msg, group: bad } }, 'unsupported')
        await s.refused({ do: 'forward', job: { id }, to: [{ queue, create: true }], why: 'asked' }, 'unsupported')
        await s.refused({ do: 'record', key: bad, value: 1 }, 'unsupported')
        if (s.store.traits.notes)
          await s.refused({ do: 'note', job: { id }, kind: 'step', key: bad, data: Buffer.from('x') }, 'unsupported')
      }
      const unique = { key: 'a\ud83d', for: 'unfinished', on: 'keep' } as const
      await s.refused({ do: 'put', to: [{ queue: mail }], msg: { ...msg, unique } }, 'unsupported')
      assert.equal((await s.stats())?.ready, 1)
    },
  ],
  [
    'takes any bytes, none, and many',
    async (s) => {
      const bodies = [Buffer.alloc(0), Buffer.from([0, 13, 10, 255]), Buffer.alloc(300, 1), Buffer.alloc(100_000, 2)]
      for (const body of bodies) await s.ok<'put'>({ do: 'put', to: [{ queue: mail, create: true }], msg: { body } })
      const jobs = await s.take(10)
      assert.deepEqual(
        jobs.map((job) => Buffer.from(job.body)),
        bodies,
      )
    },
  ],
  [
    'never gives an id twice, and later ones are larger',
    async (s) => {
      const ids: number[] = []
      for (let i = 0; i < 5; i++) {
        ids.push(await s.put('x'))
        const job = await s.takeOne()
        await s.finish(job.id, job.n)
      }
      assert.deepEqual(
        ids,
        [...new Set(ids)].sort((a, b) => a - b),
      )
    },
  ],
  [
    'goes into several queues at once, one job each, and a queue that is missing is refused alone',
    async (s) => {
      const answer = await s.ok<'put'>({
        do: 'put',
        to: [{ queue: mail, create: true }, { queue: 'default/missing' }, { queue: other, create: true }],
        msg: { body: Buffer.from('both') },
      })
      assert.deepEqual(
        answer.per.map((one) => (one.ok ? one.state : one.why)),
        ['ready', 'no queue', 'ready'],
      )
      assert.equal(text((await s.takeOne([mail])).body), 'both')
      assert.equal(text((await s.takeOne([other])).body), 'both')
    },
  ],
  [
    'into nothing but missing queues is refused',
    (s) => s.refused({ do: 'put', to: [{ queue: mail }], msg: { body: Buffer.from('x') } }, 'no queue'),
  ],
  [
    "takes its queue's priority, lease and delay when it names none",
    async (s) => {
      await s.policy({ pri: 3, lease: 1234, delay: 100 })
      const id = await s.put('x')
      assert.equal(await s.state(id), 'delayed')
      s.clock.move(100)
      const job = await s.takeOne()
      assert.deepEqual([job.pri, job.until], [3, s.now + 1234])
    },
  ],
  [
    'is delayed until its moment, and not a millisecond longer',
    async (s) => {
      const id = await s.put('later', { at: s.now + 1000 })
      s.clock.move(999)
      assert.deepEqual(await s.take(), [])
      assert.equal(await s.state(id), 'delayed')
      s.clock.move(1)
      assert.equal((await s.takeOne()).id, id)
    },
  ],
  [
    'of a moment that has passed is ready at once',
    async (s) => assert.equal(await s.state(await s.put('x', { at: s.now - 1 })), 'ready'),
  ],
  [
    'restores a job with its past, once, and later ids are above it',
    async (s) => {
      const restore = {
        id: 500,
        put: 1000,
        reserves: 4,
        buried: true as const,
        counts: { releases: 1, timeouts: 2, buries: 3, kicks: 4 },
      }
      const op = {
        do: 'put' as const,
        to: [{ queue: mail, create: true as const }],
        msg: { body: Buffer.from('old') },
        restore,
      }
      await s.ok<'put'>(op)
      await s.refused(op, 'conflict')
      const view = await s.view(500)
      assert.deepEqual([view?.state, view?.put, view?.reserves, view?.counts], ['buried', 1000, 4, restore.counts])
      assert.ok((await s.put('new')) > 500)
    },
  ],
]
