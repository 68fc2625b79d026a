import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createBroker } from '../../src/broker/store-broker.ts'
import {
  CancelledError,
  ClosedError,
  defineJobs,
  InvalidArgumentError,
  job,
  LeaseLostError,
  StoppedError,
  TimedOutError,
  ValidationError,
  type StandardSchema,
  type Worker,
} from '../../src/index.ts'
import { JobQueue } from '../../src/jobs/queue.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import type { Store } from '../../src/stores/store.ts'
import { BrokerTransport } from '../../src/transports/broker.ts'
import type { Transport } from '../../src/transports/transport.ts'
import { WatchedStore } from '../broker/open.ts'
import { fired, openTest, until } from './open.ts'

const jobs = defineJobs({
  work: job<{ n: number }>(),
  slow: job<{ n: number }>({ timeout: '30s', retries: 0 }),
  other: job({ queue: 'work' }),
})

test('slots refill one by one, and no more run at a time than there are', async (t) => {
  const queue = openTest(t, jobs)
  const running = new Map<number, () => void>()
  let most = 0
  queue.work(
    {
      work: ({ args }) =>
        new Promise<void>((resolve) => {
          running.set(args.n, () => (running.delete(args.n), resolve()))
          most = Math.max(most, running.size)
        }),
    },
    { concurrency: 3 },
  )
  await queue.putMany(
    'work',
    [0, 1, 2, 3, 4, 5, 6, 7].map((n) => ({ n })),
  )
  await queue.settled()
  assert.deepEqual([...running.keys()], [0, 1, 2])
  running.get(1)?.()
  await queue.settled()
  assert.deepEqual([...running.keys()], [0, 2, 3])
  for (let n = 0; n < 8; n++) {
    running.get(n)?.()
    await queue.settled()
  }
  assert.equal(most, 3)
  assert.deepEqual((await queue.counts(['work']))[0]?.gone, 8)
})

test('takes ahead as many as it gets through in a moment: quick jobs by the hundred, slow ones none', async (t) => {
  const queue = openTest(t, jobs)
  const quick = queue.work({ work: () => undefined }, { concurrency: 1 })
  await queue.putMany(
    'work',
    Array.from({ length: 50 }, (_, n) => ({ n })),
  )
  await queue.settled()
  await queue.putMany(
    'work',
    Array.from({ length: 500 }, (_, n) => ({ n })),
  )
  await queue.settled()
  assert.equal(quick.health().taken, 550)
  await quick.stop()

  const slow = queue.work(
    { work: ({ args }, { signal }) => (args.n < 1 ? fired(signal) : undefined) },
    { concurrency: 1 },
  )
  await queue.putMany(
    'work',
    Array.from({ length: 5 }, (_, n) => ({ n })),
  )
  await queue.settled()
  assert.deepEqual([slow.health().active, slow.health().prefetched], [1, 0])
})

test('a time-out: the signal says so, and the attempt has failed', async (t) => {
  const queue = openTest(t, jobs)
  const reasons: Error[] = []
  queue.work({
    slow: async (_job, { signal }) => {
      reasons.push(await fired(signal))
      throw new Error('given up')
    },
  })
  const { id } = await queue.put('slow', { n: 1 })
  await queue.clock.advance('29s')
  assert.equal(reasons.length, 0)
  await queue.clock.advance('1s')
  assert.ok(reasons[0] instanceof TimedOutError)
  const dead = await queue.waitFor('slow', undefined, 'dead')
  assert.equal((dead.error as Error).name, 'TimedOutError')
  assert.match((await queue.get(id))?.error ?? '', /'slow' took longer than 30000 ms/)
})

test('what a handler answers after its time-out is still its answer', async (t) => {
  const queue = openTest(t, jobs)
  queue.work({ slow: async (_job, { signal }) => (await fired(signal)) && 'done after all' })
  await queue.put('slow', { n: 1 })
  await queue.clock.advance('30s')
  assert.equal((await queue.waitFor('slow')).result, 'done after all')
})

