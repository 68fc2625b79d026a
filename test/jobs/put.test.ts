import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type } from 'arktype'
import * as v from 'valibot'
import * as z from 'zod'
import {
  defineJobs,
  InvalidArgumentError,
  job,
  QueueFullError,
  ValidationError,
  type StandardSchema,
} from '../../src/index.ts'
import { workerNeeds, type JobQueue } from '../../src/jobs/queue.ts'
import type { Jobs } from '../../src/index.ts'
import { openTest } from './open.ts'

let asked: unknown[] = []
/** Answers later. */
const known: StandardSchema<string, { name: string }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: async (value) => {
      asked.push(value)
      await Promise.resolve()
      return value === 'ada' ? { value: { name: 'Ada' } } : { issues: [{ message: 'is nobody' }] }
    },
  },
}
const jobs = defineJobs({
  zod: job(z.object({ to: z.email(), tries: z.coerce.number().default(1) })),
  valibot: job(
    v.object({ to: v.pipe(v.string(), v.email()), tries: v.optional(v.pipe(v.string(), v.transform(Number)), '1') }),
  ),
  arktype: job(type({ to: 'string.email', tries: type('string.numeric.parse').default('1') })),
  known: job(known),
  date: job(z.object({ at: z.date() })),
  text: job(z.object({ at: z.coerce.date() })),
  bare: job<{ n: number }>(),
  none: job(),
  mail: job<{ to: string }>({ queue: 'post', priority: 5, ttl: '1h' }),
})

test('zod, valibot and arktype: what goes in at the put, and what comes out in the handler', async (t) => {
  const queue = openTest(t, jobs)
  const seen: unknown[] = []
  await queue.put('zod', { to: 'a@b.cd' })
  await queue.put('zod', { to: 'a@b.cd', tries: '7' })
  await queue.put('valibot', { to: 'a@b.cd' })
  await queue.put('valibot', { to: 'a@b.cd', tries: '7' })
  await queue.put('arktype', { to: 'a@b.cd' })
  await queue.put('arktype', { to: 'a@b.cd', tries: '7' })
  // As it was put, not as it came out: who works it validates it again.
  assert.deepEqual(queue.puts('zod')[1]?.args, { to: 'a@b.cd', tries: '7' })
  const { done } = await queue.drain({
    zod: ({ args }) => seen.push(args.tries satisfies number),
    valibot: ({ args }) => seen.push(args.tries satisfies number),
    arktype: ({ args }) => seen.push(args.tries satisfies number),
  })
  assert.equal(done, 6)
  assert.deepEqual(seen, [1, 7, 1, 7, 1, 7])
  for (const name of ['zod', 'valibot', 'arktype'] as const)
    await assert.rejects(queue.put(name, { to: 'nobody' }), (error) => {
      assert.ok(error instanceof ValidationError)
      assert.match(error.message, new RegExp(`^The arguments of '${name}' are not as defined: to: .*mail`, 'i'))
      return true
    })
})

test('a validator may answer later', async (t) => {
  const queue = openTest(t, jobs)
  asked = []
  await queue.put('known', 'ada')
  await assert.rejects(queue.put('known', 'bob'), /is nobody/)
  const names: string[] = []
  await queue.drain({ known: ({ args }) => names.push(args.name) })
  assert.deepEqual([names, asked], [['Ada'], ['ada', 'bob', 'ada']])
})

