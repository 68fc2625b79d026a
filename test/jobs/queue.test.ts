import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  defineJobs,
  Discard,
  InvalidArgumentError,
  job,
  JobFailedError,
  JobStateError,
  TimedOutError,
  ValidationError,
  type StandardSchema,
} from '../../src/index.ts'
import type { TestQueue } from '../../src/testing/index.ts'
import { fired, openTest } from './open.ts'

const positive: StandardSchema<number, number> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      (value as number) > 0 ? { value: value as number } : { issues: [{ message: 'not above 0' }] },
  },
}
const jobs = defineJobs({
  mail: job<{ to: string }>(),
  bill: job<{ to: string }>({ queue: 'mail' }),
  half: job(positive, { result: positive, keepResult: '10m' }),
  plain: job(),
})
type Queue = TestQueue<typeof jobs>
const discard = () => {
  throw new Discard('no')
}
const ids = (list: { jobs: { id: string }[] }) => list.jobs.map((one) => one.id)
const put = async (queue: Queue, to: string, options = {}) => (await queue.put('mail', { to }, options)).id

test('an option that is undefined is as if it were not there', async (t) => {
  const defaults = {
    queue: 'q',
    retries: 2,
    backoff: '5s',
    timeout: '1m',
    priority: 7,
    maxStarts: 3,
    ttl: '1h',
  } as const
  const defined = defineJobs({ mail: job<{ to: string }>(defaults) })
  const queue = openTest(t, defined)
  const none = Object.fromEntries([...Object.keys(defaults), 'delay', 'group', 'unique'].map((one) => [one, undefined]))
  delete none['queue']
  const args = { to: 'ada' }
  const { id } = await queue.put('mail', args)
  const other = await queue.put('mail', args, none)
  const { id: _, ...info } = (await queue.get(id)) ?? {}
  assert.deepEqual(await queue.get(other.id), { id: other.id, ...info })
  await queue.update(id, { args: undefined, priority: 3, delay: undefined })
  assert.deepEqual(await queue.get(id), { id, ...info, priority: 3 })
})

test('get: everything about a job, and undefined where there is none', async (t) => {
  const queue = openTest(t, jobs)
  const id = await put(queue, 'a', { group: 'g', priority: 9, delay: '1m' })
  assert.deepEqual(await queue.get(id), {
    id,
    name: 'mail',
    queue: 'mail',
    args: { to: 'a' },
    state: 'delayed',
    priority: 9,
    starts: 0,
    failures: 0,
    putAt: new Date(queue.clock.now()),
    dueAt: new Date(queue.clock.now() + 60_000),
    group: 'g',
    size: JSON.stringify({ job: 'mail', args: { to: 'a' } }).length,
    deaths: [],
    logs: [],
    attempts: [],
  })
  assert.equal(await queue.get('99'), undefined)
  for (const wrong of ['', 'x', '1.5', '-1', '99999999999999999'])
    await assert.rejects(queue.get(wrong), (error) => error instanceof InvalidArgumentError)
})

