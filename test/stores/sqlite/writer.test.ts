/** Rows that are written together: exactly those that changed, and all that they have. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import type { Queue } from '../../../src/job.ts'
import { openSqlite } from '../../../src/stores/sqlite/index.ts'
import { spansOf } from '../../../src/stores/sqlite/spans.ts'
import type { Op, Store, Unit } from '../../../src/stores/store.ts'
import { commit } from './statements.ts'

const ALL = Array.from({ length: 40 }, (_, i) => i + 1)
const queue: Queue = 'default/a'
const put: Op = { do: 'put', to: [{ queue, create: true }], msg: { body: Buffer.from('x') } }
const reserve: Op = { do: 'reserve', from: [queue], max: 1, bytes: 1e9, lease: { session: 's' } }

/** Two that have one file open: what one writes drops what the other remembers. And its path. */
async function two(t: TestContext): Promise<[Store, Store, string]> {
  const folder = await mkdtemp(join(tmpdir(), 'queueup-writer-'))
  const path = join(folder, 'jobs.db')
  const open = () => openSqlite({ path, durability: 'relaxed' })
  const stores: [Store, Store] = [await open(), await open()]
  t.after(async () => {
    for (const store of stores) await store.close()
    await rm(folder, { recursive: true })
  })
  return [...stores, path]
}

test('spans and the rest are the ids that were given, each once', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(ALL, { minLength: 20 }), (ids) => {
      const { spans, rest } = spansOf([...ids])
      const all = spans.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i))
      assert.deepEqual(
        [...all, ...rest].sort((a, b) => a - b),
        ids.sort((a, b) => a - b),
      )
    }),
  )
})

test(
  'a unit that holds what cannot be written is refused, and those that came with it are not',
  { timeout: 10_000 },
  async (t) => {
    const [store] = await two(t)
    const unwritable: Op = { ...put, msg: { body: new Date() as unknown as Uint8Array } }
    const calls = [
      ...store.commit([put, unwritable, put].map((op) => ({ ops: [op] }))),
      ...store.commit([{ ops: [put] }]),
    ]
    assert.deepEqual(
      (await Promise.allSettled(calls)).map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    )
    assert.equal((await store.stats([queue]))[0]?.ready, 3)
  },
)

test('a session that ended in a transaction which failed ends when that is tried again: its jobs come back', async (t) => {
  const [store] = await two(t)
  await commit(store, [put])
  const end: Unit = { ops: [{ do: 'end', session: 's', as: 'released' }] }
  const unwritable: Unit = { ops: [{ ...put, msg: { body: new Date() as unknown as Uint8Array } }] }
  const undoable: Unit = { ops: [put], refused: 'undo' }
  for (const units of [
    [end, unwritable],
    [end, undoable, unwritable],
  ]) {
    await commit(store, [reserve])
    await Promise.allSettled(store.commit(units))
    assert.equal((await store.stats([queue]))[0]?.reserved, 0)
  }
})

test('of many that were put together, those that are finished leave, and no other', async (t) => {
  const [store] = await two(t)
  await commit(
    store,
    ALL.map(() => put),
  )
  const gone = ALL.filter((id) => id !== 9 && id !== 25 && id < 38)
  await commit(
    store,
    gone.map((id) => ({ do: 'finish', job: { id, free: true } })),
  )
  const { jobs } = await store.look({ where: { queue, states: ['ready'] }, limit: 100 })
  assert.deepEqual(
    jobs.map(({ id }) => id),
    [9, 25, 38, 39, 40],
  )
})

test('a job that was put, reserved and given back in one commit gets another fence the next time', async (t) => {
  const [store, other] = await two(t)
  // From then on it knows all that is ready, and writes what a commit made of a job at its end.
  await commit(store, [put, reserve, { do: 'finish', job: { id: 1, held: 's' } }])
  const [, first] = await commit(store, [put, reserve, { do: 'release', job: { id: 2, held: 's' }, as: 'untaken' }])
  await commit(other, [put])
  const [second] = await commit(store, [reserve])
  assert.ok(first?.ok && first.do === 'reserve' && second?.ok && second.do === 'reserve')
  assert.equal(second.jobs[0]?.id, 2)
  assert.ok((second.jobs[0]?.n ?? 0) > (first.jobs[0]?.n ?? 0))
})

test('a job whose large body became a small one in the commit in which it left leaves nothing', async (t) => {
  const [store, , path] = await two(t)
  await commit(store, [{ ...put, msg: { body: Buffer.alloc(1000) } }])
  await commit(store, [
    { do: 'forward', job: { id: 1 }, to: [{ queue }], why: 'asked', stay: true, body: Buffer.from('x') },
    { do: 'finish', job: { id: 1 } },
  ])
  const db = new DatabaseSync(path)
  assert.deepEqual(db.prepare('SELECT id FROM job UNION ALL SELECT id FROM body').all(), [])
  db.close()
})
