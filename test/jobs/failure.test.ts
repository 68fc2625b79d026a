import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineJobs, Discard, job, RetryLater, type Handlers, type PutOptions } from '../../src/index.ts'
import type { TestQueue } from '../../src/testing/index.ts'
import { fired, openTest } from './open.ts'

const jobs = defineJobs({
  work: job<{ n: number }>(),
  own: job({ retries: 3, backoff: (attempt, error) => (error === 'long' ? '1h' : attempt * 1000) }),
  capped: job({ retries: 6, backoff: { first: '1m', factor: 10, max: '1h', jitter: 0 } }),
  poison: job({ retries: 10, maxStarts: 3 }),
  once: job({ maxStarts: 1 }),
  hasty: job({ retries: 320, backoff: { first: 0, factor: 10 } }),
})
type Queue = TestQueue<typeof jobs>
const fails = (...thrown: [unknown?]) => ({
  work: () => {
    throw thrown.length > 0 ? thrown[0] : new Error('no')
  },
})

/** The waits between the attempts of a job that fails each time, in seconds, until it is dead. */
async function waits(queue: Queue, handlers: Handlers<typeof jobs>): Promise<number[]> {
  const seconds: number[] = []
  for (;;) {
    const { outcomes } = await queue.drain(handlers)
    const [outcome] = outcomes
    if (outcome?.as !== 'retried') return seconds
    const at = (await queue.get(outcome.id))?.dueAt?.getTime() ?? 0
    const wait = at - queue.clock.now()
    seconds.push(wait / 1000)
    await queue.clock.advance(wait)
  }
}

test('five retries by default, each after three times as long, with up to a fifth more by chance', async (t) => {
  const plain = openTest(t, jobs)
  await plain.put('work', { n: 1 })
  assert.deepEqual(await waits(plain, fails()), [1, 3, 9, 27, 81])
  const jittered = openTest(t, jobs, { random: () => 0.5 })
  await jittered.put('work', { n: 1 })
  assert.deepEqual(await waits(jittered, fails()), [1.1, 3.3, 9.9, 29.7, 89.1])
})

test('a put says otherwise; so does the definition', async (t) => {
  const queue = openTest(t, jobs)
  const put = (options: PutOptions) => queue.put('work', { n: 1 }, options)
  await put({ retries: 0 })
  assert.deepEqual(await waits(queue, fails()), [])
  await put({ retries: 2, backoff: '10s' })
  assert.deepEqual(await waits(queue, fails()), [10, 30])
  await put({ retries: 3, backoff: { first: '1s', factor: 2, max: '3s', jitter: 0 } })
  assert.deepEqual(await waits(queue, fails()), [1, 2, 3])
  const boom = () => {
    throw new Error('no')
  }
  await queue.put('capped', undefined, { retries: 2, backoff: { first: '5s', jitter: 0 } })
  assert.deepEqual(await waits(queue, { capped: boom }), [5, 15])
  await queue.put('capped')
  assert.deepEqual(await waits(queue, { capped: boom }), [60, 600, 3600, 3600, 3600, 3600])
})

test('no wait stays none, however often it is tried', async (t) => {
  const queue = openTest(t, jobs)
  await queue.put('hasty')
  let last: Date | undefined
  queue.on('retried', ({ at }) => (last = at))
  const { retried, dead } = await queue.drain({
    hasty: () => {
      throw new Error('no')
    },
  })
  assert.deepEqual([retried, dead, last], [320, 1, queue.clock.date])
})

test('an own backoff is asked with the attempt and its error; one that answers nonsense is told of, and passed over', async (t) => {
  const queue = openTest(t, jobs)
  await queue.put('own')
  let thrown: unknown = 'short'
  const own = () => {
    const error = thrown
    thrown = 'long'
    throw error as Error
  }
  assert.deepEqual(await waits(queue, { own }), [1, 3600, 3600])

  const errors: string[] = []
  const bad = openTest(t, defineJobs({ bad: job({ retries: 1, backoff: () => 'soon' as never }) }))
  bad.on('error', ({ error }) => errors.push(String(error)))
  await bad.put('bad')
  await bad.drain({
    bad: () => {
      throw new Error('no')
    },
  })
  assert.match(errors[0] ?? '', /the delay that backoff answered is "soon"/)
  assert.equal((await bad.list({ queue: 'bad' })).jobs[0]?.dueAt?.getTime(), bad.clock.now() + 1000)
})