test('list: pages, by state, name, key and text', async (t) => {
  const queue = openTest(t, jobs)
  const all = []
  for (let n = 0; n < 25; n++) all.push(await put(queue, `user${n}@example.com`))
  const { id: bill } = await queue.put('bill', { to: 'user3@example.com' })
  const key = await put(queue, 'keyed', { unique: { key: 'k1' } })
  const seen: string[] = []
  let pages = 0
  for (let after: string | undefined; ; pages++) {
    const page = await queue.list({ queue: 'mail' }, { limit: 10, ...(after !== undefined && { after }) })
    seen.push(...ids(page))
    after = page.after
    if (after === undefined) break
  }
  assert.deepEqual([seen, pages], [[...all, bill, key], 2])
  assert.deepEqual(ids(await queue.list({ queue: 'mail', name: 'bill' })), [bill])
  assert.equal((await queue.list({ queue: 'mail', name: 'mail' })).jobs.length, 26)
  assert.deepEqual(ids(await queue.list({ queue: 'mail', match: 'user3@' })), [all[3], bill])
  assert.deepEqual(ids(await queue.list({ queue: 'mail', match: 'user3@', name: 'mail' })), [all[3]])
  assert.deepEqual(ids(await queue.list({ queue: 'mail', key: 'k1' })), [key])
  const delayed = [await put(queue, 'x', { delay: '2m' }), await put(queue, 'y', { delay: '1m' })]
  assert.deepEqual(ids(await queue.list({ queue: 'mail', states: ['delayed'] })), delayed.toReversed())
  assert.deepEqual(await queue.list({ queue: 'nothing' }), { jobs: [] })
  for (const wrong of [{ states: [] }, { states: ['done'] }, { states: ['ready', 'finished'] }])
    await assert.rejects(queue.list({ queue: 'mail', ...wrong } as never), InvalidArgumentError)
  await assert.rejects(queue.list({ queue: 'mail' }, { limit: 1e9 }), InvalidArgumentError)
})

test('cancel: a waiting job is gone, a running one told, one that is not there neither', async (t) => {
  const queue = openTest(t, jobs)
  const waiting = await put(queue, 'a', { delay: '1h' })
  assert.equal(await queue.cancel(waiting), 'cancelled')
  assert.equal(await queue.get(waiting), undefined)
  assert.equal(await queue.cancel(waiting), undefined)
  const running = await put(queue, 'b')
  queue.work({ mail: (_job, { signal }) => fired(signal).then((reason) => Promise.reject(reason)) })
  await queue.settled()
  assert.equal(await queue.cancel(running), 'told')
  await queue.waitFor('mail', undefined, 'cancelled')
})

test('update: arguments, priority and delay of a job that waits; its place stays', async (t) => {
  const queue = openTest(t, jobs)
  const first = await put(queue, 'a', { group: 'g', ttl: '1h' })
  const second = await put(queue, 'b', { group: 'g' })
  await queue.update(first, { args: { to: 'changed' } })
  const order: string[] = []
  await queue.drain({ mail: ({ args }) => order.push(args.to) })
  assert.deepEqual(order, ['changed', 'b'])
  await assert.rejects(
    queue.update(second, { priority: 1 }),
    (error) => error instanceof JobStateError && /it is gone/.test(error.message),
  )

  const { id } = await queue.put('half', 4)
  await assert.rejects(queue.update(id, { args: 0 }), ValidationError)
  await assert.rejects(queue.update(id, { priority: -1 }), InvalidArgumentError)
  await queue.update(id, { delay: '1h', priority: 3 })
  assert.deepEqual(await queue.get(id).then((one) => [one?.state, one?.priority, one?.args]), ['delayed', 3, 4])
  await queue.update(id, { delay: 0 })
  queue.work({ half: (_job, { signal }) => fired(signal).then(() => 1) })
  await queue.settled()
  await assert.rejects(queue.update(id, { priority: 1 }), /it is being worked/)
})

test('update: what its put said beside the arguments stays', async (t) => {
  const queue = openTest(t, jobs)
  const id = await put(queue, 'a', { retries: 1, backoff: 0 })
  await queue.update(id, { args: { to: 'b' } })
  const { retried, dead } = await queue.drain({ mail: () => Promise.reject(new Error('no')) })
  assert.deepEqual([retried, dead], [1, 1])
})

