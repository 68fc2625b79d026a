import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import type { Queue, Target } from '../../src/job.ts'
import { dead, mail, other, text } from './subject.ts'
import type { Case } from './store-contract.ts'

export const deadLetters: Case[] = [
  [
    'are buried and reported with where they go, and forwarded there as they are',
    async (s) => {
      await s.policy({ dead, maxFailures: 1 })
      const id = await s.put('poison', {}, { envelope: Buffer.from('e'), name: 'n' })
      const { n } = await s.takeOne()
      const answer = await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'failed' })
      assert.deepEqual(
        answer.dead.map(({ id, n, queue, to, why }) => ({ id, n, queue, to, why })),
        [{ id, n, queue: mail, to: dead, why: 'exhausted' }],
      )
      await s.ok<'forward'>({
        do: 'forward',
        job: { id, n, buried: true },
        to: [{ queue: dead, create: true }],
        why: 'exhausted',
      })
      const moved = await s.takeOne([dead])
      assert.deepEqual(
        [moved.id, text(moved.body), text(moved.envelope), moved.name, moved.reserves],
        [id, 'poison', 'e', 'n', 2],
      )
      assert.deepEqual(
        moved.deaths?.map(({ queue, why, count }) => ({ queue, why, count })),
        [{ queue: mail, why: 'exhausted', count: 1 }],
      )
      assert.equal((await s.stats())?.buried, 0)
    },
  ],
  [
    'that were not forwarded are reported again by due, also after a restart',
    async (s) => {
      await s.policy({ dead })
      const id = await s.put('x')
      const { n } = await s.takeOne()
      assert.equal((await s.ok<'bury'>({ do: 'bury', job: { id, n }, why: 'rejected' })).dead.length, 1)
      if (s.store.traits.durable) await s.reopen()
      else s.clock.move(120_000)
      const again = await s.ok<'due'>({ do: 'due', limit: 100 })
      assert.deepEqual(
        again.dead.map((one) => one.id),
        [id],
      )
    },
  ],
  [
    'are none where an operator buried the job',
    async (s) => {
      await s.policy({ dead })
      const id = await s.put('x')
      assert.deepEqual((await s.ok<'bury'>({ do: 'bury', job: { id }, why: 'asked' })).dead, [])
    },
  ],
  [
    'may be tried there as often as that queue, or their own limit, allows, counted from their coming',
    async (s) => {
      await s.policy({ dead, maxReserves: 2 })
      await s.policy({ maxReserves: 2 }, dead)
      const fail = async (queue: Queue) => {
        const { id, n, reserves, failures } = await s.takeOne([queue])
        const { dead: letters } = await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'failed' })
        return { id, n, reserves, failures, letters: letters.length }
      }
      for (const own of [{}, { maxFailures: 2 }]) {
        await s.put('poison', {}, own)
        await fail(mail)
        const { id, n, letters } = await fail(mail)
        assert.equal(letters, 1)
        const to = [dead, other].map((queue): Target => ({ queue, create: true }))
        await s.ok<'forward'>({ do: 'forward', job: { id, n, buried: true }, to, why: 'exhausted' })
        assert.deepEqual(
          [await fail(dead), await fail(dead)].map(({ reserves, failures }) => [reserves, failures]),
          [
            [3, 2],
            [4, 3],
          ],
        )
        assert.deepEqual([(await s.stats(dead))?.buried, (await s.takeOne([other])).reserves], [1, 3])
        await s.ok<'bulk'>({ do: 'bulk', where: { queue: dead, states: ['buried'] }, act: { to: mail }, limit: 10 })
        assert.deepEqual([(await fail(mail)).reserves, (await fail(mail)).letters], [1, 1])
        await s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['buried'] }, act: 'delete', limit: 10 })
      }
    },
  ],
  [
    'are those that were reserved as often as they may be by their own limit, which passes that of their queue',
    async (s) => {
      await s.policy({ dead, maxReserves: 2 })
      for (const maxReserves of [1, 3]) {
        await s.put('x', {}, { maxReserves })
        for (let left = maxReserves; left > 0; left--) {
          const { id, n } = await s.takeOne()
          const { dead: letters } = await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'asked', at: 0 })
          assert.equal(letters.length, left === 1 ? 1 : 0)
        }
      }
    },
  ],
  [
    'are those that a limit which came later forbids to be reserved again, when their turn comes',
    async (s) => {
      const id = await s.put('x')
      const { n } = await s.takeOne()
      await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'asked', at: 0 })
      await s.policy({ dead, maxReserves: 1 })
      assert.deepEqual(await s.take(), [])
      assert.deepEqual([(await s.view(id))?.state, (await s.view(id))?.why], ['buried', 'exhausted'])
    },
  ],
  [
    'that nobody was told of are reported in slices, and due says whether there are more',
    async (s) => {
      const ids: number[] = []
      await s.policy({ dead, maxFailures: 1 })
      for (let i = 0; i < 5; i++) ids.push(await s.put('x', {}, { lease: 1000 }))
      await s.take(5)
      s.clock.move(1000)
      const told: number[] = []
      const hints: unknown[] = []
      s.store.hear((hint) => hint.due !== undefined && hints.push(hint.due))
      for (let more = true; more;) {
        const due = await s.ok<'due'>({ do: 'due', limit: 2 })
        told.push(...due.dead.map(({ id }) => id))
        more = due.more
      }
      assert.deepEqual(told, ids)
      await setImmediate()
      assert.deepEqual(hints, [], 'its answers say all, and no hint that there is more')
    },
  ],
  [
    'are jobs that outlived the time of the queue they were moved to, though the one before would have dropped them',
    async (s) => {
      await s.policy({ retention: 5000 })
      await s.policy({ ttl: 1000, dead }, other)
      const id = await s.put('x')
      await s.ok<'forward'>({ do: 'forward', job: { id }, to: [{ queue: other }], why: 'asked' })
      s.clock.move(1000)
      assert.deepEqual(
        (await s.ok<'due'>({ do: 'due', limit: 10 })).dead.map((one) => [one.id, one.why]),
        [[id, 'expired']],
      )
    },
  ],
  [
    'go to several queues as copies, the first keeping the id; to a full one not at all; to none they are dropped',
    async (s) => {
      const id = await s.put('x')
      await s.policy({ maxJobs: 0 }, 'default/full')
      const { per } = await s.ok<'forward'>({
        do: 'forward',
        job: { id },
        to: [{ queue: 'default/full' }, { queue: dead, create: true }, { queue: other, create: true }],
        why: 'rejected',
      })
      assert.deepEqual(
        per.map((one) => (one.ok ? [one.id === id, one.state] : one.why)),
        ['full', [true, 'ready'], [false, 'ready']],
      )
      assert.equal(text((await s.takeOne([other])).body), 'x')
      await s.refused({ do: 'forward', job: { id }, to: [{ queue: 'default/full' }], why: 'asked' }, 'full')
      assert.equal(await s.state(id), 'ready')
      await s.ok<'forward'>({ do: 'forward', job: { id }, to: [], why: 'asked' })
      assert.equal(await s.state(id), 'gone')
    },
  ],
  [
    'return to where they died with bulk, and may be tried again there',
    async (s) => {
      await s.policy({ maxFailures: 1 })
      const id = await s.put('x')
      const { n } = await s.takeOne()
      await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'failed' })
      await s.ok<'forward'>({ do: 'forward', job: { id }, to: [{ queue: dead, create: true }], why: 'exhausted' })
      assert.equal(
        (
          await s.ok<'bulk'>({
            do: 'bulk',
            where: { queue: dead, states: ['ready'] },
            act: { to: 'origin' },
            limit: 10,
          })
        ).count,
        1,
      )
      const job = await s.takeOne([mail])
      assert.deepEqual([job.id, job.failures], [id, 0])
    },
  ],
  [
    'return with bulk only where their queue has a policy, if that is asked for; a queue that is gone does not come back',
    async (s) => {
      const id = await s.put('x')
      await s.ok<'forward'>({ do: 'forward', job: { id }, to: [{ queue: dead, create: true }], why: 'exhausted' })
      const back = (to: 'origin' | Queue) =>
        s.ok<'bulk'>({
          do: 'bulk',
          where: { queue: dead, states: ['ready'] },
          act: { to, explicit: true },
          limit: 10,
        })
      assert.deepEqual([(await back('origin')).count, (await back('default/never')).count], [0, 0])
      assert.equal(await s.stats('default/never'), undefined)
      await s.policy({ maxFailures: 1 })
      assert.equal((await back('origin')).count, 1)
      assert.equal((await s.takeOne([mail])).id, id)
    },
  ],
  [
    'may be given another body and envelope on the way',
    async (s) => {
      const id = await s.put('before')
      await s.ok<'forward'>({
        do: 'forward',
        job: { id },
        to: [{ queue: mail }],
        why: 'asked',
        body: Buffer.alloc(700, 'z'),
        envelope: Buffer.from('e'),
      })
      const job = await s.takeOne()
      assert.deepEqual([job.body.length, text(job.envelope)], [700, 'e'])
      assert.equal((await s.stats())?.bytes, 700)
    },
  ],
  [
    'are reported again also where a unit in which they left was undone',
    async (s) => {
      await s.policy({ dead })
      const id = await s.put('x')
      const { n } = await s.takeOne()
      await s.ok<'bury'>({ do: 'bury', job: { id, n }, why: 'rejected' })
      await s.ok<'due'>({ do: 'due', limit: 100 })
      await s.unit({
        refused: 'undo',
        ops: [
          { do: 'finish', job: { id } },
          { do: 'finish', job: { id: 999 } },
        ],
      })
      s.clock.move(120_000)
      assert.deepEqual(
        (await s.ok<'due'>({ do: 'due', limit: 100 })).dead.map((one) => one.id),
        [id],
      )
    },
  ],
  [
    'that had nowhere to go are reported when their queue has a target again, whichever process said so',
    async (s) => {
      await s.policy({ dead })
      const id = await s.put('x')
      const { n } = await s.takeOne()
      await s.ok<'bury'>({ do: 'bury', job: { id, n }, why: 'rejected' })
      await s.policy({})
      const due = async () => {
        s.clock.move(120_000)
        return (await s.ok<'due'>({ do: 'due', limit: 100 })).dead.map((one) => one.id)
      }
      assert.deepEqual(await due(), [])
      const second = s.store.traits.shared ? await s.second() : s.store
      await second.commit([{ ops: [{ do: 'record', key: `queue/${mail}`, value: { dead } }] }])[0]
      if (second !== s.store) await second.close()
      assert.deepEqual(await due(), [id])
    },
  ],
  [
    'return with bulk also where many that never died lie before them',
    async (s) => {
      for (let i = 0; i < 5; i++) await s.put('direct', { queue: dead })
      const id = await s.put('x')
      await s.ok<'forward'>({ do: 'forward', job: { id }, to: [{ queue: dead }], why: 'exhausted' })
      const where = { queue: dead, states: ['ready' as const] }
      const { count, more } = await s.ok<'bulk'>({ do: 'bulk', where, act: { to: 'origin' }, limit: 2 })
      assert.deepEqual([count, more, (await s.takeOne([mail])).id], [1, false, id])
    },
  ],
]
