/** What ordered groups cost in a file, counted in statements: a time would say more of the machine. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSqlite } from '../../../src/stores/sqlite/index.ts'
import type { Op } from '../../../src/stores/store.ts'
import { commit, counted } from './statements.ts'

const GROUPS = 100
const JOBS = 50

test('the next of a group costs one statement where it is finished, and a look at its group now and then', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'queueup-group-'))
  const store = await openSqlite({ path: join(folder, 'jobs.db'), durability: 'relaxed' })
  const queue = 'default/mail'
  try {
    for (let i = 0; i < JOBS; i++)
      await commit(
        store,
        Array.from({ length: GROUPS }, (_, g): Op => ({
          do: 'put',
          to: [{ queue, create: true }],
          msg: { body: Buffer.from('x'), group: `g${g}` },
        })),
      )
    const statements = await counted(async () => {
      for (let i = 0; i < JOBS; i++) {
        const [taken] = await commit(store, [
          { do: 'reserve', from: [queue], max: GROUPS, bytes: 1e9, lease: { session: 's' } },
        ])
        assert.ok(taken?.ok && taken.do === 'reserve' && taken.jobs.length === GROUPS)
        await commit(
          store,
          taken.jobs.map(({ id, n }) => ({ do: 'finish', job: { id, n } })),
        )
      }
    })
    const most = GROUPS * JOBS * 1.3
    assert.ok(statements <= most, `${statements} statements for ${GROUPS * JOBS} jobs of ${GROUPS} groups`)
  } finally {
    await store.close()
    await rm(folder, { recursive: true })
  }
})
