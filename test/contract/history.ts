import assert from 'node:assert/strict'
import { mail, text } from './subject.ts'
import type { Case } from './store-contract.ts'

export const history: Case[] = [
  [
    'keeps a finished job with its outcome, where the queue says so, the newest first',
    async (s) => {
      await s.policy({ keep: { jobs: 10 } })
      for (const body of ['a', 'b']) {
        await s.put(body)
        const { id, n } = await s.takeOne()
        await s.ok<'finish'>({ do: 'finish', job: { id, n }, outcome: { as: 'done', result: Buffer.from(`r${body}`) } })
        s.clock.move(5)
      }
      const { jobs } = await s.store.look({ where: { queue: mail, states: ['finished'] }, limit: 10, with: ['body'] })
      assert.deepEqual(
        jobs.map((job) => [text(job.body), job.state, job.outcome?.as, text(job.outcome?.result), job.outcome?.at]),
        [
          ['b', 'finished', 'done', 'rb', s.now - 5],
          ['a', 'finished', 'done', 'ra', s.now - 10],
        ],
      )
      assert.deepEqual(await s.take(), [], 'nobody can take it')
    },
  ],
  [
    'keeps no more than so many, and none longer than so long',
    async (s) => {
      await s.policy({ keep: { jobs: 2 } })
      for (let i = 0; i < 5; i++) await s.ok<'cancel'>({ do: 'cancel', job: await s.put(String(i)) })
      s.clock.move(2000)
      await s.ok<'due'>({ do: 'due', limit: 100 })
      const kept = async () =>
        (await s.store.look({ where: { queue: mail, states: ['finished'] }, limit: 10, with: ['body'] })).jobs.map(
          (job) => text(job.body),
        )
      assert.deepEqual(await kept(), ['4', '3'])
      await s.policy({ keep: { ms: 1000 } })
      s.clock.move(2000)
      await s.ok<'due'>({ do: 'due', limit: 100 })
      assert.deepEqual(await kept(), [])
    },
  ],
  [
    'a result leaves after its time, though nothing else is ever due',
    async (s) => {
      const ids: number[] = []
      for (let i = 0; i < 3; i++) {
        const id = await s.put('x', {}, { result: 10_000 })
        ids.push(id)
        await s.ok<'finish'>({ do: 'finish', job: { id }, outcome: { as: 'done', result: Buffer.from('1') } })
        s.clock.move(6000)
      }
      assert.deepEqual(await Promise.all(ids.map((id) => s.state(id))), ['gone', 'finished', 'finished'])
    },
  ],
  [
    'a result is kept for its time also where a policy keeps fewer, or shorter; and then as that says',
    async (s) => {
      await s.policy({ keep: { jobs: 1 } })
      const ids: number[] = []
      for (let i = 0; i < 4; i++) {
        const id = await s.put('x', {}, { result: i < 3 ? 10_000 : 20_000 })
        ids.push(id)
        await s.ok<'finish'>({ do: 'finish', job: { id }, outcome: { as: 'done', result: Buffer.from('1') } })
      }
      const after = async (ms: number) => {
        s.clock.move(ms)
        for (let i = 0; i < 3; i++) {
          await s.ok<'due'>({ do: 'due', limit: 100 })
          s.clock.move(1000)
        }
        return Promise.all(ids.map((id) => s.state(id)))
      }
      assert.deepEqual(await after(2000), ['finished', 'finished', 'finished', 'finished'])
      assert.deepEqual(await after(6000), ['gone', 'gone', 'finished', 'finished'])
      await s.policy({ keep: { ms: 15_000 } })
      assert.deepEqual(await after(2000), ['gone', 'gone', 'gone', 'finished'])
    },
  ],
  [
    'due says when a result has been kept for long enough, and takes it away then',
    async (s) => {
      const due = () => s.ok<'due'>({ do: 'due', limit: 100 })
      await due()
      const ids: number[] = []
      for (let i = 0; i < 2; i++) {
        const id = await s.put('x', {}, { result: 10_000 + 5000 * i })
        ids.push(id)
        await s.ok<'finish'>({ do: 'finish', job: { id }, outcome: { as: 'done', result: Buffer.from('1') } })
      }
      const start = s.now
      for (const [at, states] of [
        [11_000, ['gone', 'finished']],
        [16_000, ['gone', 'gone']],
      ] as const) {
        assert.equal((await due()).next, start + at)
        s.clock.move(start + at - s.now)
        await due()
        assert.deepEqual(await Promise.all(ids.map((id) => s.state(id))), states)
      }
      assert.equal((await due()).next, undefined)
    },
  ],
  [
    'finished by its holder it is done, by another it was cancelled, unless it is said',
    async (s) => {
      await s.policy({ keep: { jobs: 10 } })
      const held = await s.put('x')
      const { n } = await s.takeOne()
      await s.ok<'finish'>({ do: 'finish', job: { id: held, n } })
      const free = await s.put('x')
      await s.ok<'finish'>({ do: 'finish', job: { id: free } })
      assert.deepEqual([(await s.view(held))?.outcome?.as, (await s.view(free))?.outcome?.as], ['done', 'cancelled'])
    },
  ],
  [
    'keeps nothing where nobody asked',
    async (s) => {
      const id = await s.put('x')
      await s.ok<'finish'>({ do: 'finish', job: { id } })
      assert.deepEqual((await s.store.look({ where: { queue: mail, states: ['finished'] }, limit: 10 })).jobs, [])
    },
  ],
  [
    'keeps nothing any more where the policy no longer says so',
    async (s) => {
      for (const policy of [{}, { maxJobs: 10 }, undefined]) {
        await s.policy({ keep: { jobs: 10 } })
        const id = await s.put('x')
        const awaited = await s.put('y', {}, { result: 3_600_000 })
        await s.ok<'note'>({ do: 'note', job: { id }, kind: 'log', data: Buffer.from('line') })
        await s.ok<'finish'>({ do: 'finish', job: { id } })
        await s.policy(policy)
        await s.ok<'finish'>({ do: 'finish', job: { id: awaited } })
        s.clock.move(2000)
        await s.ok<'due'>({ do: 'due', limit: 100 })
        assert.deepEqual([await s.state(id), await s.state(awaited)], ['gone', 'finished'])
      }
    },
  ],
  [
    'is that of its queue for as long as it is kept, though nothing else is there',
    async (s) => {
      const id = await s.put('x', {}, { result: 3_600_000 })
      await s.ok<'finish'>({ do: 'finish', job: { id } })
      for (let i = 0; i < 3; i++) {
        s.clock.move(70_000)
        await s.ok<'due'>({ do: 'due', limit: 100 })
      }
      const { jobs } = await s.store.look({ where: { queue: mail, states: ['finished'] }, limit: 10 })
      assert.deepEqual(
        jobs.map((job) => job.id),
        [id],
      )
      for (let i = 0; i < 3; i++) {
        s.clock.move(3_600_000)
        await s.ok<'due'>({ do: 'due', limit: 100 })
      }
      assert.equal(await s.stats(), undefined, 'then it is forgotten')
    },
  ],
  [
    'keeps as many as the policy says beside results that were kept before it, with the last error of each',
    async (s) => {
      const awaited = await s.put('x', {}, { result: 3_600_000 })
      await s.ok<'finish'>({ do: 'finish', job: { id: awaited } })
      await s.policy({ keep: { jobs: 1 } })
      const ids = [await s.put('a'), await s.put('b')]
      for (const id of ids) {
        const { n } = await s.takeOne(id)
        await s.ok<'release'>({ do: 'release', job: { id, n }, as: 'failed', error: Buffer.from('broke') })
        await s.ok<'finish'>({ do: 'finish', job: { id } })
      }
      s.clock.move(2000)
      await s.ok<'due'>({ do: 'due', limit: 100 })
      const states = await Promise.all([awaited, ...ids].map((id) => s.state(id)))
      assert.deepEqual(states, ['finished', 'gone', 'finished'])
      assert.equal(text((await s.view(ids[1] as number))?.error), 'broke')
    },
  ],
]
