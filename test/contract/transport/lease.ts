import assert from 'node:assert/strict'
import { refOf, text } from './subject.ts'
import type { Case } from '../transport-contract.ts'

export const lease: Case[] = [
  [
    'a job that is held is given to nobody else, nor finished by them',
    async (s) => {
      const id = await s.put('x')
      const job = await s.takeOne()
      assert.equal(await s.state(id), 'reserved')
      assert.deepEqual(await s.take(), [])
      assert.equal(await s.refusal({ do: 'finish', job: { id } }), 'not held')
      if (s.shares) {
        const second = await s.second()
        assert.deepEqual(await s.take(9, [s.queue], second), [])
        const result = await s.op({ do: 'finish', job: { id } }, second)
        assert.deepEqual(result.ok ? result : result.why, 'not held')
      }
      await s.ok({ do: 'finish', job: refOf(job) })
    },
  ],
  [
    'who closes gives back what it held',
    async (s) => {
      if (!s.shares) return
      const second = await s.second()
      for (const name of ['a', 'b', 'c']) await s.put(name)
      assert.equal((await s.take(2, [s.queue], second)).length, 2)
      await second.close()
      const texts = [text((await s.takeOne()).body), text((await s.takeOne()).body), text((await s.takeOne()).body)]
      assert.deepEqual(texts.sort(), ['a', 'b', 'c'])
      await assert.rejects(second.commit({ ops: [s.putOp('x')] }), { name: 'ClosedError' })
    },
  ],
  [
    'it lasts while the loop is blocked for longer than the time to run',
    async (s) => {
      const lost: unknown[] = []
      s.transport.lost((lease) => lost.push(lease))
      await s.put('x', {}, { lease: 2000 })
      await s.put('y', {}, { lease: 1000 })
      const jobs = [await s.takeOne(), await s.takeOne()]
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500)
      for (const { id } of jobs) {
        const view = await s.view(id)
        assert.deepEqual([view?.state, view?.counts.timeouts], ['reserved', 0])
      }
      for (const job of jobs) await s.ok({ do: 'finish', job: refOf(job) })
      assert.deepEqual(lost, [])
    },
  ],
  [
    'it can be told to last, and ends once only',
    async (s) => {
      const id = await s.put('x')
      const job = await s.takeOne()
      await s.ok({ do: 'touch', job: refOf(job), ms: 'own' })
      await s.ok({ do: 'finish', job: refOf(job) })
      for (const op of ['finish', 'release', 'bury', 'touch'] as const) {
        const refused = await s.refusal({ do: op, job: refOf(job), as: 'untaken', why: 'rejected', ms: 'own' } as never)
        assert.ok(['gone', 'stale'].includes(refused), `${op}: ${refused}`)
      }
      assert.equal(await s.refusal({ do: 'finish', job: { id } }), 'gone')
    },
  ],
  [
    'an earlier holder changes nothing',
    async (s) => {
      const id = await s.put('x')
      const first = await s.takeOne()
      await s.ok({ do: 'release', job: refOf(first), as: 'untaken' })
      const second = await s.takeOne()
      assert.equal(second.id, id)
      assert.equal(await s.refusal({ do: 'finish', job: refOf(first) }), 'stale')
      await s.ok({ do: 'finish', job: refOf(second) })
    },
  ],
]
