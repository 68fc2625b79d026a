import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Discard } from '../../src/index.ts'
import { testQueue } from '../../src/testing/index.ts'
import { handlers, jobs, welcome } from './mail.ts'

test('works what is due, and what that puts, in order; what is delayed comes when time has passed', async () => {
  const queue = testQueue(jobs)
  await queue.put('sendMail', welcome('ada'))
  await queue.put('count', { to: 2 }, { delay: '1h' })
  const first = await queue.drain(handlers)
  assert.deepEqual(
    first.outcomes.map(({ name, as, attempt, result }) => [name, as, attempt, result]),
    [
      ['sendMail', 'done', 1, { messageId: '1' }],
      ['count', 'done', 1, 0],
    ],
  )
  await queue.clock.advance('59m')
  assert.equal((await queue.drain(handlers)).done, 0)
  await queue.clock.advance('1m')
  assert.deepEqual(
    (await queue.drain(handlers)).outcomes.map((one) => one.result),
    [2, 1, 0],
  )
  await queue.close()
})

test('due: a retry waits for its time; now: it comes at once, until the job is dead', async () => {
  const queue = testQueue(jobs)
  await queue.put('sendMail', welcome('down'))
  const { retried, outcomes } = await queue.drain(handlers)
  assert.equal(retried, 1)
  assert.match(String(outcomes[0]?.error), /connection refused/)
  await queue.clock.advance('9s')
  assert.equal((await queue.drain(handlers)).outcomes.length, 0)
  await queue.clock.advance('1s')
  const rest = await queue.drain(handlers, { mode: 'now' })
  assert.deepEqual(
    rest.outcomes.map(({ as, attempt }) => [as, attempt]),
    [
      ['retried', 2],
      ['dead', 3],
    ],
  )
  assert.equal(rest.dead, 1)
  await queue.close()
})

test('now: what says itself that it comes later comes later', async () => {
  const queue = testQueue(jobs)
  await queue.put('sendMail', welcome('busy'))
  assert.deepEqual((await queue.drain(handlers, { mode: 'now' })).retried, 1)
  await queue.clock.advance('1m')
  assert.deepEqual((await queue.drain(handlers, { mode: 'now' })).outcomes[0]?.attempt, 1, 'it was not counted')
  await queue.close()
})

test("fail: rejects with the handler's own error, and what is behind it stays", async () => {
  const queue = testQueue(jobs)
  await queue.putAll([
    ['sendMail', welcome('gone')],
    ['sendMail', welcome('ada')],
  ])
  await assert.rejects(queue.drain(handlers, { mode: 'fail' }), (error) => {
    assert.ok(error instanceof Discard)
    return error.message === 'no such address'
  })
  assert.deepEqual((await queue.drain(handlers, { mode: 'fail' })).done, 2)
  await queue.close()
})

test('what is no message, and what nobody knows, is told of, and ends the drain', async () => {
  const queue = testQueue(jobs)
  await queue.put('count', { to: 0 })
  const seen: string[] = []
  queue.on('dead', ({ why }) => seen.push(why))
  const { outcomes } = await queue.drain({ sendMail: handlers.sendMail }, { queues: ['count'] })
  assert.deepEqual(
    outcomes.map(({ name, as }) => [name, as]),
    [['count', 'retried']],
    'it goes back for those who know it',
  )
  await queue.close()
})

test('a job that puts itself again and again ends the drain with an error', async () => {
  const queue = testQueue(jobs)
  await queue.put('count', { to: 1 })
  const again = {
    count: (_job: unknown, ctx: { put: (name: 'count', args: { to: number }) => unknown }) =>
      ctx.put('count', { to: 1 }) as never,
  }
  await assert.rejects(queue.drain(again, { limit: 20 }), /20 attempts, and there is still a job/)
  await queue.close()
})