test('a dead letter carries its error, the stack and causes, and each attempt', async (t) => {
  const queue = openTest(t, jobs)
  const { id } = await queue.put('work', { n: 1 }, { retries: 2 })
  let n = 0
  const { outcomes } = await queue.drain(
    {
      work: () => {
        throw new Error(`number ${++n}`, { cause: new TypeError('beneath') })
      },
    },
    { mode: 'now' },
  )
  assert.deepEqual(
    outcomes.map(({ as, attempt }) => [as, attempt]),
    [
      ['retried', 1],
      ['retried', 2],
      ['dead', 3],
    ],
  )
  const dead = await queue.get(id)
  assert.deepEqual(
    [dead?.state, dead?.why, dead?.error, dead?.starts, dead?.failures],
    ['buried', 'failed', 'Error: number 3', 3, 3],
  )
  assert.deepEqual(
    dead?.attempts.map(({ attempt, error }) => [attempt, error]),
    [
      [1, 'Error: number 1'],
      [2, 'Error: number 2'],
      [3, 'Error: number 3'],
    ],
  )
  assert.match(
    dead?.attempts[2]?.stack ?? '',
    /^Error: number 3\n {4}at .*failure\.test\.ts[^]*\nCaused by: TypeError: beneath\n/,
  )
  assert.match((await queue.why(id)) ?? '', /Buried as failed/)
})

test('dead letters are kept for 30 days', async (t) => {
  const queue = openTest(t, jobs)
  const { id } = await queue.put('work', { n: 1 }, { ttl: '1h' })
  await queue.drain(fails(new Discard('never')))
  await queue.clock.advance('29d')
  assert.equal((await queue.get(id))?.state, 'buried')
  await queue.clock.advance('1d')
  assert.equal(await queue.get(id), undefined)
})

test('Discard: set aside at once', async (t) => {
  const queue = openTest(t, jobs)
  const { id } = await queue.put('work', { n: 1 })
  const { dead } = await queue.drain(fails(new Discard('the address is gone')))
  assert.equal(dead, 1)
  const info = await queue.get(id)
  assert.deepEqual([info?.why, info?.error, info?.attempts.length], ['rejected', 'Discard: the address is gone', 1])
})

test('RetryLater: later, uncounted, and with pauseQueue nobody gets any of the queue', async (t) => {
  const queue = openTest(t, jobs)
  const { id } = await queue.put('work', { n: 1 })
  for (let i = 0; i < 20; i++) {
    assert.equal((await queue.drain(fails(new RetryLater('1m')))).outcomes[0]?.attempt, 1)
    await queue.clock.advance('1m')
  }
  assert.deepEqual(await queue.get(id).then((one) => [one?.state, one?.starts, one?.failures]), ['ready', 0, 0])
  await queue.put('work', { n: 2 })
  assert.equal((await queue.drain(fails(new RetryLater('1m', { pauseQueue: true })))).retried, 1)
  await queue.clock.advance('59s')
  assert.equal((await queue.drain(fails())).outcomes.length, 0)
  await queue.clock.advance('1s')
  assert.equal((await queue.drain(fails())).outcomes.length, 2)
  assert.throws(() => new RetryLater('1 minute' as never), /after is "1 minute"/)

  // The other side said when.
  await queue.put('work', { n: 3 })
  const then = new Date(queue.clock.now() + 90_000)
  assert.equal((await queue.drain(fails(new RetryLater(then)))).retried, 1)
  assert.deepEqual((await queue.get('3'))?.dueAt, then)
})

test('whatever is thrown is kept as words: undefined, circles, an error that cannot be looked at, ten megabytes', async (t) => {
  const queue = openTest(t, jobs)
  const circle: { self?: unknown } = {}
  circle.self = circle
  const hostile = new Proxy(new Error('x'), {
    get() {
      throw new Error('keep off')
    },
    getPrototypeOf() {
      throw new Error('keep off')
    },
  })
  const large = new Error('m'.repeat(10_000_000))
  const cases: [unknown, RegExp][] = [
    [undefined, /^undefined$/],
    [null, /^null$/],
    ['text', /^text$/],
    [{ code: 5 }, /^\{"code":5\}$/],
    [circle, /^\[object Object\]$/],
    [12n, /^\[object BigInt\]$/],
    [Symbol('s'), /^Symbol\(s\)$/],
    [hostile, /looked at|object/],
    [large, /^Error: m+$/],
  ]
  for (const [thrown, text] of cases) {
    const { id } = await queue.put('work', { n: 1 }, { retries: 0 })
    await queue.drain(fails(thrown))
    const info = await queue.get(id)
    assert.match(info?.error ?? '', text)
    assert.ok((info?.error?.length ?? 0) <= 8000)
    assert.ok((info?.attempts[0]?.stack?.length ?? 0) <= 8000)
    assert.equal(info?.state, 'buried')
  }
  const { jobs: dead } = await queue.list({ queue: 'work' })
  assert.match(
    dead.at(-1)?.attempts[0]?.stack ?? '',
    /\n {4}at .*failure\.test\.ts/,
    'the frames behind a long message',
  )
})

