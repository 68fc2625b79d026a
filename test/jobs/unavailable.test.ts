/** A worker whose store is unavailable for a while, or for good. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { queryObjects } from 'node:v8'
import { createBroker } from '../../src/broker/store-broker.ts'
import { defineJobs, job, UnknownOutcomeError } from '../../src/index.ts'
import { JobQueue } from '../../src/jobs/queue.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import { ManualClock } from '../../src/testing/clock.ts'
import { BrokerTransport } from '../../src/transports/broker.ts'
import { faultStore } from '../model/fault-store.ts'
import { fired, until } from './open.ts'

const jobs = defineJobs({ mail: job<{ n: number }>(), limited: job<{ n: number }>({ limits: [{ concurrency: 5 }] }) })
const STOP_WITHIN = 5000
/** How long it insists on the outcomes of what it has done. */
const INSIST = 10_000

/** A queue on a file whose disk may be full. */
async function place(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'queueup-unavailable-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const clock = new ManualClock()
  const disk = { full: false, failed: false }
  const open = async () => {
    const file = await openSqlite({ path: join(folder, 'jobs.db'), clock, durability: 'relaxed' })
    const store = faultStore(file, () => (disk.failed ? 'after' : disk.full ? 'before' : 'none'))
    const broker = createBroker({ store, clock, slowPoll: false })
    return new JobQueue({ transport: new BrokerTransport(broker, store, 'file:'), jobs, clock, random: () => 0 })
  }
  return { file: join(folder, 'jobs.db'), clock, disk, open }
}

async function states(queue: JobQueue<typeof jobs>): Promise<[string, number][]> {
  const { jobs: all } = await queue.list({ queue: 'mail' })
  return all.map(({ state, failures }) => [state, failures])
}

for (const how of ['its handler has ended', 'its handler goes on until its signal fires'] as const)
  test(`a stop while the store is unavailable ends in time, says so, and loses nothing: ${how}`, async (t) => {
    const { clock, disk, open } = await place(t)
    const queue = await open()
    const errors: string[] = []
    queue.on('error', ({ error }) => errors.push(String(error)))
    const finish = Promise.withResolvers<void>()
    let begun = 0
    const worker = queue.work(
      {
        mail: async (_, { signal }) => {
          begun++
          await (how === 'its handler has ended' ? finish.promise : fired(signal))
        },
      },
      { concurrency: 1, stopWithin: STOP_WITHIN },
    )
    await queue.putMany('mail', [{ n: 1 }, { n: 2 }, { n: 3 }])
    await until(() => begun === 1)
    disk.full = true
    finish.resolve()
    let over: number | undefined
    const start = clock.now()
    const stopped = worker.stop().then(() => (over = clock.now() - start))
    await until(() => (clock.move(100), over !== undefined))
    await stopped
    await worker.done
    assert.ok((over ?? Infinity) <= STOP_WITHIN + INSIST + 200, `${over} ms`)
    assert.match(errors[0] ?? '', /UnavailableError/)
    assert.match(errors.at(-1) ?? '', /has stopped, .* 1 job in time: .* goes back/)

    disk.full = false
    await queue.close()
    const next = await open()
    await until(async () => (clock.move(1000), (await states(next)).every(([state]) => state === 'ready')))
    assert.equal((await states(next)).length, 3)
    const done: number[] = []
    next.work({ mail: ({ args }) => void done.push(args.n) })
    await until(async () => (clock.move(100), (await states(next)).length === 0))
    assert.deepEqual(done.sort(), [1, 2, 3])
    await next.close()
  })