test('update: another limit, where the new arguments have another key', async (t) => {
  const limited = defineJobs({
    mail: job<{ to: string }>({ limits: [{ concurrency: 1, key: ({ to }) => to }] }),
  })
  const queue = openTest(t, limited)
  const { id } = await queue.put('mail', { to: 'a' })
  await queue.put('mail', { to: 'b' })
  const { id: last } = await queue.put('mail', { to: 'a' })
  await queue.update(id, { args: { to: 'b' } })
  const begun: string[] = []
  queue.work({
    mail: ({ args }, { signal }) => {
      begun.push(args.to)
      return fired(signal)
    },
  })
  await queue.settled()
  assert.deepEqual(begun, ['b', 'a'])
  assert.deepEqual([(await queue.get(id))?.state, (await queue.get(last))?.state], ['reserved', 'reserved'])
})

test('update of a dead letter: mended where it lies, to be retried', async (t) => {
  const queue = openTest(t, jobs)
  const id = await put(queue, 'wrong')
  await queue.drain({ mail: discard })
  await queue.update(id, { args: { to: 'right' } })
  assert.deepEqual(await queue.get(id).then((one) => [one?.state, one?.args]), ['buried', { to: 'right' }])
  await queue.retry(id)
  assert.equal((await queue.drain({ mail: ({ args }) => assert.equal(args.to, 'right') })).done, 1)
})

test('retry and promote: a dead letter is retried, not promoted; a delayed job both', async (t) => {
  const queue = openTest(t, jobs)
  const dead = await put(queue, 'a')
  await queue.drain({ mail: discard })
  assert.equal(await queue.promote(dead), false)
  assert.equal((await queue.get(dead))?.state, 'buried')
  assert.equal(await queue.retry(dead), true)
  assert.deepEqual(await queue.get(dead).then((one) => [one?.state, one?.starts, one?.failures]), ['ready', 0, 0])
  assert.equal(await queue.retry(dead), false)

  const failed = await queue.put('half', 4)
  await queue.drain({ half: () => Promise.reject(new Error('no')) })
  assert.equal(await queue.promote(failed.id), true)
  assert.deepEqual(await queue.get(failed.id).then((one) => [one?.state, one?.failures]), ['ready', 1])
  assert.equal(await queue.promote(failed.id), false)
  assert.equal(await queue.promote('99'), false)
})

test('retryAll: those that match; it ends though they fail at once, again and again', async (t) => {
  const queue = openTest(t, jobs)
  for (let n = 0; n < 1200; n++) await put(queue, n % 100 === 0 ? 'special' : 'usual')
  await queue.put('bill', { to: 'special' })
  await queue.drain({ mail: discard, bill: discard })
  assert.equal(await queue.retryAll({ queue: 'mail', match: 'special', name: 'mail' }), 12)
  assert.equal((await queue.counts(['mail']))[0]?.ready, 12)
  assert.equal(await queue.retryAll({ queue: 'mail', name: 'bill' }), 1)
  queue.work({ mail: discard, bill: discard }, { concurrency: 100 })
  assert.ok((await queue.retryAll({ queue: 'mail' })) <= 1201)
  assert.equal(await queue.retryAll({ queue: 'nothing' }), 0)
})

test('clear and move: what is at rest, unless the state says otherwise', async (t) => {
  const queue = openTest(t, jobs)
  for (let n = 0; n < 3; n++) await put(queue, `${n}`)
  await put(queue, 'late', { delay: '1h' })
  assert.equal(await queue.move({ queue: 'mail', states: ['delayed'] }, 'other'), 1)
  assert.equal((await queue.list({ queue: 'other' })).jobs[0]?.name, 'mail')
  await assert.rejects(queue.move({ queue: 'mail' }, 'mail'), /name another queue/)
  await assert.rejects(queue.move({ queue: 'mail' }, 'a b'), InvalidArgumentError)
  await assert.rejects(queue.clear({ queue: 'mail', states: ['finished'] }), /are history/)
  assert.equal(await queue.clear({ queue: 'mail', match: '"to":"1"' }), 1)
  assert.equal(await queue.clear({ queue: 'other' }), 1)
})

