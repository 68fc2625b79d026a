/** A worker in a process of its own, whose handler blocks the thread: node blocked-child.ts URL */
import { open } from '../../src/index.ts'
import { jobs } from './blocked-jobs.ts'

const queue = await open(process.argv[2] as string, { jobs })
for (const event of ['done', 'lost', 'failed', 'retried'] as const)
  queue.on(event, ({ id }) => process.send?.({ id, event }))
queue.on('error', ({ error }) => process.send?.({ event: String(error) }))
queue.work(
  {
    spin: async ({ id, args }) => {
      // Sent before the thread is blocked.
      await new Promise((resolve) => process.send?.({ id, event: 'begun' }, resolve))
      const end = performance.now() + args.ms
      while (performance.now() < end);
    },
  },
  { concurrency: 1 },
)
process.send?.({ event: 'works' })
