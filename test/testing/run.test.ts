import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Discard, TimedOutError, ValidationError, type StandardSchema } from '../../src/index.ts'
import { defineJobs, job } from '../../src/index.ts'
import { testQueue } from '../../src/testing/index.ts'
import { handlers, jobs, welcome } from './mail.ts'

test('answers the result, the lines and each progress; what it puts is put', async () => {
  const queue = testQueue(jobs)
  const ran = await queue.run(handlers, 'sendMail', welcome('ada'), { attempt: 3 })
  assert.deepEqual(ran, { result: { messageId: '1' }, logs: ['attempt 3 at ada'], progress: [0.5, 1] })
  queue.assertPut('count', { to: 0 })
  queue.refutePut('sendMail')
  assert.deepEqual(
    (await queue.counts()).map(({ queue, ready }) => [queue, ready]),
    [['count', 1]],
  )
  await queue.close()
})

test('rejects with what the handler threw, and whoever runs it may abort it', async () => {
  const queue = testQueue(jobs)
  await assert.rejects(queue.run(handlers, 'sendMail', welcome('gone')), Discard)
  await assert.rejects(queue.run(handlers, 'sendMail', welcome('busy')), { name: 'RetryLater' })
  const stop = new AbortController()
  const waits = {
    nightly: (_job: unknown, { signal }: { signal: AbortSignal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  }
  const ran = queue.run(waits, 'nightly', undefined, { signal: stop.signal })
  await queue.settled()
  stop.abort(new Error('enough'))
  await assert.rejects(ran, /enough/)

  const looks = { nightly: (_job: unknown, { signal }: { signal: AbortSignal }) => signal.throwIfAborted() }
  const before = queue.run(looks, 'nightly', undefined, { signal: AbortSignal.abort(new Error('before')) })
  await assert.rejects(before, /before/)

  const late = assert.rejects(queue.run(waits, 'nightly', undefined, { timeout: '5s' }), TimedOutError)
  await queue.clock.advance('5s')
  await late
  await queue.close()
})

test('validates arguments and the result', async () => {
  const positive: StandardSchema<number, number> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) =>
        (value as number) > 0 ? { value: value as number } : { issues: [{ message: 'not above 0' }] },
    },
  }
  const queue = testQueue(defineJobs({ half: job(positive, { result: positive }) }))
  const half = { half: ({ args }: { args: number }) => Math.floor(args / 2) }
  assert.equal((await queue.run(half, 'half', 4)).result, 2)
  await assert.rejects(queue.run(half, 'half', 0), ValidationError)
  await assert.rejects(queue.run(half, 'half', 1), /not above 0/)
  await queue.close()
})
