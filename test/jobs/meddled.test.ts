/** The last table of docs/jobs/promises.md, row by row. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createBroker } from '../../src/broker/store-broker.ts'
import {
  BeanstalkdClient,
  BeanstalkdServer,
  ClosedError,
  defineJobs,
  Discard,
  job,
  open,
  type Handlers,
  type PutOptions,
} from '../../src/index.ts'
import { JobQueue } from '../../src/jobs/queue.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import { ManualClock } from '../../src/testing/clock.ts'
import { BrokerTransport } from '../../src/transports/broker.ts'
import { fired, until } from './open.ts'

const jobs = defineJobs({ mail: job<{ to: string }, string>({ result: true }) })

/** A queue that a client of beanstalkd sees, too, on a clock that the test moves. */
async function meet(t: TestContext) {
  const clock = new ManualClock()
  const store = openMemory({ clock })
  const broker = createBroker({ store, clock })
  const queue = new JobQueue({ transport: new BrokerTransport(broker, store, 'memory:'), jobs, clock, random: () => 0 })
  const server = new BeanstalkdServer({ broker, clock })
  const at = await server.listen({ host: '127.0.0.1', port: 0 })
  assert.ok('port' in at)
  const connect = async () => {
    const client = await BeanstalkdClient.connect({ host: at.host, port: at.port })
    await client.watch('mail')
    await client.ignore('default')
    return client
  }
  const client = await connect()
  t.after(async () => {
    client.close()
    const closed = Promise.all([server.close(), queue.close()])
    await until(() => (clock.move(1000), Promise.race([closed.then(() => true), new Promise(setImmediate)])))
  })
  const events: string[] = []
  for (const name of ['done', 'failed', 'dead', 'lost', 'cancelled'] as const) queue.on(name, () => events.push(name))
  const put = async (options: PutOptions = {}) => {
    const one = await queue.put('mail', { to: 'ada' }, options)
    return { ...one, n: Number(one.id), result: one.result().then((value) => `value ${value}`, String) }
  }
  const state = async (id: string) => (await queue.get(id))?.state
  const outcome = async (id: string) => (await queue.get(id))?.outcome?.as
  return { clock, queue, client, connect, put, state, outcome, events }
}

/** A worker that holds its job until its signal fires, or it is told. */
function holding() {
  const reasons: string[] = []
  const finish = Promise.withResolvers<string>()
  const handlers: Handlers<typeof jobs> = {
    mail: (_job, { signal }) =>
      Promise.race([
        finish.promise,
        fired(signal).then((reason) => {
          reasons.push(reason.name)
          throw reason
        }),
      ]),
  }
  return { reasons, handlers, finish: () => finish.resolve('sent') }
}
const sends: Handlers<typeof jobs> = { mail: () => 'sent' }

test('delete by a client: what waits is gone, what a worker has is refused', async (t) => {
  const { queue, client, put, state, outcome } = await meet(t)
  const waiting = await put()
  assert.equal(await client.delete(waiting.n), true)
  assert.equal(await outcome(waiting.id), 'cancelled')
  assert.equal(await waiting.result, `JobFailedError: Job ${waiting.id} ('mail') was cancelled.`)

  const { handlers, finish } = holding()
  queue.work(handlers)
  const held = await put()
  await until(async () => (await state(held.id)) === 'reserved')
  assert.equal(await client.delete(held.n), false)
  finish()
  assert.deepEqual(await held.result, 'value sent')
})

test('cancel, clear and a time to live: who waits for the result hears of it, the worker where it has the job', async (t) => {
  const { clock, queue, put, state, events } = await meet(t)
  const cancelled = await put()
  await queue.cancel(cancelled.id)
  const cleared = await put()
  await queue.clear({ queue: 'mail' })
  const expired = await put({ ttl: '1m' })
  clock.move(60_000)
  for (const one of [cancelled, cleared, expired])
    assert.match(await one.result, /^JobFailedError: .* was cancelled\.$/)

  const { handlers, reasons } = holding()
  queue.work(handlers, { concurrency: 3 })
  const held = [await put(), await put(), await put({ ttl: '1m' })]
  await until(async () => (await state(held[2]?.id ?? '')) === 'reserved')
  await queue.cancel(held[0]?.id ?? '')
  await until(() => events.includes('cancelled'))
  clock.move(60_000)
  assert.equal(await state(held[2]?.id ?? ''), 'reserved', 'it was started in time')
  assert.equal(await queue.clear({ queue: 'mail', states: ['reserved'] }), 2)
  await until(() => events.length === 3)
  assert.deepEqual(
    [reasons, events],
    [
      ['CancelledError', 'LeaseLostError', 'LeaseLostError'],
      ['cancelled', 'lost', 'lost'],
    ],
  )
  for (const one of held) assert.match(await one.result, /was cancelled/)
})

test('reserved by a client, who deletes it: done, with no result', async (t) => {
  const { queue, client, put, state, outcome } = await meet(t)
  const one = await put()
  const job = await client.reserve()
  assert.deepEqual(JSON.parse(Buffer.from(job?.body ?? []).toString()), { job: 'mail', args: { to: 'ada' } })
  queue.work(sends)
  assert.equal(await state(one.id), 'reserved')
  assert.match((await queue.why(one.id)) ?? '', /^Reserved by beanstalkd client/)
  assert.equal(await client.delete(one.n), true)
  assert.equal(await outcome(one.id), 'done')
  assert.deepEqual(await one.result, 'value undefined')
})

