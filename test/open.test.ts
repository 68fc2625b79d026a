import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { defineJobs, InvalidArgumentError, job, open } from '../src/index.ts'
import { ManualClock } from '../src/testing/clock.ts'

const jobs = defineJobs({ mail: job<{ to: string }>() })

test('definitions and middleware that cannot be are refused before a store is made', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'queueup-open-'))
  t.after(() => rm(folder, { recursive: true }))
  const url = `file:${join(folder, 'jobs.db')}`
  await assert.rejects(open(url, { jobs: { mail: 3 } as never }), InvalidArgumentError)
  await assert.rejects(open(url, { jobs, use: [3] as never }), InvalidArgumentError)
  assert.deepEqual(await readdir(folder), [])
})

test('what is to be for ever is written as a moment that can be read again, and said', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'queueup-open-'))
  t.after(() => rm(folder, { recursive: true }))
  const longest = Number.MAX_SAFE_INTEGER
  const jobs = defineJobs({ mail: job({ ttl: longest, keepResult: longest, result: true, backoff: longest }) })
  const queue = await open(`file:${join(folder, 'jobs.db')}`, { jobs })
  t.after(() => queue.close())
  const { id } = await queue.put('mail', undefined, { delay: longest })
  await queue.put('mail', undefined, { delay: longest, unique: { key: 'k', for: longest } })
  const failed = new Promise((resolve) => queue.on('retried', resolve))
  await queue.put('mail')
  queue.work({
    mail() {
      throw new Error('no')
    },
  })
  await failed
  const { jobs: found } = await queue.list({ queue: 'mail' })
  assert.deepEqual(
    found.map(({ state, dueAt }) => [state, Number.isNaN(dueAt?.getTime())]),
    [
      ['delayed', false],
      ['delayed', false],
      ['delayed', false],
    ],
  )
  assert.match((await queue.why(id)) ?? '', /^Delayed for another 36525000 d, until \+10\d{4}-/)
})

test('a clock that is given is that of the store, too: delays and leases follow it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'queueup-open-'))
  t.after(() => rm(folder, { recursive: true }))
  for (const url of ['memory:', `file:${join(folder, 'jobs.db')}`]) {
    const clock = new ManualClock()
    const queue = await open(url, { jobs, clock })
    const { id } = await queue.put('mail', { to: 'ada' }, { delay: '1h' })
    assert.equal((await queue.get(id))?.state, 'delayed')
    assert.equal((await queue.get(id))?.putAt.getTime(), clock.now())
    clock.move(3_600_000)
    const done = new Promise((resolve) => queue.on('done', resolve))
    const worker = queue.work({ mail: () => undefined })
    await done
    await worker.stop()
    await queue.close()
  }
})
