import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { InvalidArgumentError, OwnTransactionError, UnavailableError } from '../../../src/errors.ts'
import type { Queue, QueuePolicy } from '../../../src/job.ts'
import { openSqlite } from '../../../src/stores/sqlite/index.ts'
import type { Hint, Op, Store, Unit } from '../../../src/stores/store.ts'
import { ManualClock } from '../../../src/testing/clock.ts'

const mail: Queue = 'default/mail'
const put = (text: string): Op => ({ do: 'put', to: [{ queue: mail, create: true }], msg: { body: Buffer.from(text) } })

describe("a put in the application's own transaction", () => {
  let folder: string
  let store: Store
  let app: DatabaseSync

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'queueup-within-'))
    store = await openSqlite({ path: join(folder, 'app.db') })
    app = new DatabaseSync(join(folder, 'app.db'))
    app.exec('CREATE TABLE orders (no INTEGER)')
  })
  afterEach(async () => {
    app.close()
    await store.close()
    await rm(folder, { recursive: true })
  })

  const within = (unit: Unit) => (store.within as NonNullable<Store['within']>)(app).commit(unit)
  const ready = async () => (await store.stats([mail]))[0]?.ready ?? 0

  test('is there when it commits, together with its own rows', async () => {
    app.exec('BEGIN IMMEDIATE; INSERT INTO orders VALUES (1)')
    const [result] = within({ ops: [put('welcome')] })
    assert.equal(result?.ok, true)
    assert.equal(await ready(), 0, 'nobody sees it before')
    app.exec('COMMIT')
    assert.equal(await ready(), 1)
  })

  test('is gone when it rolls back, and takes no later job along', async () => {
    app.exec('BEGIN IMMEDIATE')
    within({ ops: [put('never')] })
    app.exec('ROLLBACK')
    await store.commit([{ ops: [put('later')] }])[0]
    const { jobs } = await store.look({ where: { queue: mail, states: ['ready'] }, limit: 10, with: ['body'] })
    assert.deepEqual(
      jobs.map((job) => Buffer.from(job.body ?? []).toString()),
      ['later'],
    )
  })

  test('leaves nothing when it cannot be written, though the application goes on and commits', async () => {
    const msg = { unique: { key: 'k', for: 'unfinished', on: 'keep' } } as const
    const unit = (body: Uint8Array): Unit => ({
      ops: [{ do: 'put', to: [{ queue: mail, create: true }], msg: { ...msg, body } }],
    })
    app.exec('BEGIN IMMEDIATE')
    assert.throws(() => within(unit(new Date() as unknown as Uint8Array)), TypeError)
    within({ ops: [put('another')] })
    app.exec('COMMIT')
    await store.commit([unit(Buffer.from('x'))])[0]
    assert.deepEqual(
      (await store.stats([mail])).map(({ ready, puts }) => [ready, puts]),
      [[2, 2]],
    )
  })

  test('refuses a record that is bound to a session, which it knows nothing of', () => {
    app.exec('BEGIN IMMEDIATE')
    assert.throws(() => within({ ops: [{ do: 'record', key: 'x/y', value: 1, session: 's' }] }), InvalidArgumentError)
    app.exec('ROLLBACK')
  })

  test('prepares its statements once for a handle, and again when that was closed meanwhile', async () => {
    const once = () => {
      app.exec('BEGIN IMMEDIATE')
      assert.equal(within({ ops: [put('welcome')] })[0]?.ok, true)
      app.exec('COMMIT')
    }
    let prepared = 0
    const { prepare } = DatabaseSync.prototype
    DatabaseSync.prototype.prepare = function (sql) {
      prepared++
      return prepare.call(this, sql)
    }
    try {
      for (let i = 0; i < 2; i++) once()
      assert.ok(prepared > 0)
      prepared = 0
      once()
      assert.equal(prepared, 0)
      app.close()
      app.open()
      once()
      assert.ok(prepared > 0)
      assert.equal(await ready(), 4)
    } finally {
      DatabaseSync.prototype.prepare = prepare
    }
  })

  test('never gives an id twice', async () => {
    const ids: number[] = []
    for (let i = 0; i < 20; i++) {
      const [result] = (await store.commit([{ ops: [put('ours')] }])[0]) ?? []
      if (result?.ok && result.do === 'put') result.per.forEach((one) => one.ok && ids.push(one.id))
      app.exec('BEGIN IMMEDIATE')
      const [other] = within({ ops: [put('theirs')] })
      if (other?.ok && other.do === 'put') other.per.forEach((one) => one.ok && ids.push(one.id))
      app.exec('COMMIT')
    }
    assert.equal(new Set(ids).size, 40)
  })

  test('finishes a job that was reserved outside it, and only if it commits', async () => {
    await store.commit([{ ops: [put('work')] }])[0]
    const [taken] =
      (await store.commit([
        { ops: [{ do: 'reserve', from: [mail], max: 1, bytes: 1000, lease: { session: 's' } }] },
      ])[0]) ?? []
    assert.ok(taken?.ok && taken.do === 'reserve')
    const [job] = taken.jobs
    assert.ok(job)
    const finish: Op = { do: 'finish', job: { id: job.id, n: job.n } }
    app.exec('BEGIN IMMEDIATE')
    assert.equal(within({ ops: [finish] })[0]?.ok, true)
    app.exec('ROLLBACK')
    assert.equal((await store.look({ id: job.id, limit: 1 })).jobs[0]?.state, 'reserved')
    app.exec('BEGIN IMMEDIATE')
    assert.equal(within({ ops: [finish] })[0]?.ok, true)
    app.exec('COMMIT')
    assert.deepEqual((await store.look({ id: job.id, limit: 1 })).jobs, [])
    assert.deepEqual((await store.commit([{ ops: [finish] }])[0])?.[0], { ok: false, why: 'gone' })
  })

  test('wakes who waits, moments after the commit', async () => {
    const woken = new Promise<readonly Queue[]>((resolve) => store.hear((hint) => hint.ready && resolve(hint.ready)))
    app.exec('BEGIN IMMEDIATE')
    within({ ops: [put('now')] })
    app.exec('COMMIT')
    assert.deepEqual(await woken, [mail])
  })

  /** Resolves at the first hint that has it. */
  const heard = <K extends keyof Hint>(what: K) =>
    new Promise<Hint[K]>((resolve) => store.hear((hint) => what in hint && resolve(hint[what])))

  test('tells when what it put for later is due', { timeout: 5000 }, async () => {
    const due = heard('due')
    const at = store.now() + 60_000
    app.exec('BEGIN IMMEDIATE')
    within({ ops: [{ do: 'put', to: [{ queue: mail, create: true, at }], msg: { body: Buffer.from('later') } }] })
    app.exec('COMMIT')
    assert.equal(await due, at)
  })

  test('tells of dead letters, which the application gives no way', { timeout: 5000 }, async () => {
    const policy: QueuePolicy = { maxJobs: 1, overflow: 'drop', dead: 'default/dead' }
    await store.commit([{ ops: [{ do: 'record', key: `queue/${mail}`, value: policy }, put('first')] }])[0]
    const due = heard('due')
    app.exec('BEGIN IMMEDIATE')
    within({ ops: [put('second')] })
    app.exec('COMMIT')
    assert.ok(((await due) as number) <= store.now())
  })

  test('tells the holder of a cancelled job, and not where it was rolled back', { timeout: 5000 }, async () => {
    const take: Op = { do: 'reserve', from: [mail], max: 1, bytes: 1000, lease: { session: 's' } }
    const [, taken] = (await store.commit([{ ops: [put('work'), take] }])[0]) ?? []
    assert.ok(taken?.ok && taken.do === 'reserve' && taken.jobs[0])
    const { id, n } = taken.jobs[0]
    const told: Hint['ended'][] = []
    store.hear(({ ended }) => told.push(ended))
    for (const end of ['ROLLBACK', 'COMMIT']) {
      const woken = heard('ready')
      app.exec('BEGIN IMMEDIATE')
      within({ ops: [{ do: 'cancel', job: id }, put('another')] })
      app.exec(`${end}; BEGIN IMMEDIATE; INSERT INTO orders VALUES (4); COMMIT`)
      await woken
    }
    if (!told.some(Boolean)) await heard('ended')
    assert.deepEqual(told.filter(Boolean), [[{ id, n, why: 'cancelled' }]])
  })

  test(
    'tells the holder of a lease that ran out by it, and not where it was rolled back',
    { timeout: 5000 },
    async () => {
      const clock = new ManualClock()
      const timed = await openSqlite({ path: join(folder, 'app.db'), clock })
      const lease = { ms: 1000, session: 's' }
      const take: Op = { do: 'reserve', from: [mail], max: 1, bytes: 1000, lease }
      const [, taken] = (await timed.commit([{ ops: [put('work'), take] }])[0]) ?? []
      assert.ok(taken?.ok && taken.do === 'reserve' && taken.jobs[0])
      const { id, n } = taken.jobs[0]
      clock.move(1000)
      const told: Hint['ended'][] = []
      const ended = new Promise<void>((resolve) =>
        timed.hear(({ ended }) => {
          if (ended) told.push(ended)
          if (ended) resolve()
        }),
      )
      for (const end of ['ROLLBACK', 'COMMIT']) {
        const woken = new Promise((resolve) => timed.hear(({ ready }) => ready && resolve(ready)))
        app.exec('BEGIN IMMEDIATE')
        timed.within?.(app).commit({ ops: [put('another')] })
        app.exec(`${end}; BEGIN IMMEDIATE; INSERT INTO orders VALUES (5); COMMIT`)
        await woken
        if (end === 'ROLLBACK') assert.deepEqual(told, [])
      }
      await ended
      assert.deepEqual(told, [[{ id, n, why: 'timeout' }]])
      await timed.close()
    },
  )

  test('waits with other puts while the application holds its transaction across an await', async () => {
    app.exec('BEGIN IMMEDIATE; INSERT INTO orders VALUES (2)')
    const other = store.commit([{ ops: [put('patient')] }])[0]
    await new Promise((resolve) => setTimeout(resolve, 300))
    app.exec('COMMIT')
    assert.equal((await other)?.[0]?.ok, true)
  })

  /** Only there does the system tell who holds a lock. */
  const skip = process.platform !== 'linux'
  test(
    'lets nobody fail while the application holds its transaction for a second, and names the cause where it is held for long',
    { skip },
    async () => {
      app.exec('BEGIN IMMEDIATE; INSERT INTO orders VALUES (3)')
      const early = store.commit([{ ops: [put('first')] }])[0]
      await assert.rejects(early as Promise<unknown>, (error: OwnTransactionError) => {
        assert.ok(error instanceof OwnTransactionError && error instanceof UnavailableError)
        assert.equal(error.code, 'QUEUEUP_OWN_TRANSACTION')
        assert.match(error.message, /putWithin/)
        return true
      })
      const late = store.commit([{ ops: [put('second')] }])[0]
      await new Promise((resolve) => setTimeout(resolve, 1000))
      app.exec('COMMIT')
      assert.equal((await late)?.[0]?.ok, true)
      assert.equal(await ready(), 1)
    },
  )

  test('blames nobody else for a lock that another process holds', async () => {
    const other = spawn(process.execPath, [
      '--eval',
      `const { DatabaseSync } = require('node:sqlite')
       const db = new DatabaseSync(${JSON.stringify(join(folder, 'app.db'))})
       db.exec('BEGIN IMMEDIATE')
       console.log('held')
       process.stdin.once('data', () => db.exec('COMMIT'))`,
    ])
    const exited = once(other, 'exit')
    await once(other.stdout, 'data')
    const waiting = store.commit([{ ops: [put('patient')] }])[0]
    await new Promise((resolve) => setTimeout(resolve, 6000))
    other.stdin.end('go')
    assert.equal((await waiting)?.[0]?.ok, true)
    await exited
  })

  test('is refused on a handle that has no transaction, another file, or is of another library', () => {
    assert.throws(() => within({ ops: [put('x')] }), InvalidArgumentError)
    const other = new DatabaseSync(':memory:')
    other.exec('BEGIN')
    const commit = (handle: unknown) =>
      (store.within as NonNullable<Store['within']>)(handle).commit({ ops: [put('x')] })
    assert.throws(() => commit(other), /not the store's file/)
    assert.throws(() => commit({ prepare() {} }), /lose each other's locks/)
    other.close()
  })
})
