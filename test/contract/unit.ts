import assert from 'node:assert/strict'
import { ClosedError } from '../../src/index.ts'
import type { State } from '../../src/job.ts'
import type { Op, Unit } from '../../src/stores/store.ts'
import { mail, other } from './subject.ts'
import type { Case } from './store-contract.ts'

const put = (body: string): Op => ({ do: 'put', to: [{ queue: mail, create: true }], msg: { body: Buffer.from(body) } })
const take: Op = { do: 'reserve', from: [mail], max: 1, bytes: 1e9, lease: { session: 's' } }
const missing: Op = { do: 'finish', job: { id: 999 } }

async function outline(s: Parameters<Case[1]>[0], ops: Op[], refused?: Unit['refused']): Promise<string[]> {
  const results = await s.unit({ ops, ...(refused && { refused }) })
  return results.map((result) => (result.ok ? 'ok' : result.why))
}

export const unit: Case[] = [
  [
    'runs its operations in order, each seeing those before',
    async (s) => assert.deepEqual(await outline(s, [take, put('a'), take, take]), ['empty', 'ok', 'ok', 'empty']),
  ],
  [
    'goes on after a refusal, by itself',
    async (s) => assert.deepEqual(await outline(s, [missing, put('a'), missing]), ['gone', 'ok', 'gone']),
  ],
  [
    "with 'wait' stops at an empty reserve only, and skips the rest",
    async (s) =>
      assert.deepEqual(await outline(s, [missing, put('a'), take, take, put('b')], 'wait'), [
        'gone',
        'ok',
        'ok',
        'empty',
        'skipped',
      ]),
  ],
  [
    "with 'skip' stops at any refusal",
    async (s) => {
      assert.deepEqual(await outline(s, [put('a'), missing, put('b')], 'skip'), ['ok', 'gone', 'skipped'])
      assert.equal((await s.stats())?.ready, 1)
    },
  ],
  [
    "with 'undo' leaves nothing of it when one is refused: no job, no count, no record, no lease changed",
    async (s) => {
      await s.put('held', {}, { group: 'g' })
      const { id, n } = await s.takeOne()
      const before = await s.stats()
      const answers = await outline(
        s,
        [
          { do: 'finish', job: { id, n } },
          put('next'),
          { do: 'record', key: 'r', value: 1 },
          { do: 'touch', job: { id: 999, n: 1 }, ms: 1 },
        ],
        'undo',
      )
      assert.deepEqual(answers, ['skipped', 'skipped', 'skipped', 'gone'])
      assert.deepEqual(await s.stats(), before)
      assert.equal(await s.state(id), 'reserved')
      assert.deepEqual((await s.store.records(0)).changed, [])
      assert.deepEqual(await outline(s, [{ do: 'finish', job: { id, n } }, put('next')], 'undo'), ['ok', 'ok'])
      assert.deepEqual(await s.texts(), ['next'])
    },
  ],
  [
    "with 'undo' leaves a session all that it holds",
    async (s) => {
      for (let i = 0; i < 3; i++) await s.put('x')
      for (const { id, n } of await s.take(3)) {
        const finish = (job: { id: number; n: number }) => ({ do: 'finish', job }) as const
        await s.unit({ ops: [finish({ id, n }), finish({ id: 999, n: 1 })], refused: 'undo' })
      }
      assert.equal((await s.ok<'end'>({ do: 'end', session: 's', as: 'released' })).count, 3)
    },
  ],
  [
    "with 'undo' leaves jobs in their order, whatever was done to them: ready, delayed and buried ones",
    async (s) => {
      const at = s.now + 1000
      const ids = async (order: 'take' | 'due' | 'buried', state: State) => {
        const { jobs } = await s.store.look({ where: { queue: mail, states: [state] }, order, limit: 10 })
        return jobs.map(({ id }) => id)
      }
      const buried = [await s.put('1'), await s.put('2'), await s.put('3')]
      for (const id of buried) await s.ok<'bury'>({ do: 'bury', job: { id }, why: 'asked' })
      const ready = [await s.put('4'), await s.put('5'), await s.put('6')]
      const delayed = [await s.put('7', { at }), await s.put('8', { at }), await s.put('9', { at })]
      for (const change of [
        (id: number): Op => ({ do: 'finish', job: { id } }),
        (id: number): Op => ({ do: 'forward', job: { id }, to: [{ queue: other, create: true }], why: 'asked' }),
        (id: number): Op => ({ do: 'bury', job: { id }, why: 'asked' }),
        (id: number): Op => ({ do: 'forward', job: { id }, to: [], why: 'asked' }),
      ]) {
        const firsts = [buried, ready, delayed].flatMap((list) => list.slice(0, 2))
        await outline(s, [...firsts.map(change), missing], 'undo')
        assert.deepEqual(await ids('buried', 'buried'), buried)
        assert.deepEqual(await ids('take', 'ready'), ready)
        assert.deepEqual(await ids('due', 'delayed'), delayed)
      }
    },
  ],
  [
    "with 'undo' ends no session: its leases, and later ones, come back when it does end",
    async (s) => {
      await s.put('a')
      await s.put('b')
      await s.takeOne()
      const end: Op = { do: 'end', session: 's', as: 'released' }
      await outline(s, [end, { do: 'record', key: 'r', value: 1, session: 's' }, missing], 'undo')
      await s.takeOne()
      assert.equal((await s.ok<'end'>(end)).count, 2)
    },
  ],
  [
    "with 'undo' takes no reserve",
    async (s) => {
      await s.put('a')
      assert.deepEqual(await outline(s, [take], 'undo'), ['unsupported'])
      assert.equal((await s.stats())?.ready, 1)
    },
  ],
  [
    'of a call is answered each for itself, and later calls see earlier ones',
    async (s) => {
      const first = s.store.commit([{ ops: [put('a')] }, { ops: [missing] }])
      const second = s.store.commit([{ ops: [take] }])
      const answers = await Promise.all([...first, ...second])
      assert.deepEqual(
        answers.map(([result]) => result?.ok),
        [true, false, true],
      )
    },
  ],
  ['without operations is answered with none', async (s) => assert.deepEqual(await s.unit({ ops: [] }), [])],
  [
    'of a closed store is rejected, and none is left without an answer',
    async (s) => {
      await s.store.close()
      const answers = await Promise.allSettled(s.store.commit([{ ops: [put('a')] }, { ops: [put('b')] }]))
      assert.deepEqual(
        answers.map(({ status }) => status),
        ['rejected', 'rejected'],
      )
      for (const read of [() => s.store.look({ id: 1, limit: 1 }), () => s.store.stats(), () => s.store.records(0)])
        await assert.rejects(read, ClosedError)
      if (s.store.traits.durable) await s.reopen()
    },
  ],
]