test('what fired the signal first counts: an attempt whose time was over has failed, also when its worker stops then', async (t) => {
  const queue = openTest(t, jobs)
  const finish = Promise.withResolvers<void>()
  const worker = queue.work({
    slow: async (_job, { signal }) => {
      await fired(signal)
      await finish.promise
      throw new Error('given up')
    },
  })
  await queue.put('slow', { n: 1 })
  await queue.clock.advance('30s')
  const stopped = worker.stop({ within: 0 })
  finish.resolve()
  await stopped
  assert.equal(((await queue.waitFor('slow', undefined, 'dead')).error as Error).name, 'TimedOutError')
})

test('the time of an attempt begins with its handler, and its time-out ends with it', async (t) => {
  const queue = openTest(t, jobs)
  const timers = async () => {
    const before = queue.clock.soonest
    await queue.put('slow', { n: 1 })
    await queue.waitFor('slow', { n: 1 })
    assert.equal(queue.clock.soonest, before)
  }
  const finish = Promise.withResolvers<void>()
  queue.work({ slow: ({ args }) => (args.n === 100 ? finish.promise : undefined) }, { concurrency: 1 })
  await timers()
  await queue.putMany(
    'slow',
    Array.from({ length: 100 }, (_, n) => ({ n: n + 200 })),
  )
  await queue.settled()
  await queue.putMany('slow', [{ n: 100 }, { n: 101 }])
  await queue.clock.advance('10s')
  finish.resolve()
  assert.deepEqual(
    [(await queue.waitFor('slow', { n: 100 })).ms, (await queue.waitFor('slow', { n: 101 })).ms],
    [10_000, 0],
  )
})

test('what a handler or a validator answers is awaited, also where it is no promise of its own', async (t) => {
  const later = <T>(value: T) => ({ then: (resolve: (value: T) => void) => void setImmediate(value).then(resolve) })
  const schema = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value: unknown) => later(value === 'wrong' ? { issues: [{ message: 'wrong' }] } : { value }),
    },
  } as unknown as StandardSchema<string>
  const queue = openTest(t, defineJobs({ checked: job(schema) }))
  queue.work({
    // A function is a thenable, too, where it has a `then`.
    checked: ({ args }) => (args === 'function' ? Object.assign(() => undefined, later(args)) : later(args)),
  })
  await assert.rejects(queue.put('checked', 'wrong'), ValidationError)
  for (const args of ['object', 'function']) {
    await queue.put('checked', args)
    assert.equal((await queue.waitFor('checked', (one) => one === args)).result, args)
  }
})

test('a validator that can not validate now is a failure like any other, and the job comes again', async (t) => {
  let asked = 0
  const schema: StandardSchema<number> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: () => {
        if (asked++ === 1) throw new TypeError('the database is away')
        return { value: 1 }
      },
    },
  }
  const queue = openTest(t, defineJobs({ checked: job(schema) }))
  const { id } = await queue.put('checked', 1)
  assert.equal((await queue.drain({ checked: () => 'done' })).retried, 1)
  assert.match((await queue.get(id))?.error ?? '', /TypeError: the database is away/)
  await queue.clock.advance('1s')
  assert.equal((await queue.drain({ checked: () => 'done' })).done, 1)
})

test('a cancel: the signal says so; the job is gone, not retried, and its slot is free', async (t) => {
  const queue = openTest(t, jobs)
  const reasons: Error[] = []
  queue.work(
    {
      work: async ({ args }, { signal }) => {
        if (args.n > 0) return
        reasons.push(await fired(signal))
        throw new Error('whatever')
      },
    },
    { concurrency: 1 },
  )
  const { id } = await queue.put('work', { n: 0 })
  const next = await queue.put('work', { n: 1 })
  await queue.settled()
  assert.equal(await queue.cancel(id), 'told')
  await queue.waitFor('work', { n: 0 }, 'cancelled')
  assert.ok(reasons[0] instanceof CancelledError)
  assert.equal(await queue.get(id), undefined)
  assert.equal((await queue.waitFor('work', { n: 1 })).id, next.id)
})

