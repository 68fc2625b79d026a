/** What doesn't compile, and comes all the same: from JavaScript, from a cast, from a request's body. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineJobs, InvalidArgumentError, job, open, RetryLater, type Jobs } from '../../src/index.ts'
import { openTest } from './open.ts'

const jobs = defineJobs({ mail: job<{ to?: unknown }>(), bill: job({ result: true }) })

const circle: Record<string, unknown> = {}
circle['self'] = circle
/** Whoever looks at it must not stumble. */
const unspeakable = {
  toString() {
    throw new Error('no text')
  },
}
const VALUES: unknown[] = [
  null,
  NaN,
  -1,
  Infinity,
  '',
  true,
  Symbol('s'),
  10n,
  () => 1,
  [null],
  new Date(NaN),
  new Map(),
]
const STRANGE = [...VALUES, circle, unspeakable, Object.create(null) as unknown]
const NO_OBJECTS = [...VALUES, 'x', 5, new Date(0), [], [{}]]
const NO_LISTS = [...STRANGE.filter((one) => !Array.isArray(one)), 'mail', 5, {}]

// Each is called with what can't be.
type Call = (value: never) => unknown
type Case = [what: string, values: readonly unknown[], call: Call]

async function refused(cases: readonly Case[], at: 'once' | 'later'): Promise<void> {
  for (const [what, values, call] of cases)
    for (const [i, value] of values.entries()) {
      const name = `${what} with value ${i} (${typeof value})`
      const right = (error: unknown) => {
        assert.ok(error instanceof InvalidArgumentError, `${name}: ${String(error)}`)
        assert.ok(error.message.length < 600, `${name}: ${error.message}`)
        return true
      }
      if (at === 'once') assert.throws(() => call(value as never), right, name)
      // A promise that rejects, never a throw: `.catch` must see it.
      else await assert.rejects(call(value as never) as Promise<unknown>, right, name)
    }
}

test('methods that answer later reject what cannot be by name, and nothing is put, changed or lost', async (t) => {
  const queue = openTest(t, jobs)
  const { id } = await queue.put('mail', { to: 'a' }, { delay: '1h' })
  const bill = await queue.put('bill')
  const before = await queue.counts()
  const misspelt = { queue: 'mail', matc: 'b' } as never
  await refused(
    [
      ['put: name', [...STRANGE, 'mial'], (v) => queue.put<'mail'>(v, {})],
      ['put: options', [...NO_OBJECTS, { dely: '1h' }], (v) => queue.put('mail', {}, v)],
      ['put: delay', [...STRANGE, {}], (v) => queue.put('mail', {}, { delay: v })],
      ['put: priority', [...STRANGE, '5'], (v) => queue.put('mail', {}, { priority: v })],
      ['put: ttl', STRANGE, (v) => queue.put('mail', {}, { ttl: v })],
      ['put: retries', STRANGE, (v) => queue.put('mail', {}, { retries: v })],
      ['put: backoff', [...STRANGE, { frist: 1 }], (v) => queue.put('mail', {}, { backoff: v })],
      ['put: factor', STRANGE, (v) => queue.put('mail', {}, { backoff: { first: 1, factor: v } })],
      ['put: group', STRANGE, (v) => queue.put('mail', {}, { group: v })],
      ['put: unique', [...NO_OBJECTS, {}, { key: 'k', on: 'keep' }], (v) => queue.put('mail', {}, { unique: v })],
      ['put: key', STRANGE, (v) => queue.put('mail', {}, { unique: { key: v } })],
      ['put: for', STRANGE, (v) => queue.put('mail', {}, { unique: { key: 'k', for: v } })],
      ['put: onDuplicate', STRANGE, (v) => queue.put('mail', {}, { unique: { key: 'k', onDuplicate: v } })],
      ['putMany: args', NO_LISTS, (v) => queue.putMany('mail', v)],
      ['putMany: options', NO_OBJECTS, (v) => queue.putMany('mail', [{}], v)],
      ['putAll', NO_LISTS, (v) => queue.putAll(v)],
      ['putAll: one', NO_LISTS, (v) => queue.putAll([['mail', {}], v])],
      ['get', [...STRANGE, '1.0', '0x1', ['1']], (v) => queue.get(v)],
      ['why', STRANGE, (v) => queue.why(v)],
      ['cancel', STRANGE, (v) => queue.cancel(v)],
      ['retry', STRANGE, (v) => queue.retry(v)],
      ['promote', STRANGE, (v) => queue.promote(v)],
      ['list', [...NO_OBJECTS, undefined, misspelt], (v) => queue.list(v)],
      ['list: states', [...NO_LISTS, []], (v) => queue.list({ queue: 'mail', states: v })],
      ['list: match', STRANGE, (v) => queue.list({ queue: 'mail', match: v })],
      ['list: page', [...NO_OBJECTS, { limt: 1 }], (v) => queue.list({ queue: 'mail' }, v)],
      ['list: after', [...STRANGE, 'x'], (v) => queue.list({ queue: 'mail' }, { after: v })],
      ['counts', NO_LISTS, (v) => queue.counts(v)],
      ['result: id', STRANGE, (v) => queue.result(v)],
      ['result: options', NO_OBJECTS, (v) => queue.result(id, v)],
      ['result of a put: options', NO_OBJECTS, (v) => bill.result(v)],
      ['update', [...NO_OBJECTS, undefined, { arg: {} }], (v) => queue.update(id, v)],
      ['update: delay', STRANGE, (v) => queue.update(id, { delay: v })],
      ['retryAll', [...NO_OBJECTS, undefined, misspelt], (v) => queue.retryAll(v)],
      ['clear', [...NO_OBJECTS, undefined, misspelt], (v) => queue.clear(v)],
      ['clear: name', STRANGE, (v) => queue.clear({ queue: 'mail', name: v })],
      ['clear: key', STRANGE, (v) => queue.clear({ queue: 'mail', key: v })],
      ['clear: match', STRANGE, (v) => queue.clear({ queue: 'mail', match: v })],
      ['move', [...NO_OBJECTS, undefined, misspelt], (v) => queue.move(v, 'other')],
      ['move: to', STRANGE, (v) => queue.move({ queue: 'mail' }, v)],
      ['pause', STRANGE, (v) => queue.pause(v)],
      ['pause: until', STRANGE, (v) => queue.pause('mail', v)],
      ['resume', STRANGE, (v) => queue.resume(v)],
      ['drained', [...NO_OBJECTS, { time: 1 }], (v) => queue.drained('mail', v)],
    ],
    'later',
  )
  assert.deepEqual(await queue.counts(), before)
  assert.equal((await queue.get(id))?.state, 'delayed')
})

