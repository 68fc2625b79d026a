import assert from 'node:assert/strict'
import type { Capabilities, Op } from '../../../src/transports/transport.ts'
import { refOf, type Subject } from './subject.ts'
import type { Case } from '../transport-contract.ts'

type Ability = Exclude<keyof Capabilities, 'delay' | 'look' | 'atomic'>

/** What asks for it. */
const asks: Record<Ability, (s: Subject) => Op[] | Promise<Op[]>> = {
  ttl: (s) => [s.putOp('x', { ttl: 60_000 })],
  unique: (s) => [s.putOp('x', {}, { unique: { key: 'k', for: 'unfinished', on: 'keep' } })],
  group: (s) => [s.putOp('x', {}, { group: 'g' })],
  limits: (s) => [s.putOp('x', {}, { gates: ['g'] })],
  cancel: async (s) => [{ do: 'cancel', job: await s.put('x') }],
  edit: async (s) => [
    {
      do: 'forward',
      job: { id: await s.put('x') },
      to: [{ queue: s.queue }],
      why: 'asked',
      body: Buffer.from('y'),
    },
  ],
  results: async (s) => {
    await s.put('x')
    const job = refOf(await s.takeOne())
    return [
      s.putOp('x', {}, { result: 60_000 }),
      { do: 'finish', job, outcome: { as: 'done', result: Buffer.from('1') } },
    ]
  },
  attempts: async (s) => {
    await s.put('x')
    const job = refOf(await s.takeOne())
    return [
      s.putOp('x', {}, { maxFailures: 3 }),
      s.putOp('x', {}, { backoff: { first: 1, factor: 2, max: 10 } }),
      { do: 'release', job, as: 'failed' },
    ]
  },
  notes: async (s) => {
    await s.put('x')
    const job = refOf(await s.takeOne())
    return [
      { do: 'note', job, kind: 'log', data: Buffer.from('x') },
      { do: 'bury', job, why: 'failed', error: Buffer.from('why') },
    ]
  },
}

/** Each capability is as the transport says: what it lacks is an error by name, not a quiet difference. */
export const lacks: Case[] = [
  ...(Object.keys(asks) as Ability[]).map((ability): Case => [
    ability,
    async (s) => {
      for (const op of await asks[ability](s))
        if (s.transport.capabilities[ability]) await s.ok(op)
        else
          await assert.rejects(s.op(op), (error: Error) => {
            assert.equal(error.name, 'NotSupportedError')
            assert.ok(error.message.startsWith(`${s.transport.name} has no `), error.message)
            return true
          })
    },
  ]),
  [
    'lists of jobs',
    async (s) => {
      await s.put('x')
      const look = { where: { queue: s.queue, states: ['ready' as const] }, order: 'take' as const, limit: 10 }
      if (s.transport.capabilities.look.includes('ready')) {
        assert.equal((await s.transport.look(look)).jobs.length, 1)
        return
      }
      for (const other of [
        look,
        { ...look, limit: 1, order: 'id' as const },
        { ...look, limit: 1, where: { ...look.where, match: 'x' } },
        { ...look, limit: 1, where: { ...look.where, states: ['reserved' as const] } },
      ])
        await assert.rejects(s.transport.look(other), { name: 'NotSupportedError', message: /^beanstalkd: has no / })
    },
  ],
  [
    'delays beyond the longest',
    async (s) => {
      const { delay } = s.transport.capabilities
      if (delay === Number.MAX_SAFE_INTEGER) return
      await assert.rejects(s.put('x', { at: s.transport.now() + delay + 10_000 }), { name: 'NotSupportedError' })
      const id = await s.put('x', { at: s.transport.now() + delay - 10_000 })
      assert.equal(await s.state(id), 'delayed')
    },
  ],
]
