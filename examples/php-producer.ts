// A producer in PHP and a worker in TypeScript, on a beanstalkd server between them: ours, or a real one.
// Needs php with Pheanstalk, and a server: npm start. Usage: node examples/php-producer.ts [PORT]
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { defineJobs, job, open } from '../src/index.ts'

const jobs = defineJobs({ sendMail: job<{ mail_type: string; mail_to: string }>() })
const port = process.argv[2] ?? '11300'
const queue = await open(`beanstalkd://127.0.0.1:${port}`, { jobs })

const { stdout } = await promisify(execFile)('php', [join(import.meta.dirname, 'producer.php'), port])
console.log(stdout.trim())

queue.work({
  sendMail({ args }) {
    console.log(`typescript: a ${args.mail_type} mail to ${args.mail_to}`)
  },
})
await queue.drained('sendMail')
await queue.close()

// Prints:
// php: put 1
// typescript: a welcome mail to ada@example.com
