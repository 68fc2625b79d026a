/** What a history costs in a file, by its statements: a time would say more of the machine. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StatementSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, mock, test } from 'node:test'
import { openSqlite } from '../../../src/stores/sqlite/index.ts'
import type { Op, Store } from '../../../src/stores/store.ts'
import { ManualClock } from '../../../src/testing/clock.ts'
import { commit } from './statements.ts'

const KEEP = 320
const queue = 'default/mail'

describe('a history of a number of jobs', () => {
  let clock: ManualClock
  let folder: string
  let store: Store

  beforeEach(async () => {
    clock = new ManualClock()
    folder = await mkdtemp(join(tmpdir(), 'queueup-history-'))
    store = await openSqlite({ path: join(folder, 'jobs.db'), durability: 'relaxed', clock })
    await commit(store, [{ do: 'record', key: `queue/${queue}`, value: { keep: { jobs: KEEP } } }])
  })
  afterEach(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })

  /** So many are put and done, and a while passes. Returns how many are kept then. */
  async function done(jobs: number, result?: number): Promise<number> {
    const put: Op = {
      do: 'put',
      to: [{ queue, create: true }],
      msg: { body: Buffer.from('x'), ...(result !== undefined && { result }) },
    }
    const ids = (await commit(store, Array<Op>(jobs).fill(put))).map((answer) => {
      const [one] = answer.ok && answer.do === 'put' ? answer.per : []
      assert.ok(one?.ok)
      return one.id
    })
    if (jobs > 0)
      await commit(
        store,
        ids.map((id): Op => ({ do: 'finish', job: { id } })),
      )
    clock.move(2000)
    await commit(store, [{ do: 'due', limit: 100 }])
    const page = await store.look({ where: { queue, states: ['finished'] }, limit: 10 * KEEP })
    return page.jobs.length
  }

  test('is not passed over for each that comes, and never exceeds it by more than a part', async () => {
    assert.equal(await done(2 * KEEP), KEEP)
    const all = mock.method(StatementSync.prototype, 'all')
    let most = 0
    for (let i = 0; i < 100; i++) most = Math.max(most, await done(1))
    const passed = all.mock.calls.filter((call) => /OFFSET/.test((call.this as StatementSync).sourceSQL)).length
    all.mock.restore()
    assert.ok(passed > 0 && passed <= 6, `passed over ${passed} times`)
    assert.equal(most, KEEP + KEEP / 16 - 1)
  })

  test('is cut at once where fewer are to be kept, or results become a part of it', async () => {
    assert.equal(await done(KEEP), KEEP)
    assert.equal(await done(1), KEEP + 1)
    await commit(store, [{ do: 'record', key: `queue/${queue}`, value: { keep: { jobs: 200 } } }])
    assert.equal(await done(0), 200)
    assert.equal(await done(100, 60_000), 300)
    clock.move(60_000)
    assert.equal(await done(0), 200)
  })
})