test('move: in the order in which they are taken', async (t) => {
  const gated = defineJobs({ mail: job<{ to: string }>({ limits: [{ concurrency: 1 }] }) })
  const queue = openTest(t, gated)
  for (const to of ['a', 'b', 'c']) await queue.put('mail', { to })
  await queue.put('mail', { to: 'd' }, { delay: 1 })
  await queue.move({ queue: 'mail' }, 'other')
  await queue.clock.advance(1)
  const order: string[] = []
  await queue.drain({ mail: ({ args }) => order.push(args.to) }, { queues: ['other'] })
  assert.deepEqual(order, ['a', 'b', 'c', 'd'])
})

test('a name where a selection belongs is refused, where no compiler does', async (t) => {
  const queue = openTest(t, jobs)
  for (const wrong of ['mail', {}, { queue: 7 }] as never[]) {
    await assert.rejects(async () => queue.clear(wrong), InvalidArgumentError)
    await assert.rejects(async () => queue.retryAll(wrong), InvalidArgumentError)
    await assert.rejects(async () => queue.list(wrong), InvalidArgumentError)
    await assert.rejects(async () => queue.move(wrong, 'other'), InvalidArgumentError)
  }
  await assert.rejects(async () => queue.drained(undefined as never), InvalidArgumentError)
})

test('clear of what is being worked: its worker loses it', async (t) => {
  const queue = openTest(t, jobs)
  const reasons: Error[] = []
  queue.work({ mail: async (_job, { signal }) => reasons.push(await fired(signal)) })
  await put(queue, 'a')
  await queue.settled()
  assert.equal(await queue.clear({ queue: 'mail' }), 0)
  assert.equal(await queue.clear({ queue: 'mail', states: ['reserved'] }), 1)
  await queue.settled()
  assert.equal(reasons[0]?.name, 'LeaseLostError')
  await queue.waitFor('mail', undefined, 'lost')
})

test('pause until a moment, for good, before there is a job; resume', async (t) => {
  const queue = openTest(t, jobs)
  await queue.pause('mail', '10m')
  const id = await put(queue, 'a')
  const worked: string[] = []
  queue.work({ mail: ({ args }) => worked.push(args.to) })
  await queue.clock.advance('9m')
  assert.match((await queue.why(id)) ?? '', /Its queue 'mail' is paused for another 60 s/)
  assert.deepEqual((await queue.counts(['mail']))[0]?.pausedUntil, new Date(queue.clock.now() + 60_000))
  await queue.clock.advance('1m')
  assert.deepEqual(worked, ['a'])
  await queue.pause('mail')
  const forGood = await put(queue, 'b')
  assert.equal(await queue.why(forGood), "Its queue 'mail' is paused until it is resumed.")
  await queue.clock.advance('300d')
  assert.deepEqual(worked, ['a'])
  await queue.resume('mail')
  await queue.settled()
  assert.deepEqual(worked, ['a', 'b'])
  await queue.pause('mail', new Date(queue.clock.now() + 1000))
  await put(queue, 'c')
  await queue.clock.advance('1s')
  assert.deepEqual(worked, ['a', 'b', 'c'])
  await assert.rejects(queue.pause('mail', -1), InvalidArgumentError)
  await assert.rejects(queue.pause('a b'), InvalidArgumentError)
})

test('drained: not while jobs wait for a limit, though none runs', async (t) => {
  const queue = openTest(t, defineJobs({ rated: job({ limits: [{ rate: [1, '1m'] }] }) }))
  for (let i = 0; i < 2; i++) await queue.put('rated')
  assert.equal((await queue.drain({ rated: () => undefined })).done, 1)
  let drained = false
  const all = queue.drained('rated').then(() => (drained = true))
  await queue.clock.advance('1s')
  assert.equal(drained, false)
  await queue.clock.advance('1m')
  assert.equal((await queue.drain({ rated: () => undefined })).done, 1)
  await queue.clock.advance('1s')
  await all
})

