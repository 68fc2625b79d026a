import assert from 'node:assert/strict'
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
      const told = new Promise((resolve) => s.store.hear((hint) => hint.ended && resolve(hint.ended)))
      assert.equal((await s.ok<'cancel'>({ do: 'cancel', job: id })).state, 'reserved')
      assert.deepEqual(await told, [{ id, n, why: 'cancelled' }])
      assert.equal((await s.ok<'touch'>({ do: 'touch', job: { id, n }, ms: 'own' })).cancelled, true)
      assert.equal((await s.finish(id, n)).ok, true)
    },
  ],
]
