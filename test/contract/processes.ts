import assert from 'node:assert/strict'
import type { Ms, Queue } from '../../src/job.ts'
import type { Hint, Op, Store, StoreProcess } from '../../src/stores/store.ts'
import { mail, other, type Subject } from './subject.ts'
import type { Case } from './store-contract.ts'

async function all(store: Store): Promise<StoreProcess[]> {
  return (await store.processes?.()) ?? []
}

/** Those that a store sees, its own first. */
async function seen(store: Store): Promise<Omit<StoreProcess, 'name' | 'pid'>[]> {
  const processes = (await all(store)).sort((a, b) => Number(b.self) - Number(a.self))
  return processes.map(({ waits, jobs, self }) => ({ waits, jobs, self }))
}

async function withSecond(s: Subject, run: (second: Store) => Promise<void>): Promise<void> {
  const second = await s.second()
  try {
    await run(second)
  } finally {
    await second.close()
  }
}

/** Of `Store.processes`. */
export const processes: Case[] = [
  [
    'are told where a store may be shared, and only there',
    async (s) => {
      assert.equal(s.store.processes !== undefined, s.store.traits.shared)
      if (!s.store.traits.shared) return
      const [own, ...others] = await all(s.store)
      assert.deepEqual([own?.pid, own?.self, own?.jobs, others], [process.pid, true, 0, []])
    },
  ],
  [
    'are all that have it open, each seen by all under one name, and gone when it is closed',
    async (s) => {
      if (!s.store.traits.shared) return
      await withSecond(s, async (second) => {
        const [ours, theirs] = [await all(s.store), await all(second)]
        assert.equal(ours.length, 2)
        assert.deepEqual(ours.map(({ name }) => name).sort(), theirs.map(({ name }) => name).sort())
        const self = (list: StoreProcess[]) => list.filter((one) => one.self).map(({ name }) => name)
        assert.equal(self(ours).length, 1)
        assert.equal(self(theirs).length, 1)
        assert.notDeepEqual(self(ours), self(theirs))
      })
      assert.deepEqual(await seen(s.store), [{ waits: [], jobs: 0, self: true }])
    },
  ],
  [
    'wait for what they last said that they wait for',
    async (s) => {
      if (!s.store.traits.shared) return
      await withSecond(s, async (second) => {
        await second.wait([other, mail])
        assert.deepEqual((await seen(s.store))[1]?.waits, [mail, other])
        await second.wait([other])
        assert.deepEqual((await seen(s.store))[1]?.waits, [other])
        await second.wait([])
        assert.deepEqual((await seen(s.store))[1]?.waits, [])
        await second.wait([mail])
      })
      await withSecond(s, async () => {
        assert.deepEqual((await seen(s.store))[1]?.waits, [], 'who comes next waits for nothing')
      })
    },
  ],
  [
    'have in hand the jobs that their sessions have reserved, until these end in whatever way',
    async (s) => {
      if (!s.store.traits.shared) return
      for (const body of ['a', 'b', 'c', 'd']) await s.put(body)
      await withSecond(s, async (second) => {
        const { id, n } = await s.takeOne()
        const lease = { ms: 1000, session: 'z' }
        await second.commit([{ ops: [{ do: 'reserve', from: [mail], max: 2, bytes: 1e9, lease }] }])[0]
        const jobs = async (store: Store) => (await seen(store)).map((one) => one.jobs)
        assert.deepEqual(
          [await jobs(s.store), await jobs(second)],
          [
            [1, 2],
            [2, 1],
          ],
        )
        await s.finish(id, n)
        assert.deepEqual(await jobs(s.store), [0, 2])
        s.clock.move(1000)
        assert.deepEqual(await jobs(s.store), [0, 0])
      })
    },
  ],
  [
    'tell each other of leases that they end, of awaited outcomes, and of records',
    async (s) => {
      if (!s.store.traits.shared) return
      const held = await s.put('held')
      const { n } = await s.takeOne()
      const awaited = await s.put('awaited', {}, { result: 1000 })
      await withSecond(s, async (second) => {
        const heard = (what: keyof Hint) =>
          new Promise((resolve) => s.store.hear((hint) => hint[what] !== undefined && resolve(hint[what])))
        const hears = Promise.all([heard('ended'), heard('finished'), heard('records')])
        const ops: Op[] = [
          { do: 'finish', job: { id: held, force: true } },
          { do: 'finish', job: { id: awaited } },
          { do: 'record', key: 'k', value: 1 },
        ]
        for (const op of ops) await second.commit([{ ops: [op] }])[0]
        const { version } = await s.store.records(0)
        assert.deepEqual(await hears, [[{ id: held, n, why: 'forced' }], [awaited], version])
      })
    },
  ],
  [
    'tell who waits of what is ready, and of what will be due, also of one commit',
    async (s) => {
      if (!s.store.traits.shared) return
      await withSecond(s, async (second) => {
        await second.wait([mail])
        const heard: Hint = {}
        const hears = new Promise<void>((resolve) =>
          second.hear((hint) => {
            Object.assign(heard, hint)
            if (heard.ready && heard.due !== undefined) resolve()
          }),
        )
        const put = (at?: Ms): Op => ({
          do: 'put',
          to: [{ queue: mail, create: true, ...(at !== undefined && { at }) }],
          msg: { body: Buffer.from('x') },
        })
        await s.unit({ ops: [put(), put(s.now + 1000)] })
        await hears
        assert.deepEqual(heard, { ready: [mail], due: s.now + 1000 })
      })
    },
  ],
  [
    'find a job in the queue that another one moved it to, though they knew it in the one before',
    async (s) => {
      if (!s.store.traits.shared) return
      await withSecond(s, async (second) => {
        /** It was known to be ready here when the second one took it to the other queue. */
        const moved = async () => {
          assert.deepEqual(await s.take(), [])
          const id = await s.put('moved')
          await second.commit([
            { ops: [{ do: 'forward', job: { id }, to: [{ queue: other, create: true }], why: 'asked' }] },
          ])[0]
          return id
        }
        await s.put('the queue is there, and empty', { ttl: 1 })
        s.clock.move(1)
        const id = await moved()
        const job = await s.takeOne([other])
        assert.deepEqual([job.id, job.queue], [id, other])
        await s.finish(id, job.n)
        await moved()
        const { count } = await s.ok<'bulk'>({
          do: 'bulk',
          where: { queue: other, states: ['ready'] },
          act: 'delete',
          limit: 9,
        })
        const left = async (queue: Queue) => (await s.stats(queue))?.ready
        assert.deepEqual([count, await left(mail), await left(other)], [1, 0, 0])
      })
    },
  ],
]