test('drained: when nothing is left to be worked; dead letters do not count', async (t) => {
  const queue = openTest(t, jobs)
  await put(queue, 'a')
  await put(queue, 'b', { delay: '1m' })
  let drained = 0
  const all = queue.drained('mail').then(() => drained++)
  const ready = queue.drained('mail', { delayed: false }).then(() => drained++)
  const late = assert.rejects(queue.drained('mail', { timeout: 1000 }), /still has jobs after 1000 ms/)
  await queue.clock.advance('5s')
  await late
  assert.equal(drained, 0)
  queue.work({ mail: discard })
  await queue.clock.advance('1s')
  await ready
  assert.equal(drained, 1)
  await queue.clock.advance('1m')
  await all
  assert.equal((await queue.counts(['mail']))[0]?.buried, 2)
})

test('results: awaited, typed by the definition, kept for a while', async (t) => {
  const queue = openTest(t, jobs)
  queue.work({ half: ({ args }) => args / 2, plain: () => 'not kept' })
  const four = await queue.put('half', 4)
  assert.equal(await four.result(), 2)
  assert.equal(await queue.result(four.id), 2)
  await queue.clock.advance('10m')
  await (await queue.put('half', 6)).result()
  await assert.rejects(
    four.result(),
    (error) => error instanceof JobFailedError && /is gone: deleted, expired, or its result/.test(error.message),
  )
  const plain = await queue.put('plain')
  await assert.rejects(plain.result(), /The result of 'plain' is not kept/)
})

test('results of what has no good end: a wrong result, dead, cancelled, deleted, in time', async (t) => {
  const queue = openTest(t, jobs)
  const half = ({ args }: { args: number }) => {
    if (args === 1) return -1
    if (args === 2) throw new Discard('odd')
    return args / 2
  }
  const wrong = await queue.put('half', 1)
  const thrown = await queue.put('half', 2)
  const cancelled = await queue.put('half', 3)
  const waits = [wrong, thrown, cancelled].map((one) => one.result().then(String, String))
  await queue.settled()
  await queue.cancel(cancelled.id)
  await queue.drain({ half })
  assert.deepEqual(await Promise.all(waits), [
    `JobFailedError: Job 1 ('half') was set aside as rejected: Discard: The results of 'half' are not as defined: not above 0.`,
    `JobFailedError: Job 2 ('half') was set aside as rejected: Discard: odd`,
    `JobFailedError: Job 3 ('half') was cancelled.`,
  ])
  const slow = await queue.put('half', 4)
  const late = assert.rejects(
    slow.result({ timeout: '5s' }),
    (error) => error instanceof TimedOutError && /not done after 5s; it is ready, and goes on/.test(error.message),
  )
  await queue.clock.advance('5s')
  await late
  const gone = assert.rejects(slow.result(), /Job 4 \('half'\) was cancelled/)
  await queue.settled()
  await queue.clear({ queue: 'half', states: ['ready'] })
  await queue.clock.advance('2s')
  await gone
})

test('events of this process, and listeners that throw', async (t) => {
  const queue = openTest(t, jobs)
  const told: string[] = []
  const errors: unknown[] = []
  queue.on('error', ({ error }) => errors.push(error))
  const forget = queue.on('put', ({ name, duplicate }) => {
    told.push(`${name} ${duplicate}`)
    throw new Error('listener')
  })
  await put(queue, 'a', { unique: { key: 'k' } })
  await put(queue, 'a', { unique: { key: 'k' } })
  forget()
  await put(queue, 'b')
  assert.deepEqual(told, ['mail false', 'mail true'])
  assert.equal(errors.length, 2)
  const rejects = (message: string) => (() => Promise.reject(new Error(message))) as () => void
  queue.on('put', rejects('later'))
  queue.on('error', rejects('of that, too'))
  await put(queue, 'c')
  await queue.settled()
  assert.deepEqual(errors.slice(2), [new Error('later')])
})
