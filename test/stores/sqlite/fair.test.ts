/** What fair groups cost in a file, counted in statements: a time would say more of the machine. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Queue } from '../../../src/job.ts'
import { openSqlite } from '../../../src/stores/sqlite/index.ts'
import type { Store } from '../../../src/stores/store.ts'
import { commit, counted } from './statements.ts'

const GROUPS = 10_000

/** The statements of puts of a job each into so many groups, in commits of 100; and those of reserving and finishing them all. */
async function costs(store: Store, queue: Queue, groups: boolean): Promise<{ put: number; take: number }> {
  await commit(store, [{ do: 'record', key: `queue/${queue}`, value: groups ? { groups: 'fair' } : {} }])
  const body = Buffer.from('x')
  const put = await counted(async () => {
    for (let i = 0; i < GROUPS; i += 100)
      await commit(
        store,
        Array.from({ length: 100 }, (_, k) => ({
          do: 'put',
          to: [{ queue }],
          msg: { body, ...(groups && { group: `g${i + k}` }) },
        })),
      )
  })
  const take = await counted(async () => {
    for (let i = 0; i < GROUPS; i += 100) {
      const [taken] = await commit(store, [
        { do: 'reserve', from: [queue], max: 100, bytes: 1e9, lease: { session: 's' } },
      ])
      assert.ok(taken?.ok && taken.do === 'reserve' && taken.jobs.length === 100)
      await commit(
        store,
        taken.jobs.map(({ id, n }) => ({ do: 'finish', job: { id, n } })),
      )
    }
  })
  return { put, take }
}

test('with 10,000 fair groups a put costs one look more, and a reserve nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'queueup-fair-'))
  const store = await openSqlite({ path: join(folder, 'jobs.db'), durability: 'relaxed' })
  try {
    const plain = await costs(store, 'default/plain', false)
    const fair = await costs(store, 'default/fair', true)
    assert.ok(fair.put <= plain.put + GROUPS * 1.05, `${plain.put} statements for puts, ${fair.put} with groups`)
    assert.ok(fair.take <= plain.take * 1.05, `${plain.take} statements for reserves, ${fair.take} with groups`)
  } finally {
    await store.close()
    await rm(folder, { recursive: true })
  }
})
