import assert from 'node:assert/strict'
import { mail, text } from './subject.ts'
import type { Case } from './store-contract.ts'

/** What a store says it can't do is refused as such; what it says it can, holds. */
export const traits: Case[] = [
  [
    'without gates, notes and children refuse them as unsupported',
    async (s) => {
      const { gates, notes, children } = s.store.traits
      const put = (msg: object) => ({
        do: 'put' as const,
        to: [{ queue: mail, create: true as const }],
        msg: { body: Buffer.from('x'), ...msg },
      })
      const id = await s.put('x')
      if (!gates) await s.refused(put({ gates: ['limit'] }), 'unsupported')
      if (!children) {
        await s.refused(put({ parent: id }), 'unsupported')
        await s.refused(put({ children: true }), 'unsupported')
      }
      if (!notes) await s.refused({ do: 'note', job: { id }, kind: 'log', data: Buffer.from('x') }, 'unsupported')
    },
  ],
  [
    'durable: everything is there after a restart, as it was',
    async (s) => {
      if (!s.store.traits.durable) return
      await s.policy({ maxJobs: 100 })
      const ready = await s.put('ready', { pri: 3 }, { envelope: Buffer.from('e'), name: 'n', group: 'g' })
      const delayed = await s.put('delayed', { at: s.now + 1000 })
      const buried = await s.put('buried')
      await s.ok<'bury'>({ do: 'bury', job: { id: buried }, why: 'rejected', error: Buffer.from('why') })
      const before = [await s.view(ready), await s.view(delayed), await s.view(buried), await s.stats()]
      await s.reopen()
      assert.deepEqual([await s.view(ready), await s.view(delayed), await s.view(buried), await s.stats()], before)
      assert.equal(text((await s.takeOne()).body), 'ready')
    },
  ],
  [
    'shared: a second one sees the same jobs, never takes one that is taken, and the first sees what it did',
    async (s) => {
      if (!s.store.traits.shared) return
      const second = await s.second()
      try {
        const a = await s.put('a')
        const b = await s.put('b')
        const { id, n } = await s.takeOne()
        assert.equal(id, a)
        const [result] =
          (await second.commit([
            { ops: [{ do: 'reserve', from: [mail], max: 9, bytes: 1e9, lease: { session: 's' } }] },
          ])[0]) ?? []
        assert.ok(result?.ok && result.do === 'reserve')
        assert.deepEqual(
          result.jobs.map((job) => job.id),
          [b],
        )
        assert.equal((await s.finish(id, n)).ok, true)
        assert.deepEqual(await s.take(), [])
        assert.equal((await second.stats([mail]))[0]?.reserved, 1)
      } finally {
        await second.close()
      }
      assert.deepEqual(await s.texts(), [], 'what its sessions held waits a little')
      s.clock.move(250)
      assert.deepEqual(await s.texts(), ['b'], 'and returns')
    },
  ],
  [
    'shared: who has waited since before another came is told of what that one puts',
    async (s) => {
      if (!s.store.traits.shared) return
      const told = () => new Promise((resolve) => s.store.hear((hint) => hint.ready?.includes(mail) && resolve(true)))
      await s.store.wait([mail])
      const came = told()
      const second = await s.second()
      try {
        await came
        const put = told()
        const msg = { body: Buffer.from('x') }
        await second.commit([{ ops: [{ do: 'put', to: [{ queue: mail, create: true }], msg }] }])[0]
        await put
      } finally {
        await second.close()
      }
    },
  ],
  [
    'shared: who waits is told of what another puts',
    async (s) => {
      if (!s.store.traits.shared) return
      const second = await s.second()
      try {
        await second.wait([mail])
        const told = new Promise((resolve) => second.hear((hint) => hint.ready?.includes(mail) && resolve(true)))
        await s.put('x')
        assert.equal(await told, true)
      } finally {
        await second.close()
      }
    },
  ],
]
