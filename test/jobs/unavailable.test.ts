/** A worker whose store is unavailable for a while, or for good. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { createBroker } from '../../src/broker/store-broker.ts'
import { defineJobs, job } from '../../src/index.ts'
import { Queue } from '../../src/jobs/queue.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import { ManualClock } from '../../src/testing/clock.ts'
import { BrokerTransport } from '../../src/transports/broker.ts'
import { faultStore } from '../model/fault-store.ts'
import { fired, until } from './open.ts'

const jobs = defineJobs({ mail: job<{ n: number }>() })
const STOP_WITHIN = 5000
/** How long it insists on the outcomes of what it has done. */
const INSIST = 10_000

/** A queue on a file whose disk may be full. */
async function place(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'queueup-unavailable-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const clock = new ManualClock()
  const disk = { full: false }
  const open = async () => {
    const file = await openSqlite({ path: join(folder, 'jobs.db'), clock, durability: 'relaxed' })
    const store = faultStore(file, () => (disk.full ? 'before' : 'none'))
    const broker = createBroker({ store, clock, slowPoll: false })
    return new Queue({ transport: new BrokerTransport(broker, store, 'file:'), jobs, clock, random: () => 0 })
  }
  return { file: join(folder, 'jobs.db'), clock, disk, open }
}

async function states(queue: Queue<typeof jobs>): Promise<[string, number][]> {
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
