import assert from 'node:assert/strict'
import { mail, other, text } from './subject.ts'
import type { Case } from './store-contract.ts'

export const finish: Case[] = [
  [
    'keeps of steps the last note a key until then, of logs all, of progress the last',
    async (s) => {
      if (!s.store.traits.notes) return
      const id = await s.put('x')
      const notes = [
        ['step', 'a', '1'],
        ['step', 'b', '2'],
        ['log', undefined, '3'],
        ['step', 'a', '4'],
        ['log', undefined, '5'],
        ['progress', undefined, '6'],
        ['progress', undefined, '7'],
      ] as const
      for (const [kind, key, data] of notes)
        await s.ok<'note'>({ do: 'note', job: { id }, kind, data: Buffer.from(data), ...(key && { key }) })
      const { jobs } = await s.store.look({ id, limit: 1, with: ['notes'] })
      assert.deepEqual(
        jobs[0]?.notes?.map(({ kind, key, data }) => [kind, key, text(data)]),
        [1, 2, 3, 4, 6].map((i) => notes[i]),
      )
    },
  ],
  [
    'leaves no notes for one that is restored by the same id',
    async (s) => {
      if (!s.store.traits.notes) return
      const counts = { releases: 0, timeouts: 0, buries: 0, kicks: 0 }
      const restore = { id: 500, put: 1000, reserves: 0, counts }
      for (let i = 0; i < 2; i++) {
        const msg = { body: Buffer.from('x') }
        await s.ok<'put'>({ do: 'put', to: [{ queue: mail, create: true }], msg, restore })
        const { jobs } = await s.store.look({ id: 500, limit: 1, with: ['notes'] })
        assert.deepEqual(jobs[0]?.notes ?? [], [])
        await s.ok<'note'>({ do: 'note', job: { id: 500 }, kind: 'log', data: Buffer.from('line') })
        await s.ok<'finish'>({ do: 'finish', job: { id: 500 } })
      }
    },
  ],
  [
    'under the current lease, once',
    async (s) => {
      await s.put('x')
      const { id, n } = await s.takeOne()
      assert.deepEqual(await s.finish(id, n), { ok: true, do: 'finish' })
      await s.refused({ do: 'finish', job: { id, n } }, 'gone')
    },
  ],
  [
    'under an old lease is refused as stale, and loses nothing',
    async (s) => {
      await s.put('x')
      const first = await s.takeOne()
      await s.ok<'release'>({ do: 'release', job: { id: first.id, n: first.n }, as: 'asked', at: 0 })
      await s.refused({ do: 'finish', job: { id: first.id, n: first.n } }, 'stale')
      const second = await s.takeOne()
      await s.refused({ do: 'finish', job: { id: first.id, n: first.n } }, 'stale')
      assert.equal((await s.finish(second.id, second.n)).ok, true)
    },
  ],
  [
    'late works after the lease is over, while nobody took the job again',
    async (s) => {
      await s.put('x', {}, { lease: 100 })
      const { id, n } = await s.takeOne([mail], { ms: 'own' })
      s.clock.move(100)
      await s.refused({ do: 'finish', job: { id, n } }, 'stale')
      await s.ok<'finish'>({ do: 'finish', job: { id, n, late: true } })
      assert.equal(await s.state(id), 'gone')
    },
  ],
  [
    'late does nothing to a job that was moved to another queue since, nor to one that was moved back',
    async (s) => {
      await s.put('x', {}, { lease: 100 })
      const { id, n } = await s.takeOne([mail], { ms: 'own' })
      s.clock.move(100)
      for (const queue of [other, mail]) {
        await s.ok<'forward'>({ do: 'forward', job: { id }, to: [{ queue, create: true }], why: 'asked' })
        await s.refused({ do: 'finish', job: { id, n, late: true } }, 'stale')
      }
      if (s.store.traits.durable) await s.reopen()
      await s.refused({ do: 'finish', job: { id, n, late: true } }, 'stale')
      const again = await s.takeOne()
      assert.ok(again.n > n)
      await s.ok<'finish'>({ do: 'finish', job: { id, n: again.n } })
    },
  ],
  [
    'by a session that holds it, and by no other',
    async (s) => {
      const id = await s.put('x')
      await s.take(1, [mail], { session: 'mine' })
      await s.refused({ do: 'finish', job: { id, held: 'theirs', free: true } }, 'not held')
      await s.refused({ do: 'finish', job: { id } }, 'not held')
      await s.ok<'finish'>({ do: 'finish', job: { id, held: 'mine', free: true } })
    },
  ],
  [
    'of a job that nobody holds: with free or plainly, not where a session must hold it',
    async (s) => {
      const [a, b] = [await s.put('a'), await s.put('b', { at: s.now + 1000 })]
      await s.refused({ do: 'finish', job: { id: a, held: 'mine' } }, 'not held')
      await s.ok<'finish'>({ do: 'finish', job: { id: a, held: 'mine', free: true } })
      await s.ok<'finish'>({ do: 'finish', job: { id: b } })
    },
  ],
  [
    'by force ends the lease of whoever holds it',
    async (s) => {
      const id = await s.put('x')
      const { n } = await s.takeOne()
      const ended = new Promise((resolve) => s.store.hear((hint) => hint.ended && resolve(hint.ended)))
      await s.ok<'finish'>({ do: 'finish', job: { id, force: true } })
      assert.deepEqual(await ended, [{ id, n, why: 'forced' }])
    },
  ],
]
