/** A process of its own that works, or waits, on a file: node process-child.ts FILE work|result|drained [ID] */
import { once } from 'node:events'
import { open } from '../../src/index.ts'
import { fired } from './open.ts'
import { jobs } from './process-jobs.ts'

const [, , file, mode, id = ''] = process.argv
const queue = await open(`file:${file}`, { jobs })
if (mode === 'work') {
  const worker = queue.work(
    {
      exit: () => process.exit(7),
      wait: async ({ args }, { signal, progress }) => {
        progress('waits')
        process.send?.({ begun: args.n })
        const reason = await fired(signal)
        // As a wrapper that passes on what the terminal has sent to both.
        if (args.n === 2) process.kill(process.pid, 'SIGTERM')
        process.send?.({ signal: reason.name })
        if (args.n === 2) await once(process, 'message')
        throw reason
      },
      add: ({ args }) => args.a + args.b,
    },
    { stopOn: ['SIGTERM'], stopWithin: 0 },
  )
  process.send?.('works')
  await worker.done
  await queue.close()
  process.disconnect()
} else {
  // Nothing but the waiting keeps this process alive.
  process.channel?.unref()
  process.send?.('waits')
  const answer = mode === 'result' ? await queue.result(id) : await queue.drained('add')
  await queue.close()
  process.send?.({ answer: answer ?? 'drained' })
}