test('a worker, a listener and definitions that cannot be are refused by name', async (t) => {
  const queue = openTest(t, jobs)
  const work = (options: object) => queue.work({ mail: () => 1 }, options)
  await refused(
    [
      ['work', [...STRANGE, undefined, {}], (v) => queue.work(v)],
      ['work: handler', STRANGE.filter((one) => typeof one !== 'function'), (v) => queue.work({ mail: v })],
      ['work: options', [...NO_OBJECTS, { concurency: 1 }], (v) => queue.work({ mail: () => 1 }, v)],
      ['work: concurrency', [...STRANGE, '2'], (v) => work({ concurrency: v })],
      ['work: queues', [...NO_LISTS, []], (v) => work({ queues: v })],
      ['work: use', [...NO_LISTS, [null]], (v) => work({ use: v })],
      ['work: stopOn', [...NO_LISTS, ['SIGFOO'], ['SIGKILL'], [15]], (v) => work({ stopOn: v })],
      ['on', [...STRANGE, 'failled'], (v) => queue.on(v, () => 1)],
      ['on: listener', STRANGE.filter((one) => typeof one !== 'function'), (v) => queue.on('dead', v)],
      ['defineJobs', [null, undefined, 5, [], 'x'], (v) => defineJobs(v)],
      ['defineJobs: one', [...NO_OBJECTS, {}, undefined], (v) => defineJobs({ a: v } as Jobs)],
      ['job: options', ['x', 5, [], new Date(), { retrys: 1 }], (v) => defineJobs({ a: job(v) })],
      ['job: no validator', [{}, 'x', 5], (v) => job(v, { retries: 1 })],
      ['job: queue', STRANGE, (v) => defineJobs({ a: job({ queue: v }) })],
      ['job: aliases', NO_LISTS, (v) => defineJobs({ a: job({ aliases: v }) })],
      ['job: alias', STRANGE, (v) => defineJobs({ a: job({ aliases: [v] }) })],
      ['job: result', [false, 'yes', {}, null], (v) => defineJobs({ a: job({ result: v }) })],
      ['job: limit', [...NO_OBJECTS, { concurency: 1 }], (v) => defineJobs({ a: job({ limits: [v] }) })],
      ['RetryLater', [...STRANGE, 'soon'], (v) => new RetryLater(v)],
      ['RetryLater: options', [5, null, { pause: true }], (v) => new RetryLater('1s', v)],
    ],
    'once',
  )
})

test('open and listen refuse what cannot be by name', async (t) => {
  const queue = await open('memory:', { jobs })
  t.after(() => queue.close())
  await refused(
    [
      ['open: url', [...STRANGE, undefined], (v) => open(v, { jobs })],
      ['open: options', [...NO_OBJECTS, {}, undefined], (v) => open('memory:', v)],
      ['open: misspelt', ['full'], (v) => open('memory:', { jobs, durabilty: v } as never)],
      ['open: use', NO_LISTS, (v) => open('memory:', { jobs, use: v })],
      ['open: clock', [...STRANGE, {}], (v) => open('memory:', { jobs, clock: v })],
      ['listen', [...NO_OBJECTS, undefined, {}, { beanstalk: 0 }], (v) => queue.listen(v)],
      ['listen: port', [...STRANGE, 65_536, '1:99999'], (v) => queue.listen({ beanstalkd: v })],
      ['listen: port of SQS', [...STRANGE, 65_536, 'unix:/x'], (v) => queue.listen({ sqs: v })],
    ],
    'later',
  )
})

test('test helpers refuse what would make them hold for the wrong reason', async (t) => {
  const queue = openTest(t, jobs)
  const handlers = { mail: () => 1 }
  await refused(
    [
      ['assertPut: name', ['mial'], (v) => queue.assertPut(v)],
      ['refutePut: name', ['mial'], (v) => queue.refutePut(v)],
      ['refutePut: parts', [{ gruop: 'g' }], (v) => queue.refutePut('mail', {}, v)],
      ['puts', ['mial'], (v) => queue.puts(v)],
    ],
    'once',
  )
  await refused(
    [
      ['drain: options', [5, { mod: 'now' }, { mode: 'nwo' }, { limit: -1 }], (v) => queue.drain(handlers, v)],
      ['run: options', [5, { atempt: 2 }, { attempt: '2' }, { signal: 1 }], (v) => queue.run(handlers, 'mail', {}, v)],
      ['waitFor: name', ['mial'], (v) => queue.waitFor(v)],
      ['waitFor: state', ['finished'], (v) => queue.waitFor('mail', undefined, v)],
      ['stop', [{ withn: 5 }], (v) => queue.simulate.stop(v)],
    ],
    'later',
  )
})
