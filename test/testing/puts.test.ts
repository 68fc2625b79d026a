import assert, { AssertionError } from 'node:assert/strict'
import { test } from 'node:test'
import { TimedOutError } from '../../src/index.ts'
import { testQueue } from '../../src/testing/index.ts'
import { handlers, jobs, welcome } from './mail.ts'

test('assertPut and refutePut look at all that was put, also what is done', async () => {
  const queue = testQueue(jobs)
  await queue.put('sendMail', welcome('ada'), { delay: '1h', group: 'user:1', priority: 7 })
  await queue.put('count', { to: 0 }, { unique: { key: 'k' } })
  await queue.put('count', { to: 0 }, { unique: { key: 'k' } })
  await queue.drain(handlers)

  const [record] = queue.assertPut('sendMail', { mail_to: 'ada' }, { group: 'user:1', times: 1 })
  assert.deepEqual(record, {
    id: '1',
    name: 'sendMail',
    queue: 'sendMail',
    args: welcome('ada'),
    putAt: new Date('2026-01-01T00:00:00Z'),
    dueAt: new Date('2026-01-01T01:00:00Z'),
    priority: 7,
    group: 'user:1',
    duplicate: false,
  })
  queue.assertPut('sendMail', ({ mail_to }) => mail_to.length === 3)
  queue.assertPut('count', { to: 0 }, { times: 1 })
  queue.refutePut('sendMail', { mail_to: 'bob' })
  queue.refutePut('nightly')
  assert.deepEqual(
    queue.puts('count').map((put) => put.duplicate),
    [false, true],
  )
  assert.throws(() => queue.assertPut('sendMail', { mail_to: 'bob' }), {
    name: 'AssertionError',
    message:
      `'sendMail' with {"mail_to":"bob"} was put never, expected: at least once. Puts of 'sendMail':\n` +
      '  {"mail_type":"welcome","mail_to":"ada"}',
  })
  assert.throws(() => queue.assertPut('sendMail', {}, { times: 2 }), /was put once, expected: 2 times/)
  assert.throws(() => queue.refutePut('sendMail'), AssertionError)
  queue.forgetPuts()
  queue.refutePut('sendMail')
  await queue.close()
})

test('a put that is refused was not put', async () => {
  const queue = testQueue(jobs)
  await assert.rejects(queue.putMany('count', [{ to: 1 }, { to: 2 }], { priority: -1 }))
  queue.refutePut('count')
  await queue.close()
})

test('waitFor: what has happened, and what will; a time-out says what was seen', async () => {
  const queue = testQueue(jobs)
  queue.work(handlers)
  await queue.put('sendMail', welcome('ada'))
  const { result, state } = await queue.waitFor('sendMail', { mail_to: 'ada' })
  assert.deepEqual([result, state], [{ messageId: '1' }, 'done'])
  assert.equal((await queue.waitFor('sendMail', undefined, 'started')).attempt, 1)

  await queue.put('sendMail', welcome('down'))
  const { at } = await queue.waitFor('sendMail', { mail_to: 'down' }, 'retried')
  assert.deepEqual(at, new Date('2026-01-01T00:00:10Z'))
  const dead = queue.waitFor('sendMail', { mail_to: 'down' }, 'dead')
  await queue.clock.advance('40s')
  assert.match(String((await dead).error), /connection refused/)

  await assert.rejects(queue.waitFor('sendMail', { mail_to: 'nobody' }, 'done', { timeout: 1 }), (error) => {
    assert.ok(error instanceof TimedOutError)
    assert.match(error.message, /Seen: 1 put, 1 started, 1 done/)
    return true
  })
  await queue.close()
})

test('waitFor: by the arguments that the job has, whatever was put since, forgotten or changed', async () => {
  const queue = testQueue(jobs)
  const unique = { key: 'k' }
  const { id } = await queue.put('count', { to: 1 }, { unique })
  await queue.put('count', { to: 2 }, { unique })
  queue.forgetPuts()
  const wait = (to: number) => queue.waitFor('count', { to }, 'put', { timeout: 1 })
  assert.equal((await wait(1)).id, id)
  await assert.rejects(wait(2), TimedOutError, 'the duplicate changed nothing')
  await queue.put('count', { to: 3 }, { unique: { ...unique, onDuplicate: 'replace' } })
  assert.equal((await wait(3)).id, id)
  await queue.update(id, { args: { to: 4 } })
  assert.equal((await wait(4)).id, id)
  await assert.rejects(wait(3), TimedOutError)
  await queue.close()
})
