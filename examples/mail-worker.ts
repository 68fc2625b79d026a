// A mail worker: the application hands a mail off and goes on; a worker sends it, and tries again when that fails.
// In your own program: import { ... } from 'queueup'
import { defineJobs, Discard, job, open } from '../src/index.ts'

// Once, in a file of its own, for whoever puts jobs and whoever works them. The job says which mail, not what is in it.
const jobs = defineJobs({
  sendMail: job<{ mail_type: 'welcome' | 'bill'; mail_to: string }>({ queue: 'mail', backoff: '10ms', timeout: '30s' }),
})

const queue = await open('file:jobs.db', { jobs })

// When this resolves, the job is on disk. Its body is {"job":"sendMail","args":{"mail_type":"welcome","mail_to":"nobody"}}.
await queue.put('sendMail', { mail_type: 'welcome', mail_to: 'nobody' })
await queue.put('sendMail', { mail_type: 'welcome', mail_to: 'ada@example.com' })

const worker = queue.work(
  {
    async sendMail({ args }, { attempt, signal }) {
      if (!args.mail_to.includes('@')) throw new Discard(`'${args.mail_to}' is no address`)
      await send(`Hello ${args.mail_to}!`, attempt, signal)
    },
  },
  { concurrency: 1 },
)
queue.on('failed', ({ id, attempt, error }) => console.log(`job ${id}, attempt ${attempt}: ${String(error)}`))

await queue.drained('mail')
await worker.stop()
await queue.close()

/** Stands for a mail server that has a bad moment. */
function send(text: string, attempt: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (attempt === 1) return Promise.reject(new Error('421 try again later'))
  console.log(text)
  return Promise.resolve()
}

// Prints:
// job 1, attempt 1: Discard: 'nobody' is no address
// job 2, attempt 1: Error: 421 try again later
// Hello ada@example.com!
