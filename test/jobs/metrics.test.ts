import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createBroker } from '../../src/broker/store-broker.ts'
import { defineJobs, job, open } from '../../src/index.ts'
import { Figures } from '../../src/jobs/figures.ts'
import { metricsText } from '../../src/jobs/metrics.ts'
import { JobQueue } from '../../src/jobs/queue.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import { BrokerTransport } from '../../src/transports/broker.ts'
import { parseExposition, type Family } from './exposition.ts'

const value = (families: Map<string, Family>, name: string, labels: Record<string, string>) =>
  families
    .get(name.replace(/_(?:bucket|sum|count)$/, ''))
    ?.samples.find(
      (one) => one.name === name && Object.entries(labels).every(([label, text]) => one.labels[label] === text),
    )?.value

describe('metrics', () => {
  test('count what happens to jobs, by name and queue, and how long attempts take', async () => {
    const jobs = defineJobs({
      good: job<{ n: number }>({ queue: 'mixed' }),
      bad: job<{ n: number }>({ queue: 'mixed', retries: 1, backoff: 1 }),
    })
    const queue = await open('memory:', { jobs })
    const dead = new Promise((resolve) => queue.on('dead', resolve))
    await queue.putMany(
      'good',
      Array.from({ length: 5 }, (_, n) => ({ n })),
      { unique: { key: 'one' } },
    )
    await queue.put('bad', { n: 1 })
    await queue.put('good', { n: 7 }, { delay: '1h' })
    const worker = queue.work({
      good: () => undefined,
      bad: () => {
        throw new Error('no')
      },
    })
    await dead
    const families = parseExposition(await queue.metrics())
    const of = (name: string, labels = {}) => value(families, name, labels)
    const good = { job: 'good', queue: 'mixed' }
    const bad = { job: 'bad', queue: 'mixed' }
    assert.deepEqual(
      ['put', 'started', 'done', 'failed', 'retried', 'dead', 'lost'].map((what) => [
        of(`queueup_jobs_${what}_total`, good),
        of(`queueup_jobs_${what}_total`, bad),
      ]),
      [
        [2, 1],
        [1, 2],
        [1, 0],
        [0, 2],
        [0, 1],
        [0, 1],
        [0, 0],
      ],
    )
    assert.equal(of('queueup_attempt_duration_seconds_count', good), 1)
    assert.equal(of('queueup_attempt_duration_seconds_bucket', { ...bad, le: '+Inf' }), 2)
    assert.deepEqual(
      ['ready', 'delayed', 'reserved', 'buried'].map((state) => of('queueup_queue_jobs', { queue: 'mixed', state })),
      [0, 1, 0, 1],
    )
    assert.deepEqual([of('queueup_workers'), of('queueup_worker_active'), of('queueup_worker_prefetched')], [1, 0, 0])
    await queue.pause('mixed', '1m')
    assert.equal(value(parseExposition(await queue.metrics()), 'queueup_queue_paused', { queue: 'mixed' }), 1)
    await worker.stop()
    await queue.close()
  })

  test('say how long the next job has been there, and whether its queue is paused now', () => {
    const stats = {
      queue: 'default/q',
      ready: 1,
      urgent: 0,
      delayed: 0,
      waiting: 0,
      reserved: 0,
      buried: 0,
      puts: 1,
      gone: 0,
    } as const
    const figures = new Figures(() => true)
    const at = (now: number) =>
      parseExposition(metricsText(figures, [{ ...stats, oldest: 1000, pausedUntil: 5000 }], [], now))
    for (const [now, oldest, paused] of [
      [4000, 3, 1],
      [6000, 5, 0],
      [500, 0, 1],
    ] as const) {
      assert.equal(value(at(now), 'queueup_queue_oldest_ready_seconds', { queue: 'q' }), oldest)
      assert.equal(value(at(now), 'queueup_queue_paused', { queue: 'q' }), paused)
    }
  })

  test('leave out what its unique key kept from being put, also where somebody listens', async () => {
    const queue = await open('memory:', { jobs: defineJobs({ one: job<undefined>() }) })
    const heard: boolean[] = []
    queue.on('put', ({ duplicate }) => heard.push(duplicate))
    for (let i = 0; i < 2; i++) await queue.put('one', undefined, { unique: { key: 'one' } })
    assert.deepEqual(heard, [false, true])
    assert.equal(value(parseExposition(await queue.metrics()), 'queueup_jobs_put_total', { job: 'one' }), 1)
    await queue.close()
  })

  test('are valid with any name of a job', () => {
    const odd = 'a"b\\c\nd{e="f"} 1'
    const figures = new Figures((name) => name === odd)
    figures.count('put', { name: odd, queue: 'q' })
    figures.count('done', { name: odd, queue: 'q' }, 1234.5)
    const families = parseExposition(metricsText(figures, [], [], 0))
    assert.equal(value(families, 'queueup_jobs_put_total', { job: odd }), 1)
    assert.equal(value(families, 'queueup_attempt_duration_seconds_bucket', { job: odd, le: '1' }), 0)
    assert.equal(value(families, 'queueup_attempt_duration_seconds_bucket', { job: odd, le: '2.5' }), 1)
    assert.equal(value(families, 'queueup_attempt_duration_seconds_sum', { job: odd }), 1.2345)
  })

  test('do not grow by names that strangers make up', async () => {
    const jobs = defineJobs({ known: job<undefined>({ queue: 'shared' }) })
    const store = openMemory()
    const broker = createBroker({ store })
    const queue = new JobQueue({ transport: new BrokerTransport(broker, store, 'memory:'), jobs })
    const client = broker.session({ protocol: 'beanstalkd', tenant: 'default', principal: 'php' })
    let retried = 0
    const all = new Promise<void>((resolve) => queue.on('retried', () => ++retried === 50 && resolve()))
    for (let i = 0; i < 50; i++) {
      const msg = { body: Buffer.from(`{"job":"made up ${i}","args":{}}`) }
      await client.commit({ ops: [{ do: 'put', to: [{ queue: 'default/shared', create: true }], msg }] })
    }
    queue.work({ known: () => undefined })
    await all
    const families = parseExposition(await queue.metrics())
    const { samples = [] } = families.get('queueup_jobs_retried_total') ?? {}
    assert.deepEqual(samples, [{ name: 'queueup_jobs_retried_total', labels: { job: '', queue: 'shared' }, value: 50 }])
    await queue.close()
  })
})
