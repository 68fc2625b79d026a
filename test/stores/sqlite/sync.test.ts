import assert from 'node:assert/strict'
import fs from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Queue } from '../../../src/job.ts'
import type { Durability } from '../../../src/stores/sqlite/durability.ts'
import { openSqlite } from '../../../src/stores/sqlite/index.ts'
import type { Op, Unit } from '../../../src/stores/store.ts'

const mail: Queue = 'default/mail'
const put: Op = { do: 'put', to: [{ queue: mail, create: true }], msg: { body: Buffer.from('x') } }
const reserve: Unit = {
  ops: [{ do: 'reserve', from: [mail], max: 10, bytes: Infinity, lease: { session: 'worker' } }],
  unsynced: true,
}

/** What happened, in its order: answers by their names, and syncs, at once or beside the event loop; with a durability of its own, until it is closed. */
async function order(t: TestContext, units: Record<string, Unit>, durability?: Durability): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'queueup-sync-'))
  const store = await openSqlite({ path: join(folder, 'jobs.db'), ...(durability && { durability }) })
  const told: string[] = []
  const { fdatasync, fdatasyncSync } = fs
  t.mock.method(fs, 'fdatasyncSync', (fd: number) => {
    fdatasyncSync(fd)
    told.push('sync at once')
  })
  t.mock.method(fs, 'fdatasync', (fd: number, done: fs.NoParamCallback) => {
    fdatasync(fd, (error) => {
      told.push('sync')
      done(error)
    })
  })
  syncBuiltinESMExports()
  try {
    const answers = store.commit(Object.values(units))
    await Promise.all(answers.map((answer, i) => answer.then(() => told.push(Object.keys(units)[i] ?? ''))))
    if (durability) {
      await store.close()
      told.push('closed')
    }
  } finally {
    t.mock.restoreAll()
    syncBuiltinESMExports()
    await store.close()
    await rm(folder, { recursive: true })
  }
  return told
}

test('a job is handed to who waits for it before the sync of its put, and the put is answered after it', async (t) => {
  assert.deepEqual(await order(t, { put: { ops: [put] }, reserve }), ['reserve', 'sync', 'put'])
})

test('what waits for the disk alone, and a load of puts, is synced at once', async (t) => {
  assert.deepEqual(await order(t, { put: { ops: [put] } }), ['sync at once', 'put'])
  const load = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`put ${i}`, { ops: [put] }]))
  assert.deepEqual(await order(t, { ...load, reserve }), ['sync at once', ...Object.keys(load), 'reserve'])
})

test('what nobody waits for is not synced', async (t) => {
  assert.deepEqual(await order(t, { put: { ops: [put], unsynced: true } }), ['put'])
})

test('with less durability the answer waits for no sync: one follows in time, before a close at the latest, or none', async (t) => {
  assert.deepEqual(await order(t, { put: { ops: [put] } }, '1h'), ['put', 'sync', 'closed'])
  assert.deepEqual(await order(t, { put: { ops: [put] } }, 'relaxed'), ['put', 'closed'])
})

test('a sync at once proves nothing while one is on its way that may fail: what comes meanwhile waits for that, and for one of its own', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'queueup-sync-'))
  const store = await openSqlite({ path: join(folder, 'jobs.db') })
  const syncs: fs.NoParamCallback[] = []
  t.mock.method(fs, 'fdatasync', (_fd: number, done: fs.NoParamCallback) => void syncs.push(done))
  syncBuiltinESMExports()
  try {
    const answers: string[] = []
    const commit = (name: string, ...units: Unit[]) => {
      for (const answer of store.commit(units))
        void answer.then(
          () => answers.push(name),
          (error: Error) => answers.push(`${name}: ${error.name}`),
        )
      return new Promise(setImmediate)
    }
    await commit('first', { ops: [put] }, reserve)
    await commit('second', { ops: [put] })
    // The reserve's.
    assert.deepEqual(answers.splice(0), ['first'])
    syncs.shift()?.(null)
    await new Promise(setImmediate)
    assert.deepEqual(answers.splice(0), ['first'])
    await commit('third', { ops: [put] })
    syncs.shift()?.(new Error('EIO'))
    await new Promise(setImmediate)
    assert.deepEqual(answers, ['second: UnknownOutcomeError', 'third: UnknownOutcomeError'])
    assert.equal(syncs.length, 0)
  } finally {
    t.mock.restoreAll()
    syncBuiltinESMExports()
    await store.close().catch(() => undefined)
    await rm(folder, { recursive: true })
  }
})
