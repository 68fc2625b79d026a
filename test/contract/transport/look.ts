import assert from 'node:assert/strict'
import { refOf, text } from './subject.ts'
import type { Case } from '../transport-contract.ts'

export const look: Case[] = [
  [
    'a job is seen by its id, in each state',
    async (s) => {
      assert.equal(await s.view(2 ** 40), undefined)
      const id = await s.put('hello', { pri: 7 })
      const view = await s.view(id)
      assert.ok(view)
      assert.deepEqual(
        [view.id, view.queue, view.state, view.pri, view.size, text(view.body), view.reserves],
        [id, s.queue, 'ready', 7, 5, 'hello', 0],
      )
      assert.ok(Math.abs(view.put - s.transport.now()) < 60_000)
      const job = await s.takeOne()
      assert.equal(await s.state(id), 'reserved')
      const at = s.transport.now() + 100_000
      await s.ok({ do: 'release', job: refOf(job), as: 'asked', at })
      const later = await s.view(id)
      assert.equal(later?.state, 'delayed')
      assert.ok(Math.abs((later?.at ?? 0) - at) < 60_000)
    },
  ],
  [
    'the next one in each state',
    async (s) => {
      const next = async (state: 'ready' | 'delayed' | 'buried', order: 'take' | 'due' | 'buried') => {
        const { jobs } = await s.transport.look({
          where: { queue: s.queue, states: [state] },
          order,
          limit: 1,
          with: ['body'],
        })
        return jobs.map((job) => text(job.body)).join()
      }
      assert.equal(await next('ready', 'take'), '')
      await s.put('bury me')
      await s.ok({ do: 'bury', job: refOf(await s.takeOne()), why: 'rejected' })
      await s.put('second')
      await s.put('first', { pri: 1 })
      await s.put('later', { at: s.transport.now() + 200_000 })
      await s.put('sooner', { at: s.transport.now() + 100_000 })
      assert.equal(await next('ready', 'take'), 'first')
      assert.equal(await next('delayed', 'due'), 'sooner')
      assert.equal(await next('buried', 'buried'), 'bury me')
    },
  ],
  [
    'jobs are counted by state',
    async (s) => {
      for (const name of ['a', 'b', 'c', 'd']) await s.put(name)
      await s.put('later', { at: s.transport.now() + 100_000 })
      const [first, second] = await s.take(2)
      assert.ok(first && second)
      await s.ok({ do: 'bury', job: refOf(first), why: 'rejected' })
      const [stats, ...others] = await s.transport.stats([s.queue])
      assert.ok(stats && others.length === 0)
      const { queue, ready, delayed, reserved, buried, puts, gone } = stats
      assert.deepEqual(
        { queue, ready, delayed, reserved, buried, puts, gone },
        { queue: s.queue, ready: 2, delayed: 1, reserved: 1, buried: 1, puts: 5, gone: 0 },
      )
      assert.deepEqual(await s.transport.stats(['default/never-was']), [])
      assert.ok((await s.transport.stats()).some((one) => one.queue === s.queue))
    },
  ],
  [
    'why a job is not running',
    async (s) => {
      assert.equal(await s.transport.why(2 ** 40), undefined)
      const id = await s.put('x')
      assert.match((await s.transport.why(id)) ?? '', /^Ready/)
      await s.transport.pause(s.queue, s.transport.now() + 100_000)
      assert.match((await s.transport.why(id)) ?? '', /is paused for another/)
      await s.transport.pause(s.queue, 0)
      const job = await s.takeOne()
      assert.match((await s.transport.why(id)) ?? '', /^Reserved/)
      await s.ok({ do: 'release', job: refOf(job), as: 'asked', at: s.transport.now() + 100_000 })
      assert.match((await s.transport.why(id)) ?? '', /^Delayed for another/)
      await s.ok({ do: 'release', job: { id }, as: 'kicked' })
      await s.ok({ do: 'bury', job: refOf(await s.takeOne()), why: 'asked' })
      assert.match((await s.transport.why(id)) ?? '', /^Buried/)
    },
  ],
  [
    'nobody takes from a queue that is paused, also before its first job, until it goes on',
    async (s) => {
      await s.transport.pause(s.queue, s.transport.now() + 100_000)
      await s.put('x')
      assert.deepEqual(await s.take(), [])
      const [stats] = await s.transport.stats([s.queue])
      assert.ok((stats?.pausedUntil ?? 0) > s.transport.now())
      await s.put('y', { queue: s.other })
      assert.equal((await s.take(9, [s.queue, s.other])).length, 1)
      const waiting = s.takeOne()
      await s.transport.pause(s.queue, 0)
      assert.equal(text((await waiting).body), 'x')
    },
  ],
]
