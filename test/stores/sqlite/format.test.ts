/** Files of older and newer versions of the format, and processes of both beside each other. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { Queue } from '../../../src/job.ts'
import { openSqlite } from '../../../src/stores/sqlite/index.ts'
import { APPLICATION_ID, VERSION, versionOf } from '../../../src/stores/sqlite/schema.ts'
import type { Op, Result, Store } from '../../../src/stores/store.ts'

const mail: Queue = 'default/mail'

async function run(store: Store, op: Op): Promise<Result> {
  const [result] = (await store.commit([{ ops: [op] }])[0]) ?? []
  assert.ok(result)
  return result
}

async function put(store: Store, text: string): Promise<number> {
  const result = await run(store, {
    do: 'put',
    to: [{ queue: mail, create: true }],
    msg: { body: Buffer.from(text) },
  })
  assert.ok(result.ok && result.do === 'put' && result.per[0]?.ok)
  return result.per[0].id
}

async function states(store: Store): Promise<Record<number, string>> {
  const { jobs } = await store.look({
    where: { queue: mail, states: ['ready', 'reserved', 'delayed', 'buried', 'waiting'] },
    limit: 100,
    with: ['body'],
  })
  return Object.fromEntries(
    jobs.map((job) => [
      job.id,
      `${job.state}: ${Buffer.from(job.body ?? [])
        .toString()
        .slice(0, 20)}`,
    ]),
  )
}

describe('the format of the file', () => {
  let folder: string
  let path: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'queueup-format-'))
    path = join(folder, 'jobs.db')
  })
  afterEach(() => rm(folder, { recursive: true }))

  function change(sql: string): void {
    const db = new DatabaseSync(path)
    db.exec(sql)
    db.close()
  }
  function version(): number {
    const db = new DatabaseSync(path)
    const found = versionOf(db, path)
    db.close()
    return found
  }
  /** What SQLite's header has for applications. */
  function header(): unknown[] {
    const db = new DatabaseSync(path)
    const found = ['user_version', 'application_id'].flatMap((name) =>
      Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {}),
    )
    db.close()
    return found
  }
  const make = async (): Promise<void> => (await openSqlite({ path })).close()
  const fixture = (name: string): Promise<string> => readFile(join(import.meta.dirname, 'fixtures', name), 'utf8')

  const OLDER = Array.from({ length: VERSION - 1 }, (_, i) => i + 1)

  /** What a version further does that only adds: tables, columns with a default, indexes. */
  const ADDED = `ALTER TABLE job ADD COLUMN colour TEXT; ALTER TABLE queue ADD COLUMN owner INTEGER NOT NULL DEFAULT 7; ALTER TABLE mark ADD COLUMN extra TEXT;
    CREATE TABLE extra (x INTEGER); CREATE INDEX extra_colour ON job (colour) WHERE colour IS NOT NULL`

  for (const format of OLDER)
    test(`${format} is brought to this one, with all its jobs as they were`, async () => {
      change(await fixture(`format-${format}.sql`))
      assert.equal(version(), format)
      const store = await openSqlite({ path })
      assert.equal(version(), VERSION)
      assert.deepEqual(await states(store), {
        1: 'ready: ready',
        2: 'ready: urgent',
        3: 'delayed: delayed',
        4: 'ready: first of g',
        5: 'waiting: second of g',
        6: 'ready: unique',
        7: `buried: ${'x'.repeat(20)}`,
        9: 'reserved: reserved',
      })
      const [stats] = await store.stats([mail])
      assert.ok(stats)
      const { ready, waiting, delayed, reserved, buried, urgent, puts } = stats
      assert.deepEqual([ready, waiting, delayed, reserved, buried, urgent, puts], [4, 1, 1, 1, 1, 2, 9])
      const again = await run(store, {
        do: 'put',
        to: [{ queue: mail }],
        msg: { body: Buffer.from('x'), unique: { key: 'k', for: 'unfinished', on: 'keep' } },
      })
      assert.ok(again.ok && again.do === 'put' && again.per[0]?.ok)
      assert.deepEqual([again.per[0].id, again.per[0].duplicate], [6, true])
      assert.equal((await store.look({ id: 8, limit: 1 })).jobs[0]?.state, 'finished', 'its history')
      const taken = await run(store, { do: 'reserve', from: [mail], max: 1, bytes: 1e9, lease: { ms: 1000 } })
      assert.ok(taken.ok && taken.do === 'reserve' && taken.jobs[0])
      assert.deepEqual([taken.jobs[0].id, taken.jobs[0].n > 2 ** 20], [2, true])
      assert.equal((await run(store, { do: 'finish', job: { id: 2, n: taken.jobs[0].n } })).ok, true)
      assert.ok((await put(store, 'new')) > 9)
      await store.close()
      const db = new DatabaseSync(path)
      assert.deepEqual({ ...db.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' })
      db.close()
    })

  test('has the same tables whether a file was made by this version or brought to it', async () => {
    const shape = (): unknown => {
      const db = new DatabaseSync(path)
      const found = db
        .prepare("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name")
        .all()
      db.close()
      return found.map(({ type, name, sql }) => [type, name, String(sql).replace(/--.*$/gm, '').replace(/\s+/g, ' ')])
    }
    await make()
    const made = shape()
    for (const format of OLDER) {
      await rm(path)
      change(await fixture(`format-${format}.sql`))
      await make()
      assert.deepEqual(shape(), made)
    }
  })

  test('leaves user_version to the application', async () => {
    await make()
    assert.deepEqual(header(), [0, APPLICATION_ID])
    for (const value of [1, VERSION - 1, VERSION, VERSION + 1, -1, 2 ** 31 - 1]) {
      change(`PRAGMA user_version = ${value}`)
      const store = await openSqlite({ path })
      await put(store, `with ${value}`)
      await store.close()
      assert.deepEqual(header(), [value, APPLICATION_ID])
    }
    for (const format of OLDER)
      for (const value of [0, format - 1, format + 1, VERSION + 1]) {
        await rm(path)
        change(await fixture(`format-${format}.sql`))
        change(`PRAGMA user_version = ${value}`)
        assert.equal(version(), format)
        const store = await openSqlite({ path })
        assert.equal(Object.keys(await states(store)).length, 8)
        await store.close()
        assert.deepEqual([version(), ...header()], [VERSION, value, APPLICATION_ID])
      }
  })

  test('is known by its tables, whatever application_id says, and without it, as after a dump', async () => {
    const store = await openSqlite({ path })
    await put(store, 'before')
    await store.close()
    for (const id of [0, 1, 0x47504b47]) {
      change(`PRAGMA application_id = ${id}; PRAGMA user_version = 0`)
      const store = await openSqlite({ path })
      assert.deepEqual(await states(store), { 1: 'ready: before' })
      await store.close()
      assert.deepEqual(header(), [0, id])
    }
  })

  test('is refused, and told, as too new also where the application has set user_version', async () => {
    await make()
    change(`${ADDED}; UPDATE mark SET oldest = ${VERSION + 2}; PRAGMA user_version = 1`)
    await assert.rejects(openSqlite({ path }), { code: 'QUEUEUP_NEWER_FORMAT', message: RegExp(`${VERSION + 2}`) })
  })

  test('one version on, which only added to it, is worked with, beside a process that had it open before', async () => {
    await make()
    const before = await openSqlite({ path })
    await put(before, 'before')
    change(ADDED)
    await put(before, 'beside')
    const after = await openSqlite({ path })
    await put(after, 'after')
    assert.deepEqual(Object.values(await states(before)), ['ready: before', 'ready: beside', 'ready: after'])
    await after.close()
    await before.close()
  })

  test('three versions on, which says that it is too new for this one, is refused and not touched', async () => {
    await make()
    change(`${ADDED}; UPDATE mark SET oldest = ${VERSION + 2}`)
    const bytes = await readFile(path)
    await assert.rejects(openSqlite({ path }), { code: 'QUEUEUP_NEWER_FORMAT' })
    assert.deepEqual(await readFile(path), bytes)
  })

  test('that becomes too new while a process has it open stops that process before it writes', async () => {
    const store = await openSqlite({ path })
    const health: string[] = []
    store.hear((hint) => hint.health && health.push(hint.health))
    await put(store, 'before')
    change(`UPDATE mark SET oldest = ${VERSION + 2}`)
    const late = [put(store, 'late'), put(store, 'later')]
    for (const one of late) await assert.rejects(one, { code: 'QUEUEUP_NEWER_FORMAT' })
    await assert.rejects(put(store, 'still later'), { code: 'QUEUEUP_NEWER_FORMAT' })
    assert.deepEqual(health, ['failed'])
    await store.close()
    const db = new DatabaseSync(path)
    assert.deepEqual({ ...db.prepare('SELECT count(*) AS jobs FROM job').get() }, { jobs: 1 })
    db.close()
  })
})
