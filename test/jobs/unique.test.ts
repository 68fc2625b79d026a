import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defineJobs, Discard, job, type PutJob, type UniqueOptions } from '../../src/index.ts'
import type { TestQueue } from '../../src/testing/index.ts'
import { root } from '../docs/pages.ts'
import { fired, openTest } from './open.ts'

const jobs = defineJobs({ index: job<{ page: string }>(), report: job() })
type Queue = TestQueue<typeof jobs>
const page = readFileSync(join(root, 'docs/jobs/unique.md'), 'utf8')

/** The table of the documentation: [for, onDuplicate, waits, worked, set aside, gone]. */
const table = [...page.matchAll(/^\| `(waiting|unfinished|1h)` +\| `(\w+)` +\|(.*)\|$/gm)].map(
  ([, span, on, cells]) => [span, on, ...(cells ?? '').split('|').map((cell) => cell.trim())] as string[],
)

const put = (queue: Queue, text: string, unique: UniqueOptions) => queue.put('index', { page: text }, { unique })

/** Brings the first job of the key to where it is looked at. */
const first: ((queue: Queue, unique: UniqueOptions) => Promise<PutJob>)[] = [
  (queue, unique) => put(queue, 'first', unique),
  async (queue, unique) => {
    queue.work({ index: ({ args }, { signal }) => (args.page === 'first' ? fired(signal) : undefined) })
    const job = await put(queue, 'first', unique)
    await queue.settled()
    assert.equal((await queue.get(job.id))?.state, 'reserved')
    return job
  },
  async (queue, unique) => {
    const job = await put(queue, 'first', unique)
    await queue.drain({ index: () => Promise.reject(new Discard('no')) })
    assert.equal((await queue.get(job.id))?.state, 'buried')
    return job
  },
  async (queue, unique) => {
    const job = await put(queue, 'first', unique)
    await queue.drain({ index: () => undefined })
    return job
  },
]

/** What a second put did, in the words of the table. */
async function second(queue: Queue, before: PutJob, unique: UniqueOptions): Promise<string> {
  const { id, duplicate, replaced } = await put(queue, 'second', unique)
  if (duplicate || replaced) {
    assert.equal(id, before.id)
    assert.notEqual(duplicate, replaced)
    if (replaced) assert.deepEqual((await queue.get(id))?.args, { page: 'second' })
    return duplicate ? 'duplicate' : 'replaced'
  }
  assert.notEqual(id, before.id)
  const { state } = (await queue.get(id)) ?? {}
  await queue.settled()
  const cancelled = (await queue.get(before.id)) === undefined && state === 'waiting'
  return `${cancelled ? 'cancelled, ' : ''}${state === 'waiting' ? 'successor' : 'new'}`
}

test('the table has nine rows of four cases', () => {
  assert.deepEqual(
    table.map((row) => row.length),
    Array.from({ length: 9 }, () => 6),
  )
})

for (const [span, on, ...cases] of table)
  test(`for: ${span}, onDuplicate: ${on}: ${cases.join(' / ')}`, async (t) => {
    const unique = { key: 'k', for: span, onDuplicate: on } as UniqueOptions
    for (const [i, expected] of cases.entries()) {
      const queue = openTest(t, jobs)
      const before = await (first[i] as (typeof first)[0])(queue, unique)
      assert.equal(await second(queue, before, unique), expected)
    }
  })

test('an hour later, its hour is over', async (t) => {
  for (const onDuplicate of ['keep', 'replace', 'supersede'] as const)
    for (const begin of first) {
      const queue = openTest(t, jobs)
      const unique: UniqueOptions = { key: 'k', for: '1h', onDuplicate }
      const before = await begin(queue, unique)
      await queue.clock.advance('1h')
      assert.equal(await second(queue, before, unique), 'new')
    }
})

test('a successor begins when the first has ended, and a third put replaces it', async (t) => {
  const queue = openTest(t, jobs)
  const unique: UniqueOptions = { key: 'k', onDuplicate: 'replace' }
  const finish = Promise.withResolvers<void>()
  const worked: string[] = []
  queue.work({ index: ({ args }) => (worked.push(args.page), args.page === 'first' ? finish.promise : undefined) })
  await put(queue, 'first', unique)
  await queue.settled()
  const next = await put(queue, 'second', unique)
  const third = await put(queue, 'third', unique)
  assert.deepEqual([third.id, third.replaced], [next.id, true])
  assert.match((await queue.why(next.id)) ?? '', /Job 1, whose unique key it has, must end first/)
  finish.resolve()
  await queue.settled()
  assert.deepEqual(worked, ['first', 'third'])
})

test('a job that is tried again keeps the key of one that is unfinished, and has lost that of one that waits', async (t) => {
  for (const [span, duplicate] of [
    ['unfinished', true],
    ['waiting', false],
  ] as const) {
    const queue = openTest(t, jobs)
    await put(queue, 'first', { key: 'k', for: span })
    await queue.drain({ index: () => Promise.reject(new Error('no')) })
    assert.equal((await put(queue, 'second', { key: 'k', for: span })).duplicate, duplicate)
  }
})

test('debounce: one job, a while after the last put, with the last arguments', async (t) => {
  const queue = openTest(t, jobs)
  const worked: string[] = []
  queue.work({ index: ({ args }) => worked.push(args.page) })
  for (const text of ['a', 'b', 'c']) {
    await queue.put('index', { page: text }, { delay: '5s', unique: { key: 'k', onDuplicate: 'replace' } })
    await queue.clock.advance('4s')
  }
  assert.deepEqual(worked, [])
  await queue.clock.advance('1s')
  assert.deepEqual(worked, ['c'])
})

test('throttle: at most one in so long', async (t) => {
  const queue = openTest(t, jobs)
  let worked = 0
  queue.work({ report: () => void worked++ })
  for (let second = 0; second < 180; second += 10) {
    await queue.put('report', undefined, { unique: { key: 'report', for: '1m' } })
    await queue.clock.advance('10s')
  }
  assert.equal(worked, 3)
})

test('keys of one batch hold among themselves', async (t) => {
  const queue = openTest(t, jobs)
  const answers = await queue.putMany('index', [{ page: 'a' }, { page: 'b' }], { unique: { key: 'k' } })
  assert.deepEqual(
    answers.map(({ id, duplicate }) => [id === answers[0]?.id, duplicate]),
    [
      [true, false],
      [true, true],
    ],
  )
})
