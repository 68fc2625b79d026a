// Two processes share one file: this one puts, the other one works. Neither is a server, and neither polls.
// In your own program: import { ... } from 'queueup'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { defineJobs, job, open } from '../src/index.ts'

const jobs = defineJobs({ add: job<{ a: number; b: number }, number>({ result: true }) })
const queue = await open('file:jobs.db', { jobs })

if (process.argv[2] === 'worker') {
  const worker = queue.work({ add: ({ args }) => args.a + args.b }, { stopOn: ['SIGTERM'] })
  await worker.done
  await queue.close()
} else {
  const worker = fork(import.meta.filename, ['worker'])
  // The job may be there before the worker is.
  const sum = await queue.put('add', { a: 2, b: 40 })
  console.log(`the other process says ${await sum.result({ timeout: '20s' })}`)
  worker.kill('SIGTERM')
  await once(worker, 'exit')
  await queue.close()
}

// Prints:
// the other process says 42
