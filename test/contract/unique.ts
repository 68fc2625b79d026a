import assert from 'node:assert/strict'
import type { Queue } from '../../src/job.ts'
import { mail, other, text } from './subject.ts'
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
    'replace: the job has the name of the new one, too, and its result is kept as that one asks',
    async (s) => {
      const replace = key({ on: 'replace' })
      const id = await s.put('a', {}, { ...replace, name: 'one' })
      await s.put('b', {}, { ...replace, name: 'two', result: 1000 })
      assert.equal((await s.view(id))?.name, 'two')
      if (s.store.traits.durable) await s.reopen()
      const { n } = await s.takeOne()
      await s.ok<'finish'>({ do: 'finish', job: { id, n }, outcome: { as: 'done', result: Buffer.from('1') } })
      assert.equal((await s.view(id))?.state, 'finished')
      const other = await s.put('c', {}, { ...replace, name: 'one', result: 1000 })
      await s.put('d', {}, replace)
      assert.equal((await s.view(other))?.name, undefined)
    },
  ],
  [
    'supersede: as replace while it waits; a running one is cancelled, and its successor waits for its end',
    async (s) => {
      const supersede = key({ on: 'supersede' })
      const id = await s.put('a', {}, supersede)
      assert.deepEqual(await s.putResult('b', {}, supersede), { ok: true, id, state: 'ready', replaced: true })
      const job = await s.takeOne()
      const next = await s.putResult('c', {}, supersede)
      assert.ok(next.ok)
      assert.notEqual(next.id, id)
      assert.equal(next.state, 'waiting')
      assert.deepEqual((await s.view(next.id))?.blocked, { by: 'job', what: id })
      const touched = await s.ok<'touch'>({ do: 'touch', job: { id, n: job.n }, ms: 'own' })
      assert.equal(touched.cancelled, true)
      assert.deepEqual(await s.texts(), [], 'not beside the one that still runs')
      await s.ok<'release'>({ do: 'release', job: { id, n: job.n }, as: 'failed' })
      assert.equal(await s.state(id), 'gone', 'a cancelled one does not come back')
      assert.deepEqual(await s.texts(), ['c'])
    },
  ],
  [
    'replace, supersede: a key held until it is reserved is free while it runs',
    async (s) => {
      for (const on of ['replace', 'supersede']) {
        const waiting = key({ for: 'waiting', on })
        const id = await s.put('a', {}, waiting)
        assert.deepEqual(await s.putResult('b', {}, waiting), { ok: true, id, state: 'ready', replaced: true })
        const job = await s.takeOne()
        const next = await s.putResult('c', {}, waiting)
        assert.ok(next.ok && next.state === 'ready' && next.id !== id)
        const touched = await s.ok<'touch'>({ do: 'touch', job: { id, n: job.n }, ms: 'own' })
        assert.equal(touched.cancelled, undefined)
        await s.finish(id, job.n)
        await s.finish(next.id, (await s.takeOne()).n)
      }
    },
  ],
  [
    'replace, supersede: a key held for a time is that of the job as long as it is there',
    async (s) => {
      for (const on of ['replace', 'supersede']) {
        const timed = key({ for: 1000, on })
        const id = await s.put('a', {}, timed)
        assert.deepEqual(await s.putResult('b', {}, timed), { ok: true, id, state: 'ready', replaced: true })
        const job = await s.takeOne()
        const next = await s.putResult('c', {}, timed)
        assert.ok(next.ok && next.state === 'waiting')
        await s.finish(id, job.n)
        const second = await s.takeOne()
        assert.equal(second.id, next.id)
        await s.finish(second.id, second.n)
        const third = await s.putResult('d', {}, timed)
        assert.ok(third.ok && third.state === 'ready', 'nobody is left to be replaced')
        const last = await s.takeOne()
        s.clock.move(1000)
        const after = await s.putResult('e', {}, timed)
        assert.ok(after.ok && after.state === 'ready', 'its time is over, though it still runs')
        await s.finish(last.id, last.n)
        await s.finish(after.id, (await s.takeOne()).n)
      }
    },
  ],
  [
    'a successor waits for the first, and is replaced, also when the time of its key is over meanwhile',
    async (s) => {
      for (const on of ['replace', 'supersede']) {
        const timed = key({ for: 1000, on })
        const id = await s.put('a', {}, { ...timed, lease: 36_000_000 })
        const job = await s.takeOne()
        const next = await s.putResult('b', {}, timed)
        assert.ok(next.ok && next.state === 'waiting')
        s.clock.move(3_600_000)
        await s.ok<'due'>({ do: 'due', limit: 100 })
        assert.deepEqual(await s.putResult('c', {}, timed), { ok: true, id: next.id, state: 'waiting', replaced: true })
        s.clock.move(3_600_000)
        await s.ok<'due'>({ do: 'due', limit: 100 })
        await s.finish(id, job.n)
        const second = await s.takeOne()
        assert.deepEqual([second.id, text(second.body)], [next.id, 'c'])
        await s.finish(second.id, second.n)
        s.clock.move(3_600_000)
      }
    },
  ],
  [
    'a successor starts when the first is set aside, moved away or deleted, and when it is moved itself',
    async (s) => {
      const replace = key({ on: 'replace' })
      const ends: ((id: number, n: number) => Promise<unknown>)[] = [
        (id, n) => s.ok<'bury'>({ do: 'bury', job: { id, n }, why: 'rejected' }),
        (id, n) =>
          s.ok<'forward'>({ do: 'forward', job: { id, n }, to: [{ queue: other, create: true }], why: 'asked' }),
        (id) => s.ok<'finish'>({ do: 'finish', job: { id, force: true } }),
      ]
      for (const end of ends) {
        await s.put('a', {}, replace)
        const { id, n } = await s.takeOne()
        const next = await s.put('b', {}, replace)
        assert.equal(await s.state(next), 'waiting')
        await end(id, n)
        assert.equal(await s.state(next), 'ready')
        await s.finish(next, (await s.takeOne()).n)
      }
      await s.put('a', {}, replace)
      const first = await s.takeOne()
      const next = await s.put('b', {}, replace)
      await s.ok<'forward'>({ do: 'forward', job: { id: next }, to: [{ queue: other, create: true }], why: 'asked' })
      assert.equal(await s.state(next), 'ready')
      await s.finish(first.id, first.n)
    },
  ],
  [
    'replace, supersede: one that was moved away is let alone, though the time of its key is not over; nobody waits for it',
    async (s) => {
      for (const on of ['replace', 'supersede']) {
        const timed = key({ for: 1000, on })
        const move = (id: number, to: Queue) =>
          s.ok<'forward'>({ do: 'forward', job: { id }, to: [{ queue: to, create: true }], why: 'asked' })
        const id = await s.put('a', {}, timed)
        await move(id, other)
        assert.deepEqual(await s.putResult('b', {}, key({ for: 1000 })), {
          ok: true,
          id,
          state: 'ready',
          duplicate: true,
        })
        const second = await s.putResult('b', {}, timed)
        assert.ok(second.ok && second.state === 'ready' && second.id !== id)
        assert.equal(text((await s.view(id))?.body ?? Buffer.of()), 'a')
        await move(second.id, other)
        await move(second.id, mail)
        const taken = await s.takeOne()
        assert.equal(taken.id, second.id)
        const third = await s.putResult('c', {}, timed)
        assert.ok(third.ok && third.state === 'ready', 'it came back without the key')
        assert.equal((await s.ok<'touch'>({ do: 'touch', job: taken, ms: 'own' })).cancelled, undefined)
        await s.finish(second.id, taken.n)
        await s.finish(third.id, (await s.takeOne()).n)
        s.clock.move(1000)
      }
    },
  ],
  [
    'a successor that is reserved by its id, and comes back, waits for nobody',
    async (s) => {
      const replace = key({ on: 'replace' })
      await s.put('a', {}, replace)
      const first = await s.takeOne()
      const next = await s.put('b', {}, replace)
      const { n } = await s.takeOne(next)
      await s.finish(first.id, first.n)
      await s.ok<'release'>({ do: 'release', job: { id: next, n }, as: 'asked' })
      assert.equal(await s.state(next), 'ready')
    },
  ],
  [
    'supersede: a put that is refused cancels nobody',
    async (s) => {
      await s.policy({ maxJobs: 1 })
      const supersede = key({ on: 'supersede' })
      await s.put('a', {}, supersede)
      const { id, n } = await s.takeOne()
      assert.deepEqual(await s.putResult('b', {}, supersede), { ok: false, why: 'full' })
      assert.equal((await s.ok<'touch'>({ do: 'touch', job: { id, n }, ms: 'own' })).cancelled, undefined)
    },
  ],
]