test('a cancelled job that waits for a slot is never started; nor one that was lost', async (t) => {
  const queue = openTest(t, jobs)
  const started: number[] = []
  let signal: AbortSignal | undefined
  // Quick ones first, so that it takes some ahead.
  const worker = queue.work(
    {
      work: async ({ args }, ctx) => {
        started.push(args.n)
        if (args.n === 100) signal = ctx.signal
        if (args.n === 100) await fired(ctx.signal)
      },
    },
    { concurrency: 1 },
  )
  await queue.putMany(
    'work',
    Array.from({ length: 100 }, (_, n) => ({ n })),
  )
  await queue.settled()
  const rest = await queue.putMany(
    'work',
    [100, 101, 102, 103].map((n) => ({ n })),
  )
  await queue.settled()
  assert.equal(worker.health().prefetched, 3)
  assert.equal(await queue.cancel(rest[1]?.id ?? ''), 'told')
  await queue.simulate.loseLease(rest[2]?.id)
  await queue.cancel(rest[0]?.id ?? '')
  await queue.settled()
  assert.ok(signal?.aborted)
  assert.deepEqual(started.slice(100), [100, 103])
  await queue.waitFor('work', { n: 101 }, 'cancelled')
  await queue.clock.advance('1s')
  await queue.waitFor('work', { n: 102 })
})

test('a lost lease: the signal says so, and the outcome is not taken', async (t) => {
  const queue = openTest(t, jobs)
  const reasons: Error[] = []
  queue.work({
    work: async (_job, { signal, attempt }) => {
      if (attempt > 1) return 'second'
      reasons.push(await fired(signal))
      return 'first'
    },
  })
  await queue.put('work', { n: 1 })
  await queue.waitFor('work', undefined, 'started')
  await queue.simulate.loseLease()
  assert.ok(reasons[0] instanceof LeaseLostError)
  await queue.waitFor('work', undefined, 'lost')
  await queue.clock.advance('1s')
  assert.equal((await queue.waitFor('work')).result, 'second')
})

test('one worker that lost a job and got it again tells the two attempts apart', async (t) => {
  const queue = openTest(t, jobs)
  const { promise, resolve } = Promise.withResolvers<string>()
  const signals: AbortSignal[] = []
  const worker = queue.work({
    work: (_job, { signal }) => {
      signals.push(signal)
      // Takes no notice of its signal.
      return promise
    },
  })
  await queue.put('work', { n: 1 })
  await queue.settled()
  await queue.simulate.loseLease()
  await queue.clock.advance('1s')
  assert.deepEqual(
    signals.map((signal) => signal.aborted),
    [true, false],
  )
  assert.equal(worker.health().active, 2)
  resolve('both')
  await queue.waitFor('work')
  await queue.settled()
  assert.equal(worker.health().active, 0)
  assert.equal((await queue.counts(['work']))[0]?.gone, 1)
})

test('a stop: within its time the job is finished; after it the signal says so, and the job goes back uncounted', async (t) => {
  const queue = openTest(t, jobs)
  const reasons: Error[] = []
  const finish = Promise.withResolvers<void>()
  const work = (): Worker =>
    queue.work(
      {
        work: async ({ args }, { signal }) => {
          if (args.n === 0) await finish.promise
          else reasons.push(await fired(signal))
          if (args.n > 0) throw new Error('whatever')
        },
      },
      { concurrency: 2, stopWithin: '20s' },
    )
  const worker = work()
  await queue.putMany('work', [{ n: 0 }, { n: 1 }])
  const left = await queue.put('work', { n: 2 })
  await queue.settled()
  const stopped = worker.stop()
  assert.equal(worker.health().running, false)
  finish.resolve()
  await queue.waitFor('work', { n: 0 })
  await queue.clock.advance('19s')
  assert.equal(reasons.length, 0)
  await queue.clock.advance('1s')
  await stopped
  await worker.done
  assert.ok(reasons[0] instanceof StoppedError)
  const counts = (await queue.counts(['work']))[0]
  assert.deepEqual([counts?.ready, counts?.reserved, counts?.gone], [2, 0, 1])
  const { jobs: back } = await queue.list({ queue: 'work' })
  assert.deepEqual(
    back.map(({ starts, failures }) => [starts, failures]),
    [
      [0, 0],
      [0, 0],
    ],
  )
  assert.equal(back[1]?.id, left.id)
})

