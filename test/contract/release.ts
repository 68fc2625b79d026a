import assert from 'node:assert/strict'
import { mail } from './subject.ts'
import type { Case } from './store-contract.ts'

export const release: Case[] = [
  [
    'puts it back before later jobs of its priority',
    async (s) => {
      await s.put('a')
      const { id, n } = await s.takeOne()
      await s.put('b')
      assert.equal((await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'asked', at: 0 })).state, 'ready')
      assert.deepEqual(await s.texts(), ['a', 'b'])
    },
  ],
  [
    'to the back puts it behind them',
    async (s) => {
      await s.put('a')
      const { id, n } = await s.takeOne()
      await s.put('b')
      await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'asked', at: 0, back: true })
      assert.deepEqual(await s.texts(), ['b', 'a'])
    },
  ],
  [
    'with another priority and a delay',
    async (s) => {
      await s.put('a', { pri: 1 })
      const { id, n } = await s.takeOne()
      const { state } = await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'asked', pri: 9, at: s.now + 50 })
      assert.equal(state, 'delayed')
      assert.equal((await s.view(id))?.delay, 50)
      assert.deepEqual(await s.take(), [])
      s.clock.move(50)
      assert.equal((await s.takeOne()).pri, 9)
      await s.ok<'end'>({ do: 'end', session: 's', as: 'released' })
      assert.equal((await s.view(id))?.delay, 50, 'the last that was asked for')
    },
  ],
  [
    'counts: asked a release, failed a release and a failure, lost a failure, untaken nothing and takes the reserve back',
    async (s) => {
      const id = await s.put('x')
      for (const as of ['asked', 'failed', 'lost', 'untaken'] as const) {
        const { n } = await s.takeOne()
        await s.ok<'release'>({ do: 'release', job: { id, n }, as, at: 0, error: Buffer.from(as) })
      }
      const view = await s.view(id)
      assert.deepEqual([view?.reserves, view?.failures, view?.counts.releases], [3, 2, 2])
      assert.equal(Buffer.from(view?.error ?? []).toString(), 'untaken')
    },
  ],
  [
    'as failed waits longer each time, as its backoff says',
    async (s) => {
      const id = await s.put('x', {}, { backoff: { first: 100, factor: 3, max: 500 } })
      for (const wait of [100, 300, 500]) {
        const { n } = await s.takeOne()
        await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'failed' })
        assert.equal((await s.view(id))?.at, s.now + wait)
        s.clock.move(wait)
      }
    },
  ],
  [
    'as failed comes back at once where its backoff begins with none, however often it failed',
    async (s) => {
      const id = await s.put('x', {}, { backoff: { first: 0, factor: 1e200, max: 500 } })
      for (let i = 0; i < 3; i++) {
        const { n } = await s.takeOne()
        assert.equal((await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'failed' })).state, 'ready')
      }
    },
  ],
  [
    'as kicked makes a buried or delayed job ready, and no other',
    async (s) => {
      const [buried, delayed, ready] = [await s.put('b'), await s.put('d', { at: s.now + 9000 }), await s.put('r')]
      await s.ok<'bury'>({ do: 'bury', job: { id: buried }, why: 'asked' })
      for (const id of [buried, delayed])
        assert.equal((await s.ok<'release'>({ do: 'release', job: { id }, as: 'kicked' })).state, 'ready')
      assert.equal((await s.op({ do: 'release', job: { id: ready }, as: 'kicked' })).ok, false)
      assert.equal((await s.view(buried))?.counts.kicks, 1)
    },
  ],
  [
    'over the limit of failures or reserves sets it aside as exhausted; a kick lets it try again',
    async (s) => {
      const id = await s.put('x', {}, { maxFailures: 1 })
      const first = await s.takeOne()
      const answer = await s.ok<'release'>({ do: 'release', job: { id, n: first.n }, as: 'failed', at: 0 })
      assert.deepEqual([answer.state, answer.dead], ['buried', []])
      assert.equal((await s.view(id))?.why, 'exhausted')
      await s.ok<'release'>({ do: 'release', job: { id }, as: 'kicked' })
      assert.equal((await s.takeOne()).id, id)

      await s.policy({ maxReserves: 2 }, mail)
      const again = await s.put('y')
      for (let i = 0; i < 2; i++) {
        const { n } = await s.takeOne(again)
        await s.ok<'release'>({ do: 'release', job: { id: again, n }, as: 'asked', at: 0 })
      }
      assert.equal(await s.state(again), 'buried')
    },
  ],
  [
    'late, of a job that is already back, is no change and no error',
    async (s) => {
      await s.put('x', {}, { lease: 10 })
      const { id, n } = await s.takeOne([mail], { ms: 'own' })
      s.clock.move(10)
      assert.equal(
        (await s.ok<'release'>({ do: 'release', job: { id, n, late: true }, as: 'asked', at: s.now + 99 })).state,
        'ready',
      )
    },
  ],
]
