import assert from 'node:assert/strict'
import type { State } from '../../src/job.ts'
import type { BulkOp, Op, StoreEvent } from '../../src/stores/store.ts'
import { mail, other } from './subject.ts'
import type { Case } from './store-contract.ts'

const event = (id: number, data?: string): StoreEvent => ({
  type: 'put',
  id,
  queue: mail,
  time: 1000 + id,
  ...(data !== undefined && { data }),
})
const msg = { body: Buffer.from('x') }
const tell = (events: StoreEvent[], more: object = {}) => ({ do: 'tell' as const, events, ...more })

/** The ring, as tell writes it and followers read it. */
export const events: Case[] = [
  [
    'are read as they were told, in order, with numbers that grow by one',
    async (s) => {
      assert.deepEqual(await s.store.events(0, 10), { events: [], last: 0 })
      const { last } = await s.ok<'tell'>(tell([event(1, '{"x":"ü"}'), event(2)]))
      assert.equal(last, 2)
      await s.ok<'tell'>(tell([event(3)]))
      assert.deepEqual(await s.store.events(0, 2), {
        events: [
          { ...event(1, '{"x":"ü"}'), at: 1 },
          { ...event(2), at: 2 },
        ],
        last: 3,
      })
      assert.deepEqual(await s.store.events(2, 10), { events: [{ ...event(3), at: 3 }], last: 3 })
      assert.deepEqual(await s.store.events(Number.MAX_SAFE_INTEGER, 0), { events: [], last: 3 })
    },
  ],
  [
    'that were dropped leave a gap in the numbers',
    async (s) => {
      await s.ok<'tell'>(tell([event(1)]))
      await s.ok<'tell'>(tell([event(2)], { dropped: 7 }))
      const { events } = await s.store.events(0, 10)
      assert.deepEqual(
        events.map(({ at }) => at),
        [1, 9],
      )
    },
  ],
  [
    'are kept up to 10,000, the last ones',
    async (s) => {
      for (let i = 0; i < 13; i++)
        await s.ok<'tell'>(tell(Array.from({ length: 1000 }, (_, j) => event(i * 1000 + j + 1))))
      const { events, last } = await s.store.events(0, 20_000)
      assert.deepEqual([events.length, events[0]?.id, last], [10_000, 3001, 13_000])
    },
  ],
  [
    'are not told when their unit is undone',
    async (s) => {
      await s.ok<'tell'>(tell([event(1)]))
      const unit = await s.unit({ refused: 'undo', ops: [tell([event(2)]), { do: 'finish', job: { id: 99 } }] })
      assert.deepEqual(
        unit.map((result) => result.ok),
        [false, false],
      )
      await s.ok<'tell'>(tell([event(3)]))
      const { events } = await s.store.events(0, 10)
      assert.deepEqual(
        events.map(({ at, id }) => [at, id]),
        [
          [1, 1],
          [2, 3],
        ],
      )
    },
  ],
  [
    'are told of by a hint',
    async (s) => {
      const heard = new Promise((resolve) => s.store.hear((hint) => hint.events !== undefined && resolve(hint.events)))
      await s.ok<'tell'>(tell([event(1), event(2)]))
      assert.equal(await heard, 2)
    },
  ],
  [
    'shared: who has a record follow/... is told of what another tells, and of nothing without it',
    async (s) => {
      if (!s.store.traits.shared) return
      const second = await s.second()
      try {
        const heard: number[] = []
        second.hear((hint) => hint.events !== undefined && heard.push(hint.events))
        await s.ok<'tell'>(tell([event(1)]))
        await second.commit([{ ops: [{ do: 'record', key: 'follow/x', value: true, session: 'x' }] }])[0]
        const told = new Promise((resolve) => second.hear((hint) => hint.events !== undefined && resolve(hint.events)))
        await s.ok<'tell'>(tell([event(2)]))
        assert.equal(await told, 2)
        assert.deepEqual(heard, [2])
        assert.equal((await second.events(0, 10)).events.length, 2)
      } finally {
        await second.close()
      }
    },
  ],
  [
    'while somebody follows, say what no operation names: of many at once, of where a job was moved, of time, of a session that ended',
    async (s) => {
      const told = async (after: number) =>
        (await s.store.events(after, 100)).events.map(({ type, id, queue, data }) => [type, id, queue, data])
      await s.put('nobody follows', { ttl: 1 })
      s.clock.move(1)
      await s.ok<'due'>({ do: 'due', limit: 100 })
      await s.ok<'record'>({ do: 'record', key: 'follow/x', value: true, session: 'x' })
      assert.deepEqual(await told(0), [])

      const bulk = (states: State[], act: BulkOp['act']) =>
        s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states }, act, limit: 9 })
      const [a, b] = [await s.put('a', {}, { name: 'greet' }), await s.put('b')]
      const [first] = await s.take()
      await s.ok<'bury'>({ do: 'bury', job: { id: a, n: first?.n ?? 0 }, why: 'asked' })
      await bulk(['buried'], 'retry')
      await bulk(['ready'], { to: other })
      await s.ok<'forward'>({ do: 'forward', job: { id: b }, to: [{ queue: mail }], why: 'asked' })
      await bulk(['ready'], 'delete')
      const name = '"name":"greet"'
      assert.deepEqual(await told(0), [
        ['kicked', a, mail, `{${name}}`],
        ['moved', a, other, `{${name},"from":"mail"}`],
        ['moved', b, other, '{"from":"mail"}'],
        ['moved', b, mail, '{"from":"other"}'],
        ['deleted', b, mail, undefined],
      ])

      const expiring = await s.put('expires', { ttl: 100, pri: 99_999 })
      const [slow, held, back] = [await s.put('slow'), await s.put('held'), await s.put('back')]
      await s.takeOne([mail], { ms: 50 })
      await s.takeOne([mail], { session: 'gone' })
      await s.takeOne([mail], { session: 'closed' })
      s.clock.move(100)
      await s.ok<'due'>({ do: 'due', limit: 100 })
      await s.ok<'end'>({ do: 'end', session: 'gone', as: 'lost' })
      await s.ok<'end'>({ do: 'end', session: 'closed', as: 'released' })
      assert.deepEqual(await told(5), [
        ['lost', slow, mail, '{"why":"timeout"}'],
        ['expired', expiring, mail, undefined],
        ['lost', held, mail, '{"why":"its session ended"}'],
        ['released', back, mail, undefined],
      ])
    },
  ],
  [
    'of a unit that is undone are not said, nor of more than a thousand jobs of one commit, which count as missed',
    async (s) => {
      await s.ok<'record'>({ do: 'record', key: 'follow/x', value: true, session: 'x' })
      await s.unit({
        ops: Array.from({ length: 1100 }, () => ({ do: 'put', to: [{ queue: mail, create: true }], msg })),
      })
      const clear: Op = { do: 'bulk', where: { queue: mail, states: ['ready'] }, act: 'delete', limit: 1000 }
      await s.unit({ refused: 'undo', ops: [clear, { do: 'finish', job: { id: 9999 } }] })
      assert.deepEqual(await s.store.events(0, 10), { events: [], last: 0 })
      await Promise.all(
        s.store.commit([
          { ops: [clear] },
          { refused: 'undo', ops: [clear, { do: 'finish', job: { id: 9999 } }] },
          { ops: [clear] },
        ]),
      )
      const { events, last } = await s.store.events(0, 2000)
      assert.deepEqual([events.length, events[0]?.at, last], [1000, 101, 1100])
    },
  ],
]