test('a stop that is told again with less time hurries; with wrong options it changes nothing', async (t) => {
  const queue = openTest(t, jobs)
  const reasons: Error[] = []
  const worker = queue.work({ work: async (_job, { signal }) => void reasons.push(await fired(signal)) })
  await queue.put('work', { n: 1 })
  await queue.settled()
  await assert.rejects(worker.stop({ within: 'soon' as never }), /within is "soon"/)
  assert.equal(worker.health().running, true)
  const stopped = worker.stop({ within: '1h' })
  await queue.clock.advance('1m')
  assert.equal(reasons.length, 0)
  await Promise.all([worker.stop({ within: 0 }), worker.stop(), queue.clock.advance(0)])
  await stopped
  assert.ok(reasons[0] instanceof StoppedError)
  await worker.stop({ within: 0 })
})

test('a stop gives back at once what no slot has begun', async (t) => {
  const queue = openTest(t, jobs)
  const finish = Promise.withResolvers<void>()
  const worker = queue.work({ work: ({ args }) => (args.n === 100 ? finish.promise : undefined) }, { concurrency: 1 })
  await queue.putMany(
    'work',
    Array.from({ length: 100 }, (_, n) => ({ n })),
  )
  await queue.settled()
  await queue.putMany('work', [{ n: 100 }, { n: 101 }, { n: 102 }])
  await queue.settled()
  const stopped = worker.stop()
  await queue.settled()
  const counts = (await queue.counts(['work']))[0]
  assert.deepEqual([counts?.ready, counts?.reserved], [2, 1])
  finish.resolve()
  await stopped
})

/** A queue on a broker and a store of its own. */
function placed(store: Store, transport: new (...args: ConstructorParameters<typeof BrokerTransport>) => Transport) {
  return new JobQueue({ transport: new transport(createBroker({ store }), store, 'memory:'), jobs })
}

test('a stop waits until the store has what became of the jobs', async () => {
  const store = new WatchedStore(openMemory())
  const queue = placed(store, BrokerTransport)
  const finish = Promise.withResolvers<void>()
  const worker = queue.work({ work: () => finish.promise })
  await queue.put('work', { n: 1 })
  await until(() => worker.health().active === 1)
  const answer = Promise.withResolvers<void>()
  store.gate = answer.promise
  finish.resolve()
  await until(() => worker.health().active === 0)
  let over = false
  const stopped = worker.stop().then(() => (over = true))
  for (let i = 0; i < 20; i++) await setImmediate()
  assert.equal(over, false)
  answer.resolve()
  await stopped
  await queue.close()
})

test('jobs that come at the moment of a stop go back before it is over', async () => {
  let stopped: Promise<void> | undefined
  const queue = placed(
    openMemory(),
    class extends BrokerTransport {
      override async reserve(...want: Parameters<BrokerTransport['reserve']>) {
        const taken = await super.reserve(...want)
        stopped = worker.stop()
        return taken
      }
    },
  )
  await queue.put('work', { n: 1 })
  const worker = queue.work({ work: () => assert.fail('begun after the stop') })
  await until(() => stopped !== undefined)
  await stopped
  const [counts] = await queue.counts(['work'])
  assert.deepEqual([counts?.ready, counts?.reserved], [1, 0])
  await queue.close()
})

test('a handler that never settles after its signal is given up, told as stalled, and its slot is free', async (t) => {
  const queue = openTest(t, jobs)
  const stalled: number[] = []
  queue.on('stalled', ({ ms }) => stalled.push(ms))
  const worker = queue.work({ slow: () => new Promise(() => undefined) }, { concurrency: 1 })
  const { id } = await queue.put('slow', { n: 1 })
  await queue.clock.advance('34s')
  assert.deepEqual([worker.health().active, stalled], [1, []])
  await queue.clock.advance('1s')
  assert.deepEqual([worker.health().active, stalled], [0, [35_000]])
  assert.equal((await queue.get(id))?.state, 'buried')
})

