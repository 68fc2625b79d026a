import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createBroker } from '../../src/broker/store-broker.ts'
import { defineJobs, Discard, job, open, RetryLater, type FollowedEvent } from '../../src/index.ts'
import { JobQueue } from '../../src/jobs/queue.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import { ManualClock } from '../../src/testing/clock.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import type { Store, Unit } from '../../src/stores/store.ts'
import { BeanstalkdClient } from '../../src/transports/beanstalkd/index.ts'
import { BrokerTransport } from '../../src/transports/broker.ts'

const jobs = defineJobs({ greet: job<{ name: string }>() })

/** Events until one of that type, without their times. */
async function until(
  events: AsyncIterator<FollowedEvent, undefined>,
  type: FollowedEvent['type'],
): Promise<FollowedEvent[]> {
  const seen: FollowedEvent[] = []
  for (;;) {
    const { value } = await events.next()
    assert.ok(value, `the events ended before ${type}`)
    seen.push(value)
    if (value.type === type) return seen
  }
}

const shown = (events: FollowedEvent[]) =>
  events.map((event) => (event.type === 'missed' ? event : { ...event, time: undefined, ms: undefined }))

describe('who follows', () => {
  test('hears what jobs go through, each with what belongs to it', async () => {
    const queue = await open('memory:', { jobs })
    const events = await queue.follow()
    const { id } = await queue.put('greet', { name: 'Ada' })
    queue.work({
      greet: (_job, ctx) => {
        ctx.progress({ half: true })
        throw new Discard('no such name')
      },
    })
    const about = { id, name: 'greet', queue: 'greet', time: undefined, ms: undefined }
    assert.deepEqual(shown(await until(events, 'dead')), [
      { type: 'put', ...about, duplicate: false },
      { type: 'started', ...about, attempt: 1 },
      { type: 'progress', ...about, progress: { half: true } },
      { type: 'failed', ...about, attempt: 1, error: 'Discard: no such name' },
      { type: 'dead', ...about, error: 'Discard: no such name', why: 'rejected' },
    ])
    await queue.close()
    assert.deepEqual(await events.next(), { done: true, value: undefined })
  })

  test('may ask for several before the first has come', async () => {
    const queue = await open('memory:', { jobs })
    const events = await queue.follow()
    const asked = [events.next(), events.next(), events.next()]
    const ids = (await queue.putMany('greet', [{ name: 'Ada' }, { name: 'Bob' }])).map((one) => one.id)
    const [first, second] = await Promise.all(asked.slice(0, 2))
    assert.deepEqual(
      [first?.value, second?.value].map((one) => (one as { id?: string } | undefined)?.id),
      ids,
    )
    await events.close()
    assert.deepEqual(await asked[2], { done: true, value: undefined })
    await queue.close()
  })

  test('is kept alive by its wait, as by that for a result', async () => {
    const queue = await open('memory:', { jobs })
    const events = await queue.follow()
    const keeping = () => process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length
    const before = keeping()
    const next = events.next()
    await setImmediate()
    assert.equal(keeping(), before + 1)
    await events.close()
    await next
    assert.equal(keeping(), before)
    await queue.close()
  })

  test('hears what is done by hand, and by clients of a protocol', async () => {
    const store = openMemory()
    const broker = createBroker({ store })
    const queue = new JobQueue({ transport: new BrokerTransport(broker, store, 'memory:'), jobs })
    const client = broker.session({ protocol: 'beanstalkd', tenant: 'default', principal: 'php' })
    const events = await queue.follow()
    const [put] = await client.commit({
      ops: [{ do: 'put', to: [{ queue: 'default/mail', create: true }], msg: { body: Buffer.from('x') } }],
    })
    assert.ok(put?.ok && put.do === 'put' && put.per[0]?.ok)
    const { id } = put.per[0]
    const taken = await new Promise<{ n: number }>((resolve) =>
      client.line(
        { queues: ['default/mail'], credit: 1, once: true, lease: { bound: true } },
        { jobs: ([one]) => resolve(one as { n: number }), end: () => undefined },
      ),
    )
    await client.commit({ ops: [{ do: 'bury', job: { id, n: taken.n }, why: 'asked' }] })
    await queue.retry(String(id))
    await queue.cancel(String(id))
    const seen = await until(events, 'deleted')
    assert.deepEqual(
      seen.map((event) => event.type !== 'missed' && [event.type, event.id, event.name, event.queue]),
      [
        ['put', String(id), '', 'mail'],
        ['reserved', String(id), '', 'mail'],
        ['buried', String(id), '', 'mail'],
        ['kicked', String(id), '', ''],
        ['deleted', String(id), '', ''],
      ],
    )
    assert.deepEqual(
      seen.flatMap((event) => (event.type === 'reserved' ? [event.starts] : [])),
      [1],
    )
    await queue.close()
  })

  test('hears when a job comes again, and that it is done, without what it answered or told at length', async () => {
    const queue = await open('memory:', { jobs })
    const events = await queue.follow()
    const { id } = await queue.put('greet', { name: 'Ada' })
    let attempts = 0
    queue.work({
      greet: (_job, { progress }) => {
        if (attempts++ === 0) throw new RetryLater(1)
        progress('x'.repeat(5000))
        return { secret: true }
      },
    })
    const about = { id, name: 'greet', queue: 'greet', time: undefined, ms: undefined }
    const seen = await until(events, 'done')
    const retried = seen.find((event) => event.type === 'retried')
    assert.ok(retried?.type === 'retried' && retried.at instanceof Date && retried.at.getTime() > 0)
    assert.deepEqual(shown(seen.filter(({ type }) => type === 'progress' || type === 'done')), [
      { type: 'progress', ...about, progress: null },
      { type: 'done', ...about, attempt: 1 },
    ])
    await queue.close()
  })

  test("hears no more than the beginning of a stranger's name, however long it is", async () => {
    const queue = await open('memory:', { jobs })
    const { beanstalkd } = await queue.listen({ beanstalkd: 0 })
    const client = await BeanstalkdClient.connect({ host: '127.0.0.1', port: Number(beanstalkd?.split(':').at(-1)) })
    const events = await queue.follow()
    await client.put('greet', Buffer.from(JSON.stringify({ job: 'x'.repeat(50_000) })))
    queue.work({ greet: () => undefined })
    const [retried] = shown(await until(events, 'retried')).slice(-1)
    assert.ok(retried?.type === 'retried')
    assert.match(retried.name, /^x{200,1024}$/)
    client.close()
    await queue.close()
  })

  test('hears what is done to many at once, where a job was moved, and what expired', async () => {
    const clock = new ManualClock()
    const store = openMemory({ clock })
    const queue = new JobQueue({
      transport: new BrokerTransport(createBroker({ store, clock }), store, 'memory:'),
      jobs,
    })
    const events = await queue.follow()
    const { id: a } = await queue.put('greet', { name: 'Ada' })
    await queue.move({ queue: 'greet', states: ['ready'] }, 'elsewhere')
    const { id: b } = await queue.put('greet', { name: 'Bob' }, { ttl: '1h' })
    clock.move(3_600_000)
    await queue.clear({ queue: 'elsewhere', states: ['ready'] })
    const seen = await until(events, 'deleted')
    const untimed = { name: '', time: undefined, ms: undefined }
    assert.deepEqual(shown(seen.filter(({ type }) => type !== 'put')), [
      { type: 'moved', id: a, queue: 'elsewhere', from: 'greet', ...untimed },
      { type: 'expired', id: b, queue: 'greet', ...untimed },
      { type: 'deleted', id: a, queue: 'elsewhere', ...untimed },
    ])
    await queue.close()
  })

  test('too slowly, is told how many it missed', async () => {
    const queue = await open('memory:', { jobs })
    const events = await queue.follow()
    const many = Array.from({ length: 500 }, (_, i) => ({ name: String(i) }))
    for (let i = 0; i < 24; i++) await queue.putMany('greet', many)
    let told = 0
    let missed = 0
    const first = await events.next()
    assert.equal((first.value as FollowedEvent).type, 'missed')
    missed += (first.value as { count: number }).count
    while (told + missed < 12_000) {
      const { value } = await events.next()
      if ((value as FollowedEvent).type === 'missed') missed += (value as { count: number }).count
      else told++
    }
    assert.equal(told + missed, 12_000)
    await queue.close()
  })

  test('a loop that is left follows no more, and nothing is written for nobody', async () => {
    const store = openMemory()
    const units: Unit[] = []
    const watched: Store = Object.create(store, {
      commit: { value: (all: Unit[]) => (units.push(...all), store.commit(all)) },
    }) as Store
    for (const name of ['now', 'look', 'stats', 'records', 'events', 'wait', 'hear', 'close'] as const)
      Object.defineProperty(watched, name, { value: (store[name] as (...args: unknown[]) => unknown).bind(store) })
    const queue = new JobQueue({
      transport: new BrokerTransport(createBroker({ store: watched }), watched, 'memory:'),
      jobs,
    })
    const tells = () => units.flatMap((unit) => unit.ops).filter((op) => op.do === 'tell').length
    await queue.put('greet', { name: 'Ada' })
    assert.equal(tells(), 0)
    const loop = (async () => {
      for await (const event of await queue.follow()) if (event.type === 'put') break
    })()
    while (tells() === 0) await queue.put('greet', { name: 'Grace' })
    await loop
    await queue.put('greet', { name: 'Edsger' })
    const before = tells()
    await queue.put('greet', { name: 'Barbara' })
    assert.equal(tells(), before)
    await queue.close()
  })
})