test('arguments are validated as they arrive, too: what JSON would change is refused at the put', async (t) => {
  const queue = openTest(t, jobs)
  await assert.rejects(
    queue.put('date', { at: new Date() }),
    /as JSON gives them to the worker, are not as defined: at: /,
  )
  await queue.put('text', { at: new Date('2026-01-01') })
  const seen: unknown[] = []
  await queue.drain({ text: ({ args }) => seen.push(args.at) })
  assert.deepEqual(seen, [new Date('2026-01-01')])
  const circle: { n: number; self?: unknown } = { n: 1 }
  circle.self = circle
  await assert.rejects(queue.put('bare', circle), InvalidArgumentError)
  await assert.rejects(queue.put('bare', { n: 1n } as never), /can't be JSON/)
})

test('putMany and putAll validate all before the first write, and put all or none, over several queues', async (t) => {
  const queue = openTest(t, jobs)
  await assert.rejects(queue.putMany('zod', [{ to: 'a@b.cd' }, { to: 'x' }]), ValidationError)
  await assert.rejects(queue.putAll([['bare', { n: 1 }], ['none'], ['known', 'bob']]), ValidationError)
  await assert.rejects(queue.putAll([['bare', { n: 1 }], ['nobody' as 'none']]), /There is no job 'nobody'/)
  assert.deepEqual(await queue.counts(), [])

  await limit(queue, 'none', 1)
  await queue.put('none')
  await assert.rejects(queue.putAll([['bare', { n: 1 }], ['mail', { to: 'a' }], ['none']]), QueueFullError)
  assert.deepEqual(
    queue.puts().map((put) => put.name),
    ['none'],
  )

  const put = await queue.putAll([
    ['bare', { n: 1 }],
    ['mail', { to: 'a' }],
    ['bare', { n: 2 }, { delay: '1h' }],
  ])
  assert.deepEqual(
    put.map(({ id, duplicate }) => [typeof id, duplicate]),
    [
      ['string', false],
      ['string', false],
      ['string', false],
    ],
  )
  assert.deepEqual((await queue.putMany('bare', [{ n: 3 }, { n: 4 }])).length, 2)
  assert.deepEqual(await queue.putAll([]), [])
})

test('a full queue, and arguments that are too large, are errors that say so', async (t) => {
  const queue = openTest(t, jobs)
  await limit(queue, 'bare', 1)
  await queue.put('bare', { n: 1 })
  await assert.rejects(
    queue.put('bare', { n: 2 }),
    (error) => error instanceof QueueFullError && /Queue 'bare' is full/.test(error.message),
  )
  await policy(queue, 'post', { maxSize: 50 })
  await assert.rejects(queue.put('mail', { to: 'x'.repeat(100) }), /larger than queue 'post' allows/)
})

test('delay: a duration or a date; priority; the queue and defaults of the definition', async (t) => {
  const queue = openTest(t, jobs)
  await queue.put('bare', { n: 1 }, { delay: '10m' })
  await queue.put('bare', { n: 2 }, { delay: new Date(queue.clock.now() + 300_000) })
  await queue.put('bare', { n: 3 }, { delay: new Date(0) })
  await queue.put('bare', { n: 4 }, { priority: 1 })
  const seen: number[] = []
  const handlers = { bare: ({ args }: { args: { n: number } }) => seen.push(args.n) }
  await queue.drain(handlers)
  assert.deepEqual(seen, [4, 3])
  await queue.clock.advance('5m')
  await queue.drain(handlers)
  await queue.clock.advance('5m')
  await queue.drain(handlers)
  assert.deepEqual(seen, [4, 3, 2, 1])

  const { id } = await queue.put('mail', { to: 'a' })
  const info = await queue.get(id)
  assert.deepEqual([info?.queue, info?.name, info?.priority], ['post', 'mail', 5])
})

test('time to live: dropped when it was not started in time, and not when it was', async (t) => {
  const queue = openTest(t, jobs)
  const { id } = await queue.put('mail', { to: 'a' })
  const other = await queue.put('mail', { to: 'b' }, { ttl: '2h' })
  await queue.clock.advance('1h')
  assert.equal(await queue.get(id), undefined)
  assert.equal((await queue.get(other.id))?.state, 'ready')
})

test('a group is worked in the order of its puts, one at a time, also over failures', async (t) => {
  const queue = openTest(t, jobs)
  const told: string[] = []
  const put = (n: number, group: string) => queue.put('bare', { n }, { group, retries: 1, backoff: '1m' })
  for (const n of [1, 2, 3]) await put(n, 'a')
  await put(4, 'b')
  let running = 0
  queue.work({
    bare: async ({ args, group }, { attempt }) => {
      if (group === 'a') assert.equal(++running, 1)
      await Promise.resolve()
      if (group === 'a') running--
      told.push(`${group}${args.n}`)
      if (args.n === 1 && attempt === 1) throw new Error('no')
    },
  })
  await queue.settled()
  assert.deepEqual(told, ['a1', 'b4'], 'its group waits for the one that failed')
  await queue.clock.advance('2m')
  assert.deepEqual(told, ['a1', 'b4', 'a1', 'a2', 'a3'])
})

test('options that cannot be are refused, and nothing is put', async (t) => {
  const queue = openTest(t, jobs)
  const wrong: [object, RegExp][] = [
    [{ delay: '10 minutes' }, /delay is "10 minutes"/],
    [{ delay: new Date(NaN) }, /delay is Invalid Date; give a valid Date/],
    [{ priority: 2 ** 32 }, /priority is 4294967296/],
    [{ priority: 1.5 }, /priority is 1.5/],
    [{ ttl: -1 }, /ttl is -1/],
    [{ retries: -1 }, /retries is -1/],
    [{ maxStarts: '3' }, /maxStarts is "3"/],
    [{ timeout: 'soon' }, /timeout is "soon"/],
    [{ backoff: { first: '1s', factor: 0.5 } }, /backoff.factor is 0.5/],
    [{ backoff: { first: '1s', jitter: 2 } }, /backoff.jitter is 2/],
    [{ group: '' }, /group is ""/],
    [{ group: 'a\ud83d' }, /group is "a\\ud83d", with half a character/],
    [{ unique: { key: 'a\ud83d' } }, /unique.key is "a\\ud83d", with half a character/],
    [{ unique: { key: '' } }, /unique.key is ""/],
    [{ unique: { key: 'k', for: 'ever' } }, /unique.for is "ever"/],
    [{ unique: { key: 'k', onDuplicate: 'merge' } }, /unique.onDuplicate is 'merge'/],
  ]
  for (const [options, message] of wrong)
    await assert.rejects(
      queue.put('bare', { n: 1 }, options),
      (error) => error instanceof InvalidArgumentError && message.test(error.message),
    )
  assert.deepEqual(queue.puts(), [])
})

test('definitions that cannot be are refused', () => {
  const wrong: [Jobs, RegExp][] = [
    [{ 'a b': job() }, /'a b' can't be a queue's name/],
    [{ '': job() }, /A job's name is ''/],
    [{ a: job({ queue: '-a' }) }, /'-a' can't be a queue's name/],
    [{ a: job({ aliases: ['b'] }), b: job() }, /Two jobs have the name 'b'/],
    [{ a: job({ retries: 1.5 }) }, /retries of 'a' is 1.5/],
    [{ a: job({ timeout: '1 hour' as never }) }, /timeout of 'a' is "1 hour"/],
    [{ a: job({ backoff: { first: -1 } }) }, /backoff of 'a'.first is -1/],
    [{ a: job({ keepResult: 'x' as never }) }, /keepResult of 'a' is "x"/],
  ]
  for (const [definitions, message] of wrong) assert.throws(() => defineJobs(definitions), message)
  defineJobs({ 'a b': job({ queue: 'ab' }) })
})

test('middleware around a put changes it, keeps it out, and stands around each of a batch', async (t) => {
  const seen: string[] = []
  const queue = openTest(t, jobs, {
    use: [
      async (put, next) => {
        seen.push(put.name)
        const answer = await next({ ...put, options: { ...put.options, group: 'all' } })
        seen.push(answer.id)
        return answer
      },
      async (put, next) => ((put.args as { n: number }).n < 0 ? Promise.reject(new Error('negative')) : next(put)),
    ],
  })
  await queue.put('bare', { n: 1 })
  assert.equal(queue.puts()[0]?.group, 'all')
  await assert.rejects(queue.put('bare', { n: -1 }), /negative/)
  await assert.rejects(queue.putMany('bare', [{ n: 2 }, { n: -2 }, { n: 3 }]), /negative/)
  assert.equal(queue.puts().length, 1, 'one that is kept out keeps all out')
  seen.length = 0
  const put = await queue.putMany('bare', [{ n: 2 }, { n: 3 }])
  assert.deepEqual(seen, ['bare', 'bare', ...put.map((one) => one.id)])
  assert.deepEqual(
    queue.puts().map(({ group }) => group),
    ['all', 'all', 'all'],
  )
  assert.deepEqual(
    put.map((one) => one.id),
    queue
      .puts()
      .slice(1)
      .map((one) => one.id),
  )
})

test('of a batch, what its middleware ends by itself leaves the others; when one fails, all the others hear of it', async (t) => {
  const failed: [number, string][] = []
  const queue = openTest(t, jobs, {
    use: [
      async (put, next) => {
        const { n } = put.args as { n: number }
        if (n === 0) return { id: 'none', duplicate: true, replaced: false, result: () => Promise.resolve() }
        if (n < 0) throw new Error('negative')
        return next(put).catch((error: Error) => {
          failed.push([n, error.message])
          throw error
        })
      },
    ],
  })
  const put = await queue.putMany('bare', [{ n: 1 }, { n: 0 }, { n: 2 }])
  assert.deepEqual(
    put.map(({ id }) => id),
    ['1', 'none', '2'],
  )
  assert.deepEqual(
    queue.puts().map(({ args }) => args),
    [{ n: 1 }, { n: 2 }],
  )
  await assert.rejects(queue.putMany('bare', [{ n: 1 }, { n: -1 }, { n: 2 }]), /negative/)
  await queue.settled()
  assert.deepEqual(failed, [
    [1, 'negative'],
    [2, 'negative'],
  ])
  assert.equal(queue.puts().length, 2)
})

function policy(queue: unknown, name: string, value: object): Promise<unknown> {
  return workerNeeds(queue as JobQueue<Jobs>).transport.commit({
    ops: [{ do: 'record', key: `queue/default/${name}`, value }],
  })
}

const limit = (queue: unknown, name: string, maxJobs: number) => policy(queue, name, { maxJobs })

test('middleware that throws at once is a put that rejects', async (t) => {
  const queue = openTest(t, jobs, {
    use: [
      () => {
        throw new Error('not today')
      },
    ],
  })
  const put = queue.put('bare', { n: 1 })
  await assert.rejects(put, /not today/)
  await assert.rejects(queue.putMany('bare', [{ n: 1 }]), /not today/)
})