/** All that follows from what has happened. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await setImmediate()
}

test('a worker that can take no jobs says so, tries again less and less often, and goes on', async (t) => {
  const { clock, disk, open } = await place(t)
  const queue = await open()
  const errors: unknown[] = []
  queue.on('error', ({ error }) => errors.push(error))
  const done: number[] = []
  // What its definition says of limits can't be written.
  disk.full = true
  const work = () => queue.work({ limited: ({ args }) => void done.push(args.n) })
  const first = work()
  await until(() => errors.length === 1)
  // Without waiting for the end of its pause.
  await first.stop()

  const worker = work()
  const seen: number[] = []
  for (const ms of [0, 100, 100, 100, 399, 1, 800, 1600, 3200, 5000, 5000]) {
    clock.move(ms)
    await settled()
    seen.push(errors.length)
  }
  assert.deepEqual(seen, [2, 3, 3, 4, 4, 5, 6, 7, 8, 9, 10])
  assert.match(String(errors[0]), /UnavailableError/)
  const { running, lastError } = worker.health()
  assert.deepEqual([running, lastError?.error], [true, errors.at(-1)])
  disk.full = false
  await queue.put('limited', { n: 1 })
  clock.move(5000)
  await until(() => done.length === 1)
  await queue.close()
})

test('a worker whose store has failed for good stops, and says so', async (t) => {
  const { disk, open } = await place(t)
  const queue = await open()
  disk.failed = true
  const worker = queue.work({ mail: () => undefined })
  await assert.rejects(worker.done, UnknownOutcomeError)
  const { running, lastError } = worker.health()
  assert.equal(running, false)
  assert.ok(lastError?.error instanceof UnknownOutcomeError)
  disk.failed = false
  await queue.close().catch(() => undefined)
})

test('outcomes that go to the store together are all told again, and what was told meanwhile is no crash', async (t) => {
  const { clock, disk, open } = await place(t)
  const queue = await open()
  const errors: unknown[] = []
  queue.on('error', ({ error }) => errors.push(error))
  const finish = Promise.withResolvers<void>()
  const done: number[] = []
  const took: number[] = []
  queue.on('done', ({ id, ms }) => {
    done.push(Number(id))
    took.push(ms)
  })
  const worker = queue.work({
    mail: async (_, { log }) => {
      await finish.promise
      log('nearly')
    },
  })
  await queue.putMany('mail', [{ n: 1 }, { n: 2 }, { n: 3 }])
  await until(() => worker.health().active === 3)
  disk.full = true
  finish.resolve()
  await until(() => worker.health().active === 0)
  await until(() => errors.length > 0)
  disk.full = false
  await until(() => (clock.move(50), done.length === 3))
  assert.deepEqual(done, [1, 2, 3])
  assert.deepEqual(took, [0, 0, 0], 'not the time until the store took it')
  await queue.close()
})

test('an outcome that the store does not take for hours costs no more memory the longer it waits', async (t) => {
  const { clock, disk, open } = await place(t)
  const queue = await open()
  let errors = 0
  queue.on('error', () => errors++)
  let done = 0
  queue.on('done', () => done++)
  queue.work({ mail: () => void (disk.full = true) })
  await queue.put('mail', { n: 1 })
  const promisesAfter = async (more: number) => {
    const enough = errors + more
    await until(() => (clock.move(250), errors >= enough))
    return queryObjects(Promise, { format: 'count' })
  }
  const before = await promisesAfter(50)
  const grown = (await promisesAfter(300)) - before
  disk.full = false
  await until(() => (clock.move(250), done === 1))
  await queue.close()
  assert.ok(grown < 100, `${grown} promises more after 300 times more`)
})

test('a job that was completed in a transaction is told to be done by nobody who could not ask the store', async (t) => {
  const { file, clock, disk, open } = await place(t)
  const queue = await open()
  const db = new DatabaseSync(file)
  const told: string[] = []
  queue.on('done', ({ id }) => told.push(id))
  const worker = queue.work({
    mail: (_, ctx) => {
      db.exec('BEGIN IMMEDIATE')
      ctx.complete(db)
      db.exec('ROLLBACK')
      disk.full = true
    },
  })
  await queue.put('mail', { n: 1 })
  await until(() => disk.full)
  let over = false
  const stopped = worker.stop({ within: 0 }).then(() => (over = true))
  await until(() => (clock.move(100), over))
  await stopped
  assert.deepEqual(told, [])
  disk.full = false
  db.close()
  await queue.close()
})