test('a handler that settles after its signal is never told as stalled', async (t) => {
  const queue = openTest(t, jobs)
  const stalled: string[] = []
  queue.on('stalled', ({ id }) => stalled.push(id))
  queue.work({
    slow: async (_job, { signal }) => {
      throw await fired(signal)
    },
  })
  await queue.put('slow', { n: 1 })
  await queue.clock.advance('1m')
  await queue.waitFor('slow', undefined, 'dead')
  assert.deepEqual(stalled, [])
})

test('a handler is not called any more when its attempt was called off while a validator took its time', async (t) => {
  const answer = Promise.withResolvers<{ value: number }>()
  let asked = 0
  const schema: StandardSchema<number> = {
    '~standard': { version: 1, vendor: 'test', validate: () => (asked++ === 0 ? { value: 1 } : answer.promise) },
  }
  const queue = openTest(t, defineJobs({ slow: job(schema, { timeout: '30s', retries: 0 }) }))
  const called: string[] = []
  queue.on('started', () => called.push('started'))
  queue.work({ slow: () => called.push('called') })
  await queue.put('slow', 1)
  await queue.clock.advance('35s')
  await queue.waitFor('slow', undefined, 'dead')
  answer.resolve({ value: 1 })
  await queue.settled()
  assert.deepEqual(called, [])
})

test('middleware stands around each attempt, the first outermost, and may answer or throw in its stead', async (t) => {
  const queue = openTest(t, jobs)
  const told: string[] = []
  queue.work(
    { work: ({ args }) => (told.push(`works ${args.n}`), 'answer') },
    {
      use: [
        async (one, _ctx, next) => {
          told.push(`outer ${one.name}`)
          const answer = await next()
          told.push(`${String(answer)} seen`)
          return 'changed'
        },
        async (one, ctx, next) => {
          told.push(`inner ${ctx.attempt}`)
          return (one.args as { n: number }).n === 0 ? 'not called' : next()
        },
      ],
    },
  )
  await queue.put('work', { n: 1 })
  assert.equal((await queue.waitFor('work')).result, 'changed')
  assert.deepEqual(told, ['outer work', 'inner 1', 'works 1', 'answer seen'])
  await queue.put('work', { n: 0 })
  await queue.waitFor('work', { n: 0 })
  assert.deepEqual(told.slice(4), ['outer work', 'inner 1', 'not called seen'])
})

test('to the middleware around it, what middleware throws without a promise is a rejection like any other', async (t) => {
  const queue = openTest(t, jobs)
  const seen: unknown[] = []
  queue.work(
    { slow: () => undefined },
    {
      use: [
        (_job, _ctx, next) => next().catch((error: unknown) => void seen.push(error)),
        () => {
          throw new Error('at once')
        },
      ],
    },
  )
  await queue.put('slow', { n: 1 })
  await queue.waitFor('slow')
  assert.deepEqual(seen, [new Error('at once')])
})

test('ctx: progress and lines are kept, bounded; a put goes into the queue; pauseQueue gives back what was taken ahead', async (t) => {
  const queue = openTest(t, jobs)
  const finish = Promise.withResolvers<void>()
  const worked: number[] = []
  queue.work(
    {
      work: async ({ args }, ctx) => {
        worked.push(args.n)
        if (args.n < 100) return
        for (let i = 0; i < 1000; i++) ctx.log(`${i}${'x'.repeat(5000)}`)
        for (let i = 0; i <= 10; i++) ctx.progress({ part: i })
        await ctx.put('slow', { n: 9 })
        await ctx.pauseQueue('1m')
        await finish.promise
      },
    },
    { concurrency: 1 },
  )
  await queue.putMany(
    'work',
    Array.from({ length: 100 }, (_, n) => ({ n })),
  )
  await queue.settled()
  const [{ id } = { id: '' }] = await queue.putMany('work', [{ n: 100 }, { n: 101 }])
  await queue.settled()
  const info = await queue.get(id)
  assert.equal(info?.logs.length, 500)
  assert.match(info?.logs.at(-1)?.text ?? '', /^999x/)
  assert.equal(info?.logs.at(-1)?.text.length, 4000)
  assert.deepEqual(info?.progress, { part: 10 })
  queue.assertPut('slow', { n: 9 })
  finish.resolve()
  await queue.settled()
  assert.deepEqual(worked.slice(100), [100])
  await queue.clock.advance('59s')
  assert.deepEqual(worked.slice(100), [100])
  await queue.clock.advance('1s')
  assert.deepEqual(worked.slice(100), [100, 101])
})

