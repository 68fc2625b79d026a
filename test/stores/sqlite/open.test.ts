import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import type { Queue } from '../../../src/job.ts'
import { checkSqlite, openSqlite, type Durability } from '../../../src/stores/sqlite/index.ts'
import { APPLICATION_ID, migrate, VERSION, versionOf } from '../../../src/stores/sqlite/schema.ts'
import type { Store } from '../../../src/stores/store.ts'

const mail: Queue = 'default/mail'

async function put(store: Store, text = 'x'): Promise<boolean> {
  const [result] =
    (await store.commit([
      { ops: [{ do: 'put', to: [{ queue: mail, create: true }], msg: { body: Buffer.from(text) } }] },
    ])[0]) ?? []
  return result?.ok === true
}

/** What a descriptor of this process is open on. */
function nameOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}

describe('opening a file', () => {
  let folder: string
  let path: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'queueup-open-'))
    path = join(folder, 'jobs.db')
  })
  afterEach(() => rm(folder, { recursive: true }))

  /** Refused with this code, and every byte of it as before. */
  async function refused(code: string): Promise<void> {
    const before = await readFile(path)
    await assert.rejects(openSqlite({ path, patience: 100 }), { code })
    assert.deepEqual(await readFile(path), before)
  }

  async function made(): Promise<void> {
    const store = await openSqlite({ path })
    for (let i = 0; i < 200; i++) await put(store, 'y'.repeat(300))
    await store.close()
  }

  function change(sql: string): void {
    const db = new DatabaseSync(path)
    db.exec(sql)
    db.close()
  }

  test('makes it where there is none, for its owner alone, and leaves only it behind', async () => {
    const store = await openSqlite({ path })
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.equal((await stat(`${path}-processes`)).mode & 0o777, 0o700)
    await store.close()
    await assert.rejects(stat(`${path}-processes`))
    await assert.rejects(stat(`${path}-wal`))
  })

  test("refuses another application's SQLite file", async () => {
    change('CREATE TABLE orders (no INTEGER); INSERT INTO orders VALUES (1)')
    await refused('QUEUEUP_NOT_A_STORE')
    // Also where its tables have names of ours, and its header says that it is ours.
    change(`CREATE TABLE mark (k INTEGER); CREATE TABLE job (id INTEGER, gate TEXT); CREATE TABLE queue (no INTEGER);
      PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${VERSION}`)
    await refused('QUEUEUP_NOT_A_STORE')
  })

  test('takes a file without tables, whatever user_version the application has given it', async () => {
    change('PRAGMA user_version = 2')
    await made()
    const db = new DatabaseSync(path)
    assert.equal(versionOf(db, path), VERSION)
    db.close()
  })

  test('makes a file that shrinks also where the application has written its header', async () => {
    change('PRAGMA journal_mode = WAL')
    await made()
    const db = new DatabaseSync(path)
    assert.deepEqual({ ...db.prepare('PRAGMA auto_vacuum').get() }, { auto_vacuum: 2 })
    db.close()
  })

  test('refuses a file without tables whose application_id says that it is for another application', async () => {
    change('PRAGMA application_id = 1')
    await refused('QUEUEUP_NOT_A_STORE')
  })

  test('refuses a store that has lost its counters', async () => {
    await made()
    change('DELETE FROM mark')
    await refused('QUEUEUP_CORRUPT_STORE')
  })

  for (const moment of ['before', 'after'])
    test(`takes an empty file that another process makes a store of ${moment} the look at it is prepared`, () => {
      const other = new DatabaseSync(path)
      const db = new DatabaseSync(path)
      let looks = 0
      const make = (): void => {
        if (looks++ > 0) return
        other.exec('BEGIN')
        migrate(other, 0)
        other.exec('COMMIT')
      }
      const looking = {
        prepare(sql: string) {
          if (moment === 'before') make()
          const statement = db.prepare(sql)
          make()
          return statement
        },
      }
      assert.equal(versionOf(looking as DatabaseSync, path), VERSION)
      assert.equal(versionOf(db, path), VERSION)
      db.close()
      other.close()
    })

  test('refuses a file that is no SQLite file', async () => {
    await writeFile(path, 'To be, or not to be, that is the question. '.repeat(100))
    await refused('QUEUEUP_NOT_A_STORE')
  })

  test('refuses a damaged file', async () => {
    await made()
    const bytes = await readFile(path)
    // The first page's tree, behind the header.
    bytes.fill(0xa5, 100, 4096)
    await writeFile(path, bytes)
    await refused('QUEUEUP_CORRUPT_STORE')
  })

  test('refuses a damaged file after a crash, too, where the damage lies deep', async () => {
    await made()
    change("INSERT INTO process (slot, epoch, pid, name) VALUES (7, 7, 7, 'crashed')")
    const bytes = await readFile(path)
    for (let page = 10; page < 16; page++) bytes.fill(0xa5, page * 4096, page * 4096 + 2048)
    await writeFile(path, bytes)
    await assert.rejects(openSqlite({ path }), { code: 'QUEUEUP_CORRUPT_STORE' })
  })

  test('refuses a network file system', async () => {
    await made()
    const before = await readFile(path)
    for (const type of [0x6969, 0xff534d42, 0xfe534d42, 0x01021997, 0x00c36400])
      await assert.rejects(openSqlite({ path, around: { fileSystem: () => type } }), {
        code: 'QUEUEUP_NETWORK_FILE_SYSTEM',
      })
    assert.deepEqual(await readFile(path), before)
    await (await openSqlite({ path, around: { fileSystem: () => 0xef53 } })).close()
  })

  test('refuses an SQLite that can corrupt shared files', async () => {
    for (const version of ['3.47.2', '3.49.1', '3.50.4', '3.50.6', '3.51.2', '3.52.0', '3.44.5', '', 'x'])
      assert.throws(() => checkSqlite(version), { code: 'QUEUEUP_UNSAFE_SQLITE' }, version)
    for (const version of ['3.44.6', '3.50.7', '3.51.3', '3.52.1', '3.53.0', '3.53.4', '4.0.0']) checkSqlite(version)
    await assert.rejects(openSqlite({ path, around: { sqlite: '3.51.2' } }), { code: 'QUEUEUP_UNSAFE_SQLITE' })
    await assert.rejects(stat(path))
  })

  test('refuses a durability that can not be, before it makes the file', async () => {
    for (const durability of ['soon', '25d', -1, NaN, '50'] as Durability[])
      await assert.rejects(openSqlite({ path, durability }), { code: 'QUEUEUP_INVALID_ARGUMENT' }, String(durability))
    await assert.rejects(stat(path))
    for (const durability of ['24d', '0ms', 50] as const) await (await openSqlite({ path, durability })).close()
  })

  test('says which folder is missing, and that a folder is no file', async () => {
    await assert.rejects(openSqlite({ path: join(folder, 'no', 'such', 'jobs.db') }), { code: 'QUEUEUP_CANNOT_OPEN' })
    await mkdir(path)
    await assert.rejects(openSqlite({ path }), { code: 'QUEUEUP_CANNOT_OPEN' })
  })

  test('says that what lies beside it can not be made', async () => {
    await writeFile(`${path}-processes`, '')
    await assert.rejects(openSqlite({ path }), { code: 'QUEUEUP_CANNOT_OPEN', message: /-processes/ })
  })

  test('finds damage while it looks', async () => {
    await made()
    const bytes = await readFile(path)
    // The pages of the jobs, which nobody reads who only opens it.
    for (let page = 1; page * 4096 < bytes.length; page++)
      if (bytes.subarray(page * 4096, (page + 1) * 4096).includes('y'.repeat(300)))
        bytes.fill(0xa5, page * 4096, page * 4096 + 100)
    await writeFile(path, bytes)
    const store = await openSqlite({ path })
    const where = { queue: mail, states: ['ready' as const] }
    await assert.rejects(store.look({ where, limit: 1000, with: ['body'] }), { code: 'QUEUEUP_CORRUPT_STORE' })
    await store.close().catch(() => undefined)
  })

  test('waits for a process that holds it, and gives up with a word', async () => {
    await made()
    const app = new DatabaseSync(path)
    app.exec('BEGIN IMMEDIATE')
    await assert.rejects(openSqlite({ path, patience: 100 }), { code: 'QUEUEUP_UNAVAILABLE' })
    const opening = openSqlite({ path })
    app.exec('COMMIT')
    await (await opening).close()
    app.close()
  })

  test('that is locked for too long refuses what was asked, and takes what comes then', async () => {
    const store = await openSqlite({ path, patience: 50 })
    const app = new DatabaseSync(path)
    app.exec('BEGIN IMMEDIATE')
    await assert.rejects(put(store), { code: 'QUEUEUP_UNAVAILABLE' })
    app.exec('COMMIT')
    app.close()
    assert.equal(await put(store), true)
    await store.close()
    await assert.rejects(put(store), { code: 'QUEUEUP_CLOSED' })
  })

  test('that is locked for too long while another one comes tells it later whom to wake', async () => {
    const store = await openSqlite({ path, patience: 50 })
    await store.wait([mail])
    const ready: Queue[] = []
    store.hear((hint) => ready.push(...(hint.ready ?? [])))
    const newcomer = await openSqlite({ path })
    const app = new DatabaseSync(path)
    app.exec('BEGIN IMMEDIATE')
    while (store.others === 0) await turn()
    await assert.rejects(put(store), { code: 'QUEUEUP_UNAVAILABLE' })
    app.exec('COMMIT')
    app.close()
    for (let i = 0; i < 2; i++) await put(store)
    const waits = (await newcomer.processes?.())?.map((one) => one.waits)
    assert.deepEqual([waits, ready], [[[mail], []], [mail]])
    for (const one of [store, newcomer]) await one.close()
  })

  test('goes on while it can not tell whether another process is alive', async () => {
    const store = await openSqlite({ path })
    // As if this process may open no more files.
    await mkdir(join(`${path}-processes`, 'unknown.lock'))
    change("INSERT INTO process (slot, epoch, pid, name) VALUES (7, 7, 7, 'unknown')")
    change('UPDATE mark SET processes = processes + 1')
    for (let i = 0; i < 3; i++) {
      assert.equal(await put(store), true)
      await sleep(60)
    }
    await store.close()
  })

  for (const gone of ['', '-wal'])
    test(`stops when ${gone === '' ? 'the file' : `its ${gone}`} is deleted while it is open: what is put then would be lost`, async () => {
      const store = await openSqlite({ path })
      assert.equal(await put(store), true)
      const failed = new Promise<Error | undefined>((resolve) =>
        store.hear(({ health, failure }) => health === 'failed' && resolve(failure)),
      )
      await rm(`${path}${gone}`)
      assert.match((await failed)?.message ?? '', /deleted or replaced/)
      await assert.rejects(put(store), { code: 'QUEUEUP_UNKNOWN_OUTCOME', message: /deleted or replaced/ })
      await store.close()
    })

  test('answers a put whose -wal was deleted before its sync, and lets go of the file, whatever its end says', async () => {
    const [store, other] = [await openSqlite({ path }), await openSqlite({ path })]
    // Two share the file: the sync is our own, and opens the log by its name.
    await rm(`${path}-wal`)
    await assert.rejects(put(store), { code: 'QUEUEUP_UNKNOWN_OUTCOME' })
    await assert.rejects(put(store), { code: 'QUEUEUP_UNKNOWN_OUTCOME' })
    await store.close()
    await assert.rejects(other.close(), { code: 'QUEUEUP_UNKNOWN_OUTCOME' })
    const open = readdirSync('/proc/self/fd').filter((fd) => nameOf(fd).startsWith(path))
    assert.deepEqual(open, [])
  })
})