test('a job whose worker dies again and again is started maxStarts times, a little later each time, and then set aside', async (t) => {
  const queue = openTest(t, jobs)
  const { id } = await queue.put('poison')
  const starts: number[] = []
  const begun = queue.clock.now()
  for (let i = 0; i < 5; i++) {
    queue.work({
      poison: (_job, { signal }) => {
        starts.push(queue.clock.now() - begun)
        return fired(signal)
      },
    })
    await queue.clock.advance('2m')
    await queue.simulate.crash()
  }
  assert.equal(starts.length, 3)
  const dead = await queue.get(id)
  assert.deepEqual([dead?.state, dead?.why], ['buried', 'exhausted'])
  assert.match(dead?.error ?? '', /worker's process ended 3 times with the job in hand.*maxStarts is 3/)
})

test('a job that may be started once is not started again when its worker dies', async (t) => {
  const queue = openTest(t, jobs)
  const { id } = await queue.put('once')
  let starts = 0
  for (let i = 0; i < 2; i++) {
    queue.work({ once: (_job, { signal }) => (starts++, fired(signal)) })
    await queue.clock.advance('2m')
    await queue.simulate.crash()
  }
  assert.equal(starts, 1)
  assert.equal((await queue.get(id))?.why, 'exhausted')
})

test('of jobs whose worker died, one that has waited there behind the one that ended it keeps its last start', async (t) => {
  const queue = openTest(t, jobs)
  const terms = { retries: 1, backoff: 0 } as const
  const ids = [await queue.put('work', { n: 0 }, terms), await queue.put('work', { n: 1 }, terms)].map(({ id }) => id)
  const ends = (): Promise<void> => queue.simulate.crash()
  const started: number[] = []
  let crashed: Promise<void> | undefined
  for (let i = 0; i < 2; i++) {
    queue.work({
      work: ({ args }) => {
        if (crashed === undefined) started.push(args.n)
        if (i === 0 && args.n === 0) return new Promise(() => undefined)
        if (i === 1) crashed ??= ends()
        return new Promise(() => undefined)
      },
    })
    await queue.clock.advance('1m')
    if (i === 0) await ends()
  }
  await crashed
  assert.deepEqual(started, [0, 1, 0])
  await queue.clock.advance('1m')
  await queue.drain({ work: ({ args }) => args.n })
  assert.equal((await queue.get(ids[0] ?? ''))?.why, 'exhausted')
  assert.equal((await queue.waitFor('work', { n: 1 }, 'done')).result, 1)
})

test('failures that its handler lived to tell are none of maxStarts', async (t) => {
  const queue = openTest(t, jobs)
  const { id } = await queue.put('poison')
  const poison = () => {
    throw new Error('no')
  }
  for (let i = 0; i < 5; i++) {
    assert.equal((await queue.drain({ poison })).retried, 1)
    await queue.clock.advance('2h')
  }
  for (let i = 0; i < 2; i++) {
    queue.work({ poison: (_job, { signal }) => fired(signal) })
    await queue.settled()
    assert.equal((await queue.get(id))?.state, 'reserved', `death ${i}`)
    await queue.simulate.crash()
    await queue.clock.advance('2h')
  }
  assert.equal((await queue.drain({ poison })).retried, 1)
})

for (const maxStarts of [undefined, 10])
  test(`deaths count as failures do, ${maxStarts ? 'however many are allowed' : 'without maxStarts'}`, async (t) => {
    const queue = openTest(t, jobs)
    const { id } = await queue.put('work', { n: 1 }, { retries: 1, ...(maxStarts && { maxStarts }) })
    for (let i = 0; i < 3; i++) {
      queue.work({ work: (_job, { signal }) => fired(signal) })
      await queue.clock.advance('2m')
      await queue.simulate.crash()
    }
    const dead = await queue.get(id)
    assert.deepEqual([dead?.why, dead?.starts], ['exhausted', 3])
    assert.match(dead?.error ?? '', /attempts are used up: 2 times it was started/)
  })

test('a retry counts anew, also after deaths', async (t) => {
  const queue = openTest(t, jobs)
  const { id } = await queue.put('work', { n: 1 }, { retries: 1 })
  await queue.drain(fails(), { mode: 'now' })
  assert.equal(await queue.retry(id), true)
  assert.deepEqual(
    (await queue.drain(fails(), { mode: 'now' })).outcomes.map(({ as, attempt }) => [as, attempt]),
    [
      ['retried', 1],
      ['dead', 2],
    ],
  )
  assert.deepEqual(
    (await queue.get(id))?.attempts.map((one) => one.attempt),
    [1, 2, 1, 2],
  )
})

test('what failed before a retry takes nothing from the deaths that are allowed after it', async (t) => {
  const queue = openTest(t, jobs)
  const { id } = await queue.put('poison', undefined, { retries: 10, maxStarts: 2 })
  const poison = () => {
    throw new Error('no')
  }
  for (let i = 0; i < 2; i++) {
    assert.equal((await queue.drain({ poison })).retried, 1)
    await queue.clock.advance('2h')
  }
  await queue.drain({ poison: () => Promise.reject(new Discard('never')) })
  assert.equal(await queue.retry(id), true)
  assert.equal((await queue.drain({ poison })).retried, 1)
  await queue.clock.advance('2h')
  let starts = 0
  for (let i = 0; i < 4; i++) {
    queue.work({ poison: (_job, { signal }) => (starts++, fired(signal)) })
    await queue.clock.advance('2h')
    await queue.simulate.crash()
  }
  assert.equal(starts, 2)
  assert.equal((await queue.get(id))?.why, 'exhausted')
})
