import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createBroker } from '../../../src/broker/store-broker.ts'
import type { Queue } from '../../../src/job.ts'
import type { Disk } from '../../../src/stores/sqlite/disk.ts'
import { openSqlite } from '../../../src/stores/sqlite/index.ts'
import { Upkeep } from '../../../src/stores/sqlite/upkeep.ts'
import type { Op, Result, Store } from '../../../src/stores/store.ts'
import { usedMemory } from '../../memory.ts'

const mail: Queue = 'default/mail'
const put = (bytes: number): Op => ({
  do: 'put',
  to: [{ queue: mail, create: true }],
  msg: { body: Buffer.alloc(bytes, 'x') },
})

async function commit(store: Store, ops: Op[]): Promise<Result[]> {
  return (await store.commit([{ ops }])[0]) ?? []
}

/** A million in a long run. */
const WAITING = Math.min(1_000_000, 100_000 * Number(process.env['QUEUEUP_LONG'] ?? 1))

describe('a file that grew', () => {
  let folder: string
  let path: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'queueup-growth-'))
    path = join(folder, 'jobs.db')
  })
  afterEach(() => rm(folder, { recursive: true }))

  test('may not grow any more: it refuses puts, loses none, and goes on when there is room', async () => {
    const child = join(import.meta.dirname, 'limited-child.ts')
    // In blocks of 512 bytes. The log comes to it first, and is written into the file then; later the file does.
    const { stdout } = await promisify(execFile)('sh', [
      '-c',
      'ulimit -f 800 && exec "$0" "$@"',
      process.execPath,
      child,
      path,
      '200',
      '4000',
    ])
    const told = JSON.parse(stdout) as { acknowledged: number; afterRefusal: number; refusals: string[] }
    assert.equal(told.refusals.length, 1, stdout)
    assert.match(told.refusals[0] ?? '', /^QUEUEUP_UNAVAILABLE .*-wal may not grow any more \(EFBIG\), so nothing was/)
    assert.ok(told.afterRefusal > 10 && told.acknowledged < 200, stdout)
    const store = await openSqlite({ path })
    const [stats] = await store.stats()
    assert.equal(stats?.ready, told.acknowledged)
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.includes('-limit')),
      [],
    )
    await store.close()
  })

  test(`takes no more memory with ${WAITING} jobs that wait`, { timeout: 600_000 }, async () => {
    const store = await openSqlite({ path, durability: 'relaxed' })
    const broker = createBroker({ store })
    const session = broker.session({ protocol: 'test', tenant: 'default', principal: 'test' })
    const thousand = Array.from({ length: 1000 }, () => put(100))
    const work = async (): Promise<void> => {
      const [taken] = await session.commit({
        ops: [{ do: 'reserve', from: [mail], max: 1000, bytes: 1e9, lease: { ms: 60_000, session: session.id } }],
      })
      assert.ok(taken?.ok && taken.do === 'reserve' && taken.jobs.length === 1000)
      await session.commit({ ops: taken.jobs.map(({ id, n }) => ({ do: 'finish', job: { id, n } })) })
    }
    for (let i = 0; i < 10; i++) await session.commit({ ops: thousand })
    await work()
    const before = usedMemory()
    for (let i = 10_000; i < WAITING; i += 1000) await session.commit({ ops: thousand })
    await work()
    const grown = usedMemory() - before
    assert.ok(grown < 4e6, `${grown} bytes`)
    assert.equal((await session.stats([mail]))[0]?.ready, WAITING - 2000)
    await broker.close()
  })

  test('shrinks again when the jobs are gone', { timeout: 60_000 }, async () => {
    const store = await openSqlite({ path, durability: 'relaxed' })
    for (let i = 0; i < 100; i++)
      await commit(
        store,
        Array.from({ length: 500 }, () => put(200)),
      )
    const full = (await stat(path)).size
    assert.ok(full > 8e6, `${full} bytes`)
    for (;;) {
      const [result] = await commit(store, [
        { do: 'bulk', where: { queue: mail, states: ['ready'] }, act: 'delete', limit: 1000 },
      ])
      if (!result?.ok || result.do !== 'bulk' || !result.more) break
    }
    for (let waited = 0; (await stat(path)).size > 2e6; waited += 50) {
      assert.ok(waited < 30_000, `still ${(await stat(path)).size} bytes`)
      await sleep(50)
    }
    await store.close()
  })

  for (const mode of ['NONE', 'INCREMENTAL'])
    test(`is looked at no more when nothing is left to give back, with auto_vacuum = ${mode}`, ({ mock }) => {
      mock.timers.enable({ apis: ['setTimeout'] })
      const db = new DatabaseSync(path)
      db.exec(
        `PRAGMA auto_vacuum = ${mode}; CREATE TABLE air (x); INSERT INTO air VALUES (zeroblob(4000000)); DELETE FROM air`,
      )
      let looks = 0
      const disk = { isThere: () => ++looks > 0, walSize: () => 0, emptyLog: () => undefined } as unknown as Disk
      const upkeep = new Upkeep(db, disk, Infinity, () => undefined)
      upkeep.committed()
      let before = -1
      for (let i = 0; i < 1000 && looks > before; i++) {
        before = looks
        mock.timers.tick(1000)
      }
      assert.equal(looks, before)
      upkeep.close()
      db.close()
    })

  test(
    'has a small log under load, and while a reader holds it back takes no puts past the limit',
    { timeout: 60_000 },
    async () => {
      const maxWal = 12e6
      const store = await openSqlite({ path, durability: 'relaxed', maxWal })
      const health: string[] = []
      store.hear((hint) => hint.health && health.push(hint.health))
      const wal = async () => (await stat(`${path}-wal`)).size
      for (let i = 0; i < 60; i++) {
        await commit(
          store,
          Array.from({ length: 100 }, () => put(2000)),
        )
        await commit(store, [{ do: 'bulk', where: { queue: mail, states: ['ready'] }, act: 'delete', limit: 100 }])
      }
      assert.ok((await wal()) < maxWal, `${await wal()} bytes without a reader`)

      await commit(store, [put(1)])
      const reader = new DatabaseSync(path)
      reader.exec('BEGIN')
      reader.prepare('SELECT count(*) FROM job').get()
      let refused = false
      for (let i = 0; i < 2000 && !refused; i++) {
        const [result] = await commit(store, [put(8000), put(8000), put(8000), put(8000)])
        refused = result?.ok === false && result.why === 'full'
        if (i % 20 === 0) await sleep(100)
      }
      assert.ok(refused, `puts went on at ${await wal()} bytes`)
      const [taken] = await commit(store, [
        { do: 'reserve', from: [mail], max: 1, bytes: 1e9, lease: { session: 's' } },
      ])
      assert.ok(taken?.ok && taken.do === 'reserve' && taken.jobs[0])
      const [finished] = await commit(store, [{ do: 'finish', job: { id: taken.jobs[0].id, held: 's' } }])
      assert.equal(finished?.ok, true, 'what is there can be worked off')

      reader.exec('COMMIT')
      reader.close()
      for (let waited = 0; ; waited += 100) {
        assert.ok(waited < 20_000, 'puts are still refused after the reader has gone')
        const [result] = await commit(store, [put(1)])
        if (result?.ok) break
        await sleep(100)
      }
      assert.deepEqual(health, ['wal full', 'ok'])
      await store.close()
    },
  )
})
