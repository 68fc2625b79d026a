// A job whose attempts are used up is set aside with its errors; somebody looks at it, mends the cause, and sends it back to work.
// In your own program: import { ... } from 'queueup'
import { defineJobs, job, open } from '../src/index.ts'

const jobs = defineJobs({ charge: job<{ order: number }>({ retries: 2, backoff: '1ms' }) })
const queue = await open('file:jobs.db', { jobs })

let bank = 'closed'
const worker = queue.work({
  charge({ args }, { log }) {
    log(`the bank is ${bank}`)
    if (bank === 'closed') throw new Error('the bank is closed')
    console.log(`order ${args.order} is paid`)
  },
})
const dead = new Promise((resolve) => queue.on('dead', resolve))
const { id } = await queue.put('charge', { order: 7 })
await dead

// The same: queueup job 1; and of all: queueup dead list
const found = await queue.get(id)
console.log(
  `job ${id} was set aside: ${found?.error}; ${found?.attempts.length} attempts, ${found?.logs.length} lines of log`,
)

// The same: queueup retry 1, or by the hundred and slowly: queueup dead redrive --queue charge --rate 10
bank = 'open'
const retried = await queue.retryAll({ queue: 'charge', match: '"order":7' })
await queue.drained('charge')
console.log(`retried ${retried}`)
await worker.stop()
await queue.close()

// Prints:
// job 1 was set aside: Error: the bank is closed; 3 attempts, 3 lines of log
// order 7 is paid
// retried 1
