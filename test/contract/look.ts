import assert from 'node:assert/strict'
import type { State } from '../../src/job.ts'
import type { Op } from '../../src/stores/store.ts'
import { usedMemory } from '../memory.ts'
import { mail, other, text } from './subject.ts'
import type { Case } from './store-contract.ts'

export const look: Case[] = [
  [
    'shows pages in the order of taking, burial, time or id, each beginning where the one before ended',
    async (s) => {
      const ids = []
      for (let i = 0; i < 7; i++) ids.push(await s.put(String(i), { pri: 10 - (i % 3) }))
      const seen: number[] = []
      let after: string | undefined
      do {
        const page = await s.store.look({
          where: { queue: mail, states: ['ready'] },
          limit: 3,
          ...(after !== undefined && { after }),
        })
        seen.push(...page.jobs.map((job) => job.id))
        assert.ok(seen.length <= ids.length, 'a job is shown twice')
        after = page.after
      } while (after !== undefined)
      assert.deepEqual(
        seen,
        (await s.take(10)).map((job) => job.id),
      )
    },
  ],
  [
    'finds by states, name, highest id and text of the body',
    async (s) => {
      const a = await s.put('about apples', {}, { name: 'fruit' })
      const b = await s.put('about pears', { at: s.now + 1000 }, { name: 'fruit' })
      await s.put('about stones', {}, { name: 'rock' })
      const find = async (where: object) =>
        (
          await s.store.look({ where: { queue: mail, states: ['ready', 'delayed'], ...where }, order: 'id', limit: 10 })
        ).jobs.map((job) => job.id)
      assert.deepEqual(await find({ name: 'fruit' }), [a, b])
      assert.deepEqual(await find({ match: 'pears' }), [b])
      assert.deepEqual(await find({ upTo: a }), [a])
      assert.deepEqual(await find({ queue: other }), [])
    },
  ],
  [
    'finds several by their ids, finished ones among them, and leaves out those that are gone',
    async (s) => {
      const a = await s.put('a')
      const done = await s.put('b', {}, { result: 1000 })
      const gone = await s.put('c')
      for (const job of await s.take(3)) {
        if (job.id === a) await s.ok({ do: 'release', job: { id: a, n: job.n }, as: 'untaken' })
        else await s.ok({ do: 'finish', job: { id: job.id, n: job.n }, outcome: { as: 'done' } })
      }
      const page = await s.store.look({ ids: [done, a, gone, 4711], limit: 4, with: ['body'] })
      assert.equal(page.after, undefined)
      assert.deepEqual(
        page.jobs
          .sort((one, other) => one.id - other.id)
          .map(({ id, state, body }) => [id, state, state === 'ready' && text(body)]),
        [
          [a, 'ready', 'a'],
          [done, 'finished', false],
        ],
      )
      assert.deepEqual((await s.store.look({ ids: [], limit: 1 })).jobs, [])
    },
  ],
  [
    'shows who holds a job and until when, and bodies only when asked',
    async (s) => {
      const id = await s.put('x', {}, { lease: 1000 })
      await s.take(1, [mail], { ms: 'own', session: 'me' })
      const view = await s.view(id)
      assert.deepEqual([view?.holder, view?.until, view?.size, text(view?.body)], ['me', s.now + 1000, 1, 'x'])
      assert.deepEqual(view?.counts, { releases: 0, timeouts: 0, buries: 0, kicks: 0 })
      assert.equal((await s.store.look({ id, limit: 1 })).jobs[0]?.body, undefined)
    },
  ],
  [
    'counts agree with what is there, through every change',
    async (s) => {
      const ids = []
      for (let i = 0; i < 6; i++) ids.push(await s.put('12345', { pri: i < 2 ? 0 : 5000 }))
      const job = await s.takeOne()
      await s.ok<'bury'>({ do: 'bury', job: { id: ids[5] as number }, why: 'asked' })
      await s.put('12345', { at: s.now + 100 })
      const stats = await s.stats()
      const { ready, urgent, delayed, waiting, reserved, buried, bytes, puts, gone, oldest } = stats ?? {}
      assert.deepEqual(
        { ready, urgent, delayed, waiting, reserved, buried, bytes, puts, gone, oldest },
        {
          ready: 4,
          urgent: 1,
          delayed: 1,
          waiting: 0,
          reserved: 1,
          buried: 1,
          bytes: 35,
          puts: 7,
          gone: 0,
          oldest: s.now,
        },
      )
      await s.finish(job.id, job.n)
      assert.deepEqual([(await s.stats())?.gone, (await s.stats())?.bytes], [1, 30])
    },
  ],
  [
    'forgets an implicit queue that was empty for a while; a declared one stays',
    async (s) => {
      await s.put('x')
      await s.policy({ maxJobs: 5 }, other)
      await s.take(1, [mail], { session: 's' })
      await s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['reserved'] }, act: 'delete', limit: 10 })
      s.clock.move(120_000)
      await s.ok<'due'>({ do: 'due', limit: 10 })
      assert.deepEqual(
        (await s.store.stats()).map((one) => [one.queue, one.explicit]),
        [[other, true]],
      )
    },
  ],
  [
    'forgets the implicit queues of a minute together, however many, and those that another one has forgotten',
    async (s) => {
      const second = s.store.traits.shared ? await s.second() : s.store
      try {
        const useMany = async (word: string) => {
          const ops: Op[] = []
          for (let i = 0; i < 4500; i++) {
            const queue = `default/${word}-${i}` as const
            ops.push({ do: 'put', to: [{ queue, create: true }], msg: { body: Buffer.from('x') } })
            ops.push({ do: 'reserve', from: [queue], max: 1, bytes: 10, lease: { ms: 1000 }, gone: true })
          }
          await s.unit({ ops })
          s.clock.move(61_000)
          for (let i = 0; i < 2; i++) {
            s.clock.move(1000)
            await second.commit([{ ops: [{ do: 'due', limit: 1 }] }])[0]
          }
          await s.ok<'due'>({ do: 'due', limit: 1 })
          assert.equal((await s.store.stats()).length, 0)
        }
        await useMany('once')
        const before = usedMemory()
        await useMany('again')
        const grown = usedMemory() - before
        assert.ok(grown < 1e6, `${grown} bytes`)
      } finally {
        if (second !== s.store) await second.close()
      }
    },
  ],
  [
    'tells of queues in the order in which they came',
    async (s) => {
      const queues = ['default/z', 'default/a', 'default/m'] as const
      for (const queue of queues) await s.put('x', { queue })
      assert.deepEqual(
        (await s.store.stats()).map(({ queue }) => queue),
        queues,
      )
    },
  ],
  [
    'shows each order in pages of one, none twice and none left out',
    async (s) => {
      const at = s.now + 1000
      const ids: number[] = []
      for (let i = 0; i < 5; i++) ids.push(await s.put(String(i), { at: at - i }))
      const pages = async (state: State, order: 'due' | 'buried' | 'id' | 'take') => {
        const seen: number[] = []
        let after: string | undefined
        do {
          const page = await s.store.look({
            where: { queue: mail, states: [state] },
            order,
            limit: 1,
            ...(after !== undefined && { after }),
          })
          seen.push(...page.jobs.map((job) => job.id))
          assert.ok(seen.length <= ids.length, 'a job is shown twice')
          after = page.after
        } while (after !== undefined)
        return seen
      }
      assert.deepEqual(await pages('delayed', 'due'), ids.toReversed())
      assert.deepEqual(await pages('delayed', 'id'), ids)
      const burial = [2, 0, 4, 1, 3].map((i) => ids[i] as number)
      for (const id of burial) await s.ok<'bury'>({ do: 'bury', job: { id }, why: 'asked' })
      assert.deepEqual(await pages('buried', 'buried'), burial)
      await s.ok<'bulk'>({ do: 'bulk', where: { queue: mail, states: ['buried'] }, act: 'kick', limit: 10 })
      for (const [i, id] of ids.entries())
        await s.ok<'reserve'>({ do: 'reserve', from: id, max: 1, bytes: 1e9, lease: { ms: 60_000 - i, session: 's' } })
      assert.deepEqual(await pages('reserved', 'take'), ids)
    },
  ],
  [
    'finds the jobs of a unique key, in its queue or in any group, while they are there and when they are over',
    async (s) => {
      await s.policy({ keep: { jobs: 10 } })
      const unique = (key: string, scope: 'queue' | 'group') =>
        ({ unique: { key, scope, for: 'unfinished', on: 'keep' } }) as const
      const ids = [
        await s.put('a', {}, unique('k', 'queue')),
        await s.put('b', {}, { group: 'g', ...unique('k', 'group') }),
        await s.put('c', {}, unique('k', 'group')),
      ]
      await s.put('d', {}, { group: 'g', ...unique('kk', 'group') })
      await s.put('e', {}, { group: 'k' })
      const found = async (state: State) => {
        const { jobs } = await s.store.look({ where: { queue: mail, states: [state], key: 'k' }, limit: 10 })
        return jobs.map(({ id }) => id).sort((a, b) => a - b)
      }
      assert.deepEqual(await found('ready'), ids)
      const act = { where: { queue: mail, states: ['ready' as const], key: 'k' }, act: 'delete' as const, limit: 10 }
      assert.equal((await s.ok<'bulk'>({ do: 'bulk', ...act })).count, 3)
      assert.deepEqual([await found('ready'), await found('finished')], [[], ids])
    },
  ],
]
