import assert from 'node:assert/strict'
import { putOf, refOf } from './subject.ts'
import type { Case } from '../transport-contract.ts'

export const unit: Case[] = [
  [
    'operations have their answers in order, and go on at a refusal',
    async (s) => {
      await s.put('x')
      const job = await s.takeOne()
      const results = await s.unit({
        ops: [s.putOp('a'), { do: 'finish', job: { id: 2 ** 40 } }, { do: 'finish', job: refOf(job) }],
      })
      assert.deepEqual(
        results.map((result) => (result.ok ? result.do : result.why)),
        ['put', 'gone', 'finish'],
      )
    },
  ],
  [
    'or skip the rest',
    async (s) => {
      const results = await s.unit({
        ops: [s.putOp('a'), { do: 'finish', job: { id: 2 ** 40 } }, s.putOp('b'), s.putOp('c')],
        refused: 'skip',
      })
      assert.deepEqual(
        results.map((result) => (result.ok ? result.do : result.why)),
        ['put', 'gone', 'skipped', 'skipped'],
      )
      assert.deepEqual(await s.texts(), ['a'])
    },
  ],
  [
    'where a unit is whole or nothing, a refusal undoes it; elsewhere it is not begun',
    async (s) => {
      const unit = { ops: [s.putOp('a'), { do: 'finish' as const, job: { id: 2 ** 40 } }], refused: 'undo' as const }
      if (s.transport.capabilities.atomic) await s.unit(unit)
      else await assert.rejects(s.unit(unit), { name: 'NotSupportedError', message: /^beanstalkd: has no units/ })
      assert.deepEqual(await s.take(), [])
      assert.ok(putOf((await s.unit({ ops: [s.putOp('b')], refused: 'undo' }))[0]).ok)
    },
  ],
  [
    'with an operation that can not be it is not begun',
    async (s) => {
      if (s.transport.capabilities.notes) return
      const note = { do: 'note' as const, job: { id: 1 }, kind: 'log' as const, data: Buffer.from('x') }
      await assert.rejects(s.unit({ ops: [s.putOp('a'), note] }), { name: 'NotSupportedError' })
      assert.deepEqual(await s.take(), [])
    },
  ],
]
