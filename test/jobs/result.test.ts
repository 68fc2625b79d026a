import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { after, test } from 'node:test'
import { createBroker } from '../../src/broker/store-broker.ts'
import { ClosedError, defineJobs, job, open, type StandardSchema } from '../../src/index.ts'
import { JobQueue } from '../../src/jobs/queue.ts'
import { Results } from '../../src/jobs/result.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import { ManualClock } from '../../src/testing/clock.ts'
import { BrokerTransport } from '../../src/transports/broker.ts'
import type { JobView, Look, Transport } from '../../src/transports/transport.ts'
import { settle } from '../broker/open.ts'
import { openTest } from './open.ts'

/** A transport that has jobs until they are gone, and keeps account of who looks. */
function place(jobs: Set<number>) {
  const looks: Look[] = []
  let tell: (id: number) => void = () => undefined
  const clock = new ManualClock()
  const transport = {
    capabilities: { results: true },
    look: (at: Look) => {
      looks.push(at)
      const found = (at.ids ?? [at.id]).filter((id) => id !== undefined && jobs.has(id))
      return Promise.resolve({ jobs: found.map((id) => ({ id, state: 'ready' }) as JobView) })
    },
    ended: (on: (id: number) => void) => {
      tell = on
      return () => undefined
    },
  } as unknown as Transport
  return { looks, clock, results: new Results(transport, clock), tell: (id: number) => tell(id) }
}

test('a thousand results that are awaited are one look, and one more each second', async () => {
  const jobs = new Set(Array.from({ length: 1000 }, (_, i) => i + 1))
  const { looks, clock, results, tell } = place(jobs)
  const waits = [...jobs].map((id) => results.of(id, 'job', {}).then(String, String))
  await setImmediate()
  assert.deepEqual(
    looks.map((look) => look.ids?.length),
    [1000],
  )
  for (let second = 2; second <= 4; second++) {
    clock.move(1000)
    await setImmediate()
    assert.equal(looks.length, second)
  }
  // Of those that end, they alone are looked at.
  jobs.delete(7)
  jobs.delete(8)
  tell(7)
  tell(8)
  assert.match(String(await waits[6]), /was deleted before it was done/)
  await waits[7]
  assert.deepEqual(looks.at(-1)?.ids, [7, 8])
  // Nobody told of these.
  jobs.clear()
  clock.move(1000)
  await Promise.all(waits)
  assert.equal(looks.length, 6)
  clock.move(60_000)
  await setImmediate()
  assert.equal(looks.length, 6, 'nobody waits, and nobody looks')
})

test('a timeout comes at its time, between two looks, and leaves the others waiting', async () => {
  const jobs = new Set([1, 2])
  const { looks, clock, results } = place(jobs)
  const patient = results.of(1, 'job', {}).then(String, String)
  const sooner = results.of(1, 'job', { timeout: '1h' }).then(String, String)
  const hasty = assert.rejects(results.of(2, 'job', { timeout: 300 }), /is not done after 300 ms; it is ready/)
  await setImmediate()
  clock.move(300)
  await hasty
  clock.move(700)
  await setImmediate()
  assert.deepEqual(
    looks.map((look) => look.ids),
    [[1, 1, 2], [2], [1, 1]],
  )
  jobs.delete(1)
  clock.move(1000)
  for (const outcome of await Promise.all([patient, sooner])) assert.match(outcome, /deleted/)
  assert.equal(clock.soonest, undefined, 'nothing is left of any of them')
})

test('the result is what its validator makes of the answer', async (t) => {
  const schema: StandardSchema<string, number> = {
    '~standard': { version: 1, vendor: 'test', validate: (value) => Promise.resolve({ value: Number(value) }) },
  }
  const queue = openTest(t, defineJobs({ count: job({ result: schema }) }))
  queue.work({ count: () => '12' })
  const { id, result } = await queue.put('count')
  assert.equal((await queue.waitFor('count')).result, 12)
  assert.equal(await result(), 12)
  assert.equal(await queue.result(id), 12)
})

