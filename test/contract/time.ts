import assert from 'node:assert/strict'
import { dead, mail, other } from './subject.ts'
import type { Case } from './store-contract.ts'

export const time: Case[] = [
  [
    'to live: a job that was not reserved in time leaves, from ready and from delayed',
    async (s) => {
      const [ready, delayed] = [await s.put('a', { ttl: 100 }), await s.put('b', { ttl: 100, at: s.now + 5000 })]
      s.clock.move(99)
      assert.equal(await s.state(ready), 'ready')
      s.clock.move(1)
      assert.deepEqual([await s.state(ready), await s.state(delayed)], ['gone', 'gone'])
    },
  ],
  [
    'to live goes on while it is reserved, and ends it when it comes back',
    async (s) => {
      await s.put('x', { ttl: 100 })
      const { id, n } = await s.takeOne()
      s.clock.move(200)
      assert.equal(await s.state(id), 'reserved')
      await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'asked', at: 0 })
      assert.deepEqual(await s.take(), [])
      assert.equal(await s.state(id), 'gone')
    },
  ],
  [
    "to live: the job's own or the queue's, whichever is shorter; a dead-letter queue gets what expired",
    async (s) => {
      await s.policy({ ttl: 50, dead })
      const id = await s.put('x', { ttl: 5000 })
      s.clock.move(50)
      const { dead: letters } = await s.ok<'due'>({ do: 'due', limit: 100 })
      assert.deepEqual(
        letters.map(({ id, why }) => ({ id, why })),
        [{ id, why: 'expired' }],
      )
    },
  ],
  [
    'of retention: an older job is dropped, dead-letter queue or not',
    async (s) => {
      await s.policy({ retention: 100, dead })
      const id = await s.put('x')
      s.clock.move(100)
      assert.deepEqual((await s.ok<'due'>({ do: 'due', limit: 100 })).dead, [])
      assert.equal(await s.state(id), 'gone')
    },
  ],
  [
    'a pause lets nobody take until it ends, and wakes them then',
    async (s) => {
      await s.put('x')
      await s.ok<'record'>({ do: 'record', key: `pause/${mail}`, value: s.now + 100 })
      assert.equal((await s.stats())?.pausedUntil, s.now + 100)
      const result = await s.op({ do: 'reserve', from: [mail], max: 1, bytes: 1, lease: { session: 's' } })
      assert.ok(!result.ok && result.next === s.now + 100)
      const woken = new Promise((resolve) => s.store.hear((hint) => hint.ready && resolve(hint.ready)))
      s.clock.move(100)
      await s.ok<'due'>({ do: 'due', limit: 1 })
      assert.deepEqual(await woken, [mail])
      assert.equal((await s.take()).length, 1)
      assert.deepEqual(
        (await s.store.records(0)).changed.filter(({ key }) => key.startsWith('pause/')),
        [],
      )
      assert.equal((await s.ok<'due'>({ do: 'due', limit: 1 })).next, s.now + 60_000, 'only its lease ends')
    },
  ],
  [
    'a pause is ended by taking its record away, and known to one who looks',
    async (s) => {
      const id = await s.put('x')
      await s.ok<'record'>({ do: 'record', key: `pause/${mail}`, value: s.now + 1e6 })
      assert.deepEqual((await s.view(id))?.blocked, { by: 'paused', what: s.now + 1e6 })
      await s.ok<'record'>({ do: 'record', key: `pause/${mail}`, value: undefined })
      assert.equal((await s.take()).length, 1)
    },
  ],
  [
    'a pause holds after a restart, and for another process, which may end it',
    async (s) => {
      if (!s.store.traits.shared) return
      await s.put('x')
      const until = s.now + 1e6
      await s.ok<'record'>({ do: 'record', key: `pause/${mail}`, value: until })
      await s.reopen()
      assert.deepEqual([await s.take(), (await s.stats())?.pausedUntil], [[], until])
      const second = await s.second()
      try {
        await second.commit([{ ops: [{ do: 'record', key: `pause/${mail}`, value: undefined }] }])[0]
        assert.equal((await s.take()).length, 1)
        await s.put('y')
        await second.commit([{ ops: [{ do: 'record', key: `pause/${mail}`, value: until }] }])[0]
        assert.deepEqual(await s.take(), [])
      } finally {
        await second.close()
      }
    },
  ],
  [
    'due says when it will have something to do next, makes due what is due in slices, and is harmless twice',
    async (s) => {
      for (let i = 0; i < 5; i++) await s.put('x', { at: s.now + 100 })
      await s.put('y', { at: s.now + 300 })
      const { next } = await s.ok<'due'>({ do: 'due', limit: 100 })
      assert.ok(next !== undefined && next <= s.now + 100)
      s.clock.move(100)
      for (let more = true; more;) more = (await s.ok<'due'>({ do: 'due', limit: 2 })).more
      assert.equal((await s.stats())?.ready, 5)
      assert.equal((await s.ok<'due'>({ do: 'due', limit: 2 })).next, s.now + 200)
    },
  ],
  [
    'a job that became due is ranked by its put, or by that moment',
    async (s) => {
      await s.put('put', { at: s.now + 100 })
      await s.put('due', { at: s.now + 50, rank: 'due' })
      await s.put('between')
      s.clock.move(100)
      assert.deepEqual(await s.texts(), ['put', 'between', 'due'])
      const moved = await s.put('moved')
      const to = [{ queue: other, create: true, at: s.now + 100, rank: 'due' } as const]
      await s.ok<'forward'>({ do: 'forward', job: { id: moved }, to, why: 'asked' })
      await s.put('before', { queue: other })
      s.clock.move(100)
      assert.deepEqual(await s.texts(10, [other]), ['before', 'moved'])
    },
  ],
]
