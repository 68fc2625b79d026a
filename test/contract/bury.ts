import assert from 'node:assert/strict'
import { mail } from './subject.ts'
import type { Case } from './store-contract.ts'

export const bury: Case[] = [
  [
    'sets a job aside: nobody takes it, its fence and reason stay, its priority may change',
    async (s) => {
      await s.put('x')
      const { id, n } = await s.takeOne()
      await s.ok<'bury'>({ do: 'bury', job: { id, n }, why: 'asked', pri: 4, error: Buffer.from('broke') })
      assert.deepEqual(await s.take(), [])
      const view = await s.view(id)
      assert.deepEqual([view?.state, view?.why, view?.pri, view?.counts.buries], ['buried', 'asked', 4, 1])
      assert.equal(Buffer.from(view?.error ?? []).toString(), 'broke')
      await s.refused({ do: 'finish', job: { id, n } }, 'stale')
      await s.ok<'finish'>({ do: 'finish', job: { id, n, buried: true } })
    },
  ],
  [
    'is kicked in the order of burial; delayed ones, soonest first, only where none is buried',
    async (s) => {
      const ids = [await s.put('a'), await s.put('b'), await s.put('c')]
      for (const id of [ids[1], ids[0], ids[2]])
        await s.ok<'bury'>({ do: 'bury', job: { id: id as number }, why: 'asked' })
      const late = await s.put('late', { at: s.now + 2000 })
      const soon = await s.put('soon', { at: s.now + 1000 })
      const kick = (limit: number) =>
        s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['buried', 'delayed'] }, act: 'kick', limit })
      assert.deepEqual(
        [(await kick(2)).count, await s.state(ids[1] as number), await s.state(ids[0] as number)],
        [2, 'ready', 'ready'],
      )
      assert.deepEqual(
        [(await kick(100)).count, await s.state(ids[2] as number), await s.state(soon)],
        [1, 'ready', 'delayed'],
      )
      assert.deepEqual([(await kick(1)).count, await s.state(soon), await s.state(late)], [1, 'ready', 'delayed'])
    },
  ],
  [
    'keeps a job for so long; one that is tried again has as much time as any other',
    async (s) => {
      const setAside = async () => {
        const { id, n } = await s.takeOne()
        await s.ok<'bury'>({ do: 'bury', job: { id, n }, why: 'failed', keep: { ms: 1000, jobs: 10 } })
        return id
      }
      await s.put('x')
      const id = await setAside()
      s.clock.move(999)
      await s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['buried'] }, act: 'retry', limit: 10 })
      s.clock.move(1000)
      assert.equal(await s.state(id), 'ready')
      await setAside()
      s.clock.move(1000)
      assert.equal(await s.state(id), 'gone')
    },
  ],
  [
    'keeps so many jobs, those that were set aside last',
    async (s) => {
      for (let i = 0; i < 4; i++) await s.put('x')
      const jobs = (await s.take(4)).map(({ id, n }) => ({ id, n })).toReversed()
      for (const job of jobs) await s.ok<'bury'>({ do: 'bury', job, why: 'failed', keep: { ms: 1000, jobs: 2 } })
      assert.deepEqual(await Promise.all(jobs.map(({ id }) => s.state(id))), ['gone', 'gone', 'buried', 'buried'])
    },
  ],
  [
    'keeps no job for longer than its queue does, whether it lies there or is tried again',
    async (s) => {
      await s.policy({ retention: 5000 })
      const ids = [await s.put('a'), await s.put('b'), await s.put('c')] as const
      const terms = [1000, 10_000, 1000]
      for (const { id, n } of await s.take(3))
        await s.ok<'bury'>({
          do: 'bury',
          job: { id, n },
          why: 'failed',
          keep: { ms: terms[ids.indexOf(id)] as number, jobs: 10 },
        })
      await s.ok<'release'>({ do: 'release', job: { id: ids[2] }, as: 'kicked' })
      const states = () => Promise.all(ids.map((id) => s.state(id)))
      s.clock.move(1000)
      assert.deepEqual(await states(), ['gone', 'buried', 'ready'])
      s.clock.move(4000)
      assert.deepEqual(await states(), ['gone', 'gone', 'gone'])
    },
  ],
]
