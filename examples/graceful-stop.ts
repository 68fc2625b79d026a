// A worker that is told to stop finishes what it can, and gives back what it can't: a deploy loses nothing and fails nothing.
// In your own program: import { ... } from 'queueup'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineJobs, job, open } from '../src/index.ts'

const jobs = defineJobs({ work: job<{ ms: number }>() })
const queue = await open('file:jobs.db', { jobs })

if (process.argv[2] === 'worker') {
  const worker = queue.work(
    {
      async work({ args }, { signal }) {
        process.send?.('begun')
        await sleep(args.ms, undefined, { signal })
      },
    },
    // Give it a little less than what your platform waits before it kills: Kubernetes 30 s, Docker 10 s.
    { stopOn: ['SIGTERM', 'SIGINT'], stopWithin: '500ms' },
  )
  await worker.done
  await queue.close()
  process.disconnect()
} else {
  const [short, long] = await queue.putMany('work', [{ ms: 200 }, { ms: 600_000 }])
  const worker = fork(import.meta.filename, ['worker'])
  for (let begun = 0; begun < 2; begun++) await once(worker, 'message')
  worker.kill('SIGTERM')
  const [code] = (await once(worker, 'exit')) as [number | null]
  console.log(`the worker ended with ${code}`)

  const first = await queue.get(short?.id ?? '')
  const second = await queue.get(long?.id ?? '')
  console.log(`the short one is ${first ? first.state : 'done'}`)
  console.log(`the long one is ${second?.state}, failed ${second?.failures} times`)
  await queue.close()
}

// Prints:
// the worker ended with 0
// the short one is done
// the long one is ready, failed 0 times
