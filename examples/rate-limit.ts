// At most so many at a time, and so many begun in a span of time, over all processes that share the store.
// In your own program: import { ... } from 'queueup'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineJobs, job, open } from '../src/index.ts'

const jobs = defineJobs({
  sendMail: job<{ customer: string; mail_to: string }>({
    limits: [
      // The mail server takes 3 in half a second.
      { name: 'mail-server', rate: [3, '500ms'] },
      // And one customer gets no more than one of our slots.
      { name: 'customer', concurrency: 1, key: (args: { customer: string }) => args.customer },
    ],
  }),
})
const queue = await open('file:jobs.db', { jobs })
await queue.putMany(
  'sendMail',
  ['ada', 'ada', 'ada', 'eve', 'eve', 'bob'].map((customer) => ({ customer, mail_to: `${customer}@example.com` })),
)

const begun: number[] = []
const start = performance.now()
const running = new Map<string, number>()
let most = 0
queue.work(
  {
    async sendMail({ args: { customer } }) {
      begun.push(performance.now() - start)
      running.set(customer, (running.get(customer) ?? 0) + 1)
      most = Math.max(most, ...running.values())
      await sleep(20)
      running.set(customer, (running.get(customer) ?? 0) - 1)
    },
  },
  { concurrency: 10 },
)
await queue.drained('sendMail')
await queue.close()

const [, , , fourth = 0] = begun
console.log(`${begun.length} mails; the fourth waited for the next half second: ${fourth > 490}`)
console.log(`at most ${most} at a time for one customer`)

// Prints:
// 6 mails; the fourth waited for the next half second: true
// at most 1 at a time for one customer
