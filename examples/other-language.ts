// A producer in Python, a worker in TypeScript: the program serves its queue to beanstalkd's clients of any language.
// Needs python3. In your own program: import { ... } from 'queueup'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { defineJobs, job, open } from '../src/index.ts'

const jobs = defineJobs({ sendMail: job<{ mail_type: string; mail_to: string }>() })
const queue = await open('file:jobs.db', { jobs })

// Port 0 takes a free one; beanstalkd's own is 11300. A server of its own: queueup serve --store file:jobs.db
const { beanstalkd = '' } = await queue.listen({ beanstalkd: '127.0.0.1:0' })
const [, port = ''] = beanstalkd.split(':')

const { stdout } = await promisify(execFile)('python3', [join(import.meta.dirname, 'producer.py'), port])
console.log(stdout.trim())

queue.work({
  sendMail({ args }) {
    console.log(`typescript: a ${args.mail_type} mail to ${args.mail_to}`)
  },
})
await queue.drained('sendMail')
await queue.close()

// Prints:
// python: INSERTED 1
// typescript: a welcome mail to ada@example.com