test('released by a client, or its connection is closed: a worker gets it, and no failure is counted', async (t) => {
  for (const end of ['release', 'close'] as const) {
    const { queue, connect, put } = await meet(t)
    const attempts: number[] = []
    const one = await put()
    const client = await connect()
    await client.reserve()
    queue.work({ mail: (_job, { attempt }) => (attempts.push(attempt), 'sent') })
    if (end === 'release') await client.release(one.n)
    client.close()
    assert.deepEqual(await one.result, 'value sent')
    assert.deepEqual(attempts, [1])
  }
})

test('the time to run of a client is over: a worker gets it, and a failure is counted', async (t) => {
  const { clock, queue, client, put } = await meet(t)
  const attempts: number[] = []
  const one = await put()
  await client.reserve()
  queue.work({ mail: (_job, { attempt }) => (attempts.push(attempt), 'sent') })
  clock.move(60_000)
  assert.deepEqual(await one.result, 'value sent')
  assert.deepEqual(attempts, [2])
})

test('buried by a client, and kicked: set aside as asked, then worked', async (t) => {
  const { queue, client, put, state } = await meet(t)
  const one = await put()
  await client.reserve()
  await client.bury(one.n)
  assert.match(await one.result, /^JobFailedError: .* was set aside as asked\.$/)
  assert.equal(await state(one.id), 'buried')
  queue.work(sends)
  assert.equal(await client.kick('mail', 1), 1)
  assert.equal(await queue.result(one.id), 'sent')
})

test('a client can neither reserve, release nor bury what a worker has', async (t) => {
  const { queue, client, put, state } = await meet(t)
  const { handlers, finish } = holding()
  queue.work(handlers)
  const one = await put()
  await until(async () => (await state(one.id)) === 'reserved')
  assert.equal(await client.reserveJob(one.n), undefined)
  assert.equal(await client.release(one.n), false)
  assert.equal(await client.bury(one.n), false)
  assert.equal(await client.touch(one.n), false)
  assert.equal(await client.reserve(0), undefined)
  finish()
  assert.deepEqual(await one.result, 'value sent')
})

test('a dead letter that a client kicks goes on with its attempts', async (t) => {
  const { queue, client, put, state } = await meet(t)
  const attempts: number[] = []
  queue.work({
    mail: (_job, { attempt }) => {
      attempts.push(attempt)
      throw new Discard('no')
    },
  })
  const one = await put()
  assert.match(await one.result, /set aside as rejected: Discard: no/)
  assert.equal(await client.kickJob(one.n), true)
  await until(async () => attempts.length === 2 && (await state(one.id)) === 'buried')
})

test('a pause by a client: it waits until that is over', async (t) => {
  const { clock, queue, client, put, state } = await meet(t)
  const one = await put()
  await client.pause('mail', 60)
  queue.work(sends)
  clock.move(59_000)
  assert.equal(await state(one.id), 'ready')
  clock.move(1000)
  assert.deepEqual(await one.result, 'value sent')
})

test('moved: workers of the other queue get it, and who awaits it its result', async (t) => {
  const { queue, put } = await meet(t)
  const one = await put()
  assert.equal(await queue.move({ queue: 'mail' }, 'elsewhere'), 1)
  queue.work(sends, { queues: ['elsewhere'] })
  assert.deepEqual(await one.result, 'value sent')

  const { handlers, reasons } = holding()
  queue.work(handlers)
  const held = await put()
  await until(async () => (await queue.get(held.id))?.state === 'reserved')
  assert.equal(await queue.move({ queue: 'mail', states: ['reserved'] }, 'elsewhere'), 1)
  assert.deepEqual(await held.result, 'value sent')
  assert.deepEqual(reasons, ['LeaseLostError'])
})

test('what listens when the queue is closed is closed with it, also when it had only begun to', async () => {
  const queue = await open('memory:', { jobs })
  await queue.listen({ beanstalkd: 0 })
  const late = assert.rejects(queue.listen({ beanstalkd: 0 }), ClosedError)
  await queue.close()
  await late
  assert.deepEqual(
    process.getActiveResourcesInfo().filter((one) => one === 'TCPServerWrap'),
    [],
  )
})

test('listen serves the same queues from within', async (t) => {
  const queue = await open('memory:', { jobs })
  t.after(() => queue.close())
  await assert.rejects(queue.listen({}), /Say what to listen for/)
  const { beanstalkd } = await queue.listen({ beanstalkd: 0 })
  const port = Number(beanstalkd?.split(':').at(-1))
  const client = await BeanstalkdClient.connect({ host: '127.0.0.1', port })
  t.after(() => client.close())
  queue.work(sends)
  const { id } = await queue.put('mail', { to: 'ada' }, { delay: '1h' })
  assert.equal(
    Buffer.from((await client.peek(Number(id)))?.body ?? []).toString(),
    '{"job":"mail","args":{"to":"ada"}}',
  )
})