test('a validator of results may be a function, as those of arktype are', async (t) => {
  const schema: StandardSchema<string, string> = Object.assign(() => undefined, {
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      validate: (value: unknown) => ({ value: `${String(value)}!` }),
    },
  })
  const queue = openTest(t, defineJobs({ shout: job({ result: schema }) }))
  queue.work({ shout: () => 'oh' })
  await queue.put('shout')
  assert.equal((await queue.waitFor('shout')).result, 'oh!')
})

test('results awaited together come each as it is', async (t) => {
  const queue = openTest(t, defineJobs({ twice: job<{ n: number }, number>({ result: true, retries: 0 }) }))
  const puts = await queue.putMany(
    'twice',
    Array.from({ length: 300 }, (_, n) => ({ n })),
  )
  const all = Promise.allSettled(puts.map((put) => put.result()))
  queue.work({
    twice: ({ args: { n } }) => {
      if (n === 13) throw new Error('thirteen')
      return n * 2
    },
  })
  const settled = await all
  assert.deepEqual(
    settled.map((one) => (one.status === 'fulfilled' ? one.value : 'failed')),
    puts.map((_, n) => (n === 13 ? 'failed' : n * 2)),
  )
})

const folder = mkdtempSync(join(tmpdir(), 'queueup-result-'))
after(() => rmSync(folder, { recursive: true }))
for (const url of ['memory:', `file:${join(folder, 'jobs.db')}`])
  test(`close ends whoever waits, and whatever is called then says so: ${url.split(':')[0]}:`, async () => {
    const queue = await open(url, { jobs: defineJobs({ slow: job({ result: true }) }) })
    const put = await queue.put('slow')
    const waits = [put.result(), queue.result(put.id), queue.drained('slow')]
    const ended = Promise.all(waits.map((wait) => assert.rejects(wait, ClosedError)))
    queue.work({ slow: (_job, { signal }) => once(signal, 'abort') }, { stopWithin: 0 })
    await setImmediate()
    await Promise.all([queue.close(), queue.close()])
    await ended
    const calls: (() => unknown)[] = [
      () => queue.put('slow'),
      () => queue.putMany('slow', [undefined]),
      () => queue.get('1'),
      () => queue.list({ queue: 'slow' }),
      () => queue.counts(),
      () => queue.why('1'),
      () => put.result(),
      () => queue.cancel('1'),
      () => queue.update('1', { priority: 1 }),
      () => queue.retry('1'),
      () => queue.promote('1'),
      () => queue.retryAll({ queue: 'slow' }),
      () => queue.clear({ queue: 'slow' }),
      () => queue.move({ queue: 'slow' }, 'other'),
      () => queue.pause('slow'),
      () => queue.resume('slow'),
      () => queue.drained('slow'),
      () => queue.work({ slow: () => 1 }),
      () => queue.follow(),
      () => queue.metrics(),
      () => queue.listen({ beanstalkd: 0 }),
    ]
    for (const call of calls)
      await assert.rejects(
        async () => call(),
        (error) => error instanceof ClosedError && /open it again/.test(error.message),
        String(call),
      )
  })

const sums = defineJobs({ add: job<{ a: number; b: number }, number>({ result: true, keepResult: '1h' }) })

for (const url of ['memory:', 'file:'] as const)
  test(`a result that was kept for long enough leaves, though nothing else happens: ${url}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'queueup-result-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const clock = new ManualClock()
    const store = url === 'memory:' ? openMemory({ clock }) : await openSqlite({ path: join(folder, 'jobs.db'), clock })
    const broker = createBroker({ store, clock })
    const queue = new JobQueue({ transport: new BrokerTransport(broker, store, url), jobs: sums, clock })
    queue.work({ add: ({ args: { a, b } }) => a + b })
    const { id, result } = await queue.put('add', { a: 1, b: 2 })
    assert.equal(await result(), 3)
    clock.move(3_600_000)
    assert.equal((await queue.get(id))?.state, 'finished')
    clock.move(1000)
    await settle()
    assert.equal(await queue.get(id), undefined)
    await queue.close()
  })