describe('across processes', { timeout: 30_000 }, () => {
  const children: ChildProcess[] = []
  after(() => children.forEach((child) => child.kill('SIGKILL')))

  async function start(file: string): Promise<ChildProcess> {
    const child = fork(join(import.meta.dirname, 'follow-child.ts'), [file], { stdio: ['ignore', 2, 2, 'ipc'] })
    children.push(child)
    await once(child, 'message')
    return child
  }

  test('what another process puts and works is heard', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'queueup-follow-'))
    const file = join(folder, 'jobs.db')
    const child = await start(file)
    const store = await openSqlite({ path: file })
    const queue = new JobQueue({ transport: new BrokerTransport(createBroker({ store }), store, 'file:'), jobs })
    const events = await queue.follow()

    // It hears of the follower within moments.
    const first = events.next()
    let ids = 0
    let heard = false
    void first.then(() => (heard = true))
    while (!heard) {
      child.send('put')
      await once(child, 'message')
      ids++
    }
    assert.ok(ids < 20, `${ids} puts before the first was told`)
    child.send('work')
    const seen = await until(events, 'done')
    assert.ok(seen.some((event) => event.type === 'started'))
    assert.deepEqual(
      seen.filter((event) => event.type === 'progress').map((event) => 'progress' in event && event.progress)[0],
      0.5,
    )
    await queue.close()
    child.send('end')
    await once(child, 'exit')
    await rm(folder, { recursive: true })
  })
})
