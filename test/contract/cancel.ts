import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { mail, other } from './subject.ts'
import type { Case } from './store-contract.ts'

export const cancel: Case[] = [
  [
    'of a job that nobody holds ends it',
    async (s) => {
      const id = await s.put('x')
      assert.equal((await s.ok<'cancel'>({ do: 'cancel', job: id })).state, 'finished')
      await s.refused({ do: 'cancel', job: id }, 'gone')
    },
  ],
  [
    'of a reserved job marks it: the holder learns by a hint and by its touch, and may still finish',
    async (s) => {
      const id = await s.put('x')
      const { n } = await s.takeOne()
      const told: unknown[] = []
      const first = new Promise((resolve) =>
        s.store.hear((hint) => {
          told.push(...(hint.ended ?? []))
          if (hint.ended) resolve(told)
        }),
      )
      assert.equal((await s.ok<'cancel'>({ do: 'cancel', job: id })).state, 'reserved')
      await first
      assert.equal((await s.ok<'touch'>({ do: 'touch', job: { id, n }, ms: 'own' })).cancelled, true)
      assert.equal((await s.finish(id, n)).ok, true)
      await s.policy({})
      await setImmediate()
      assert.deepEqual(told, [{ id, n, why: 'cancelled' }], 'once')
    },
  ],
  [
    'is over for a job that its holder sets aside, or that is moved: it may be tried again',
    async (s) => {
      for (const act of ['retry', { to: other }] as const) {
        const id = await s.put('x')
        const { n } = await s.takeOne()
        await s.ok<'cancel'>({ do: 'cancel', job: id })
        await s.ok<'bury'>({ do: 'bury', job: { id, n }, why: 'failed' })
        await s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['buried'] }, act, limit: 1 })
        const again = await s.takeOne([mail, other])
        assert.equal((await s.ok<'touch'>({ do: 'touch', job: { id, n: again.n }, ms: 'own' })).cancelled, undefined)
        await s.ok<'release'>({ do: 'release', job: { id, n: again.n }, as: 'failed' })
        assert.equal(await s.state(id), 'ready')
        await s.ok<'cancel'>({ do: 'cancel', job: id })
      }
    },
  ],
  [
    'of a reserved job holds when its lease is over: nobody reserves it by its id, however many are over',
    async (s) => {
      const ids: number[] = []
      for (let i = 0; i < 100; i++) ids.push(await s.put('x'))
      await s.take(100, [mail], { ms: 1000 })
      const last = ids.at(-1) as number
      await s.ok<'cancel'>({ do: 'cancel', job: last })
      s.clock.move(1000)
      assert.deepEqual(await s.take(1, last), [])
      for (let i = 0; i < 2; i++) await s.ok<'due'>({ do: 'due', limit: 200 })
      const stats = await s.stats()
      assert.deepEqual([stats?.ready, stats?.reserved, stats?.gone], [99, 0, 1])
    },
  ],
]
