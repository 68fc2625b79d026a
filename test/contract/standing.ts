import assert from 'node:assert/strict'
import type { StoreLimit } from '../../src/stores/store.ts'
import { mail, other, type Subject } from './subject.ts'
import type { Case } from './store-contract.ts'

/** As [name, running, parked, keys], without limits at which nothing is going on: a store may still know them. */
async function standing(s: Subject): Promise<[string, number, number, number][]> {
  const limits: StoreLimit[] = (await s.store.limits?.()) ?? []
  return limits
    .filter(({ running, parked }) => running + parked > 0)
    .map(({ name, running, parked, keys }) => [name, running, parked, keys])
}

const limit = (s: Subject, name: string, value: object | undefined) =>
  s.ok<'record'>({ do: 'record', key: `limit/${name}`, value })

/** Of `Store.limits`. */
export const limitStanding: Case[] = [
  [
    'counts what is reserved and what waits at a limit, over all queues',
    async (s) => {
      if (!s.store.traits.gates) return
      await limit(s, 'm', { concurrency: 2 })
      await limit(s, 'unused', { concurrency: 2 })
      for (const queue of [mail, mail, other, other]) await s.put('x', { queue }, { gates: ['m'] })
      await s.put('free')
      const jobs = await s.take(10, [mail, other])
      assert.equal(jobs.length, 3)
      assert.deepEqual(await standing(s), [['m', 2, 2, 0]])
      const first = await s.view(jobs[0]?.id ?? 0)
      assert.ok(first)
      await s.finish(first.id, first.n)
      assert.deepEqual(await standing(s), [['m', 1, 1, 0]], 'one is let out, and ready')
      await s.take(10, [mail, other])
      assert.deepEqual(await standing(s), [['m', 2, 1, 0]])
    },
  ],
  [
    'adds up the keys of a limit, and counts those that have jobs',
    async (s) => {
      if (!s.store.traits.gates) return
      await limit(s, 'user', { concurrency: 1 })
      await limit(s, 'b', { concurrency: 5 })
      for (const gates of [['user/ada'], ['user/ada', 'b'], ['user/eve', 'b'], ['user/a/b'], ['user']])
        await s.put('x', {}, { gates })
      const jobs = await s.take(10)
      assert.deepEqual(await standing(s), [
        ['b', 1, 0, 0],
        ['user', 4, 1, 3],
      ])
      for (const { id, n } of jobs) await s.finish(id, n)
      for (const { id, n } of await s.take(10)) await s.finish(id, n)
      assert.deepEqual(await standing(s), [])
    },
  ],
  [
    'knows of jobs whose limit is no longer there, and not of the limits of queues',
    async (s) => {
      if (!s.store.traits.gates) return
      await s.policy({ concurrency: 1, rate: { jobs: 1, per: 1000 } })
      await s.put('x', {}, { gates: ['m'] })
      await s.put('y')
      await s.takeOne()
      assert.deepEqual(await standing(s), [['m', 1, 0, 0]])
    },
  ],
  [
    'is as of now, where time has opened a gate or ended a lease; and the same after a restart',
    async (s) => {
      if (!s.store.traits.gates) return
      await limit(s, 'm', { rate: { jobs: 1, per: 1000 } })
      for (const body of ['a', 'b', 'c']) await s.put(body, {}, { gates: ['m'] })
      await s.takeOne([mail], { ms: 500, session: 's' })
      assert.deepEqual(await standing(s), [['m', 1, 2, 0]])
      if (s.store.traits.durable) {
        await s.reopen()
        s.clock.move(250)
        assert.deepEqual(await standing(s), [['m', 0, 3, 0]], 'what its sessions held is lost')
      } else s.clock.move(500)
      s.clock.move(1000)
      assert.deepEqual(await standing(s), [['m', 0, 2, 0]], 'one is let out')
    },
  ],
]