test('what a handler tells at its end is kept, though the store has not taken yet what it told before', async (t) => {
  const queue = openTest(t, jobs)
  const { id } = await queue.put('work', { n: 1 })
  queue.work({
    work: (_job, { log, progress }) => {
      for (const line of ['one', 'two', 'three']) log(line)
      progress(0.5)
      progress(0.9)
      throw new Error('no')
    },
  })
  await queue.waitFor('work', undefined, 'retried')
  const info = await queue.get(id)
  assert.deepEqual(
    info?.logs.map(({ text }) => text),
    ['one', 'two', 'three'],
  )
  assert.equal(info?.progress, 0.9)
})

test('progress that JSON cannot say is an error of the handler', async (t) => {
  const queue = openTest(t, jobs)
  const circle: { self?: unknown } = {}
  circle.self = circle
  for (const [value, message] of [
    [circle, /can't be JSON/],
    ['x'.repeat(70_000), /at most 65536/],
  ] as const)
    await assert.rejects(
      queue.run({ work: (_job, { progress }) => progress(value) }, 'work', { n: 1 }),
      (error) => error instanceof InvalidArgumentError && message.test(error.message),
    )
})

test('handlers and options that cannot be are refused at once', async (t) => {
  const queue = openTest(t, jobs)
  const wrong = [
    [{}, {}, /no handler/],
    [{ nobody: () => 1 }, {}, /no job 'nobody'/],
    [{ work: 1 }, {}, /is no function/],
    [{ work: () => 1 }, { concurrency: 0 }, /concurrency is 0/],
    [{ work: () => 1 }, { concurrency: 1.5 }, /concurrency is 1.5/],
    [{ work: () => 1 }, { stopWithin: '1 minute' }, /stopWithin is "1 minute"/],
    [{ work: () => 1 }, { queues: ['a b'] }, /can't be a queue's name/],
  ] as const
  for (const [handlers, options, message] of wrong)
    assert.throws(
      () => queue.work(handlers as never, options as never),
      (error) => error instanceof InvalidArgumentError && message.test(error.message),
    )
})

test('a queue that is closed gives no more workers', async (t) => {
  const { open } = await import('../../src/index.ts')
  const queue = await open('memory:', { jobs })
  const worker = queue.work({ work: () => undefined })
  t.after(() => queue.close())
  await queue.close()
  await worker.done
  assert.throws(() => queue.work({ work: () => undefined }), ClosedError)
})

test('a second signal of stopOn ends the process, also when the worker was stopping by itself at the first', async (t) => {
  const queue = openTest(t, jobs)
  const before = process.listenerCount('SIGHUP')
  const { promise, resolve } = Promise.withResolvers<void>()
  const worker = queue.work({ work: () => promise }, { stopOn: ['SIGHUP'], stopWithin: '1h' })
  await queue.put('work', { n: 1 })
  await queue.settled()
  const stopped = worker.stop()
  process.emit('SIGHUP')
  process.emit('SIGHUP')
  assert.equal(process.listenerCount('SIGHUP'), before + 1)
  await queue.clock.advance(300)
  assert.equal(process.listenerCount('SIGHUP'), before, 'what comes now has its default effect')
  resolve()
  await stopped
})
