// Tests with the real queue, on a clock that the test moves: nothing sleeps, and nothing is mocked. Under node:test or vitest each part is a test.
// In your own program: import { testQueue } from 'queueup/testing'
import assert from 'node:assert/strict'
import { defineJobs, job, type Handlers } from '../src/index.ts'
import { testQueue } from '../src/testing/index.ts'

const jobs = defineJobs({
  register: job<{ name: string }>(),
  sendMail: job<{ mail_to: string }>({ retries: 3, backoff: '10m' }),
})
let server = 'down'
const handlers: Handlers<typeof jobs> = {
  register: ({ args }, { put }) => put('sendMail', { mail_to: `${args.name}@example.com` }, { delay: '1h' }),
  sendMail() {
    if (server === 'down') throw new Error('421 try again later')
  },
}

const queue = testQueue(jobs)

await queue.put('register', { name: 'ada' })
assert.equal((await queue.drain(handlers)).done, 1)
queue.assertPut('sendMail', { mail_to: 'ada@example.com' })
console.log('a mail was put, for later')

await queue.clock.advance('1h')
assert.equal((await queue.drain(handlers)).retried, 1)
server = 'up'
assert.equal((await queue.drain(handlers)).done, 0)
await queue.clock.advance('10m')
assert.equal((await queue.drain(handlers)).done, 1)
console.log('an hour later it failed once, and was sent after ten more minutes')

// One handler alone: its result, what it logged, what it put.
await queue.run(handlers, 'sendMail', { mail_to: 'eve@example.com' }, { attempt: 2 })
await queue.close()

// Prints:
// a mail was put, for later
// an hour later it failed once, and was sent after ten more minutes
