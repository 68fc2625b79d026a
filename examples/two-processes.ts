// Two processes share one file: this one puts, the other one works. Neither is a server.
// In your own program: import { ... } from 'queueup'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createBroker, openStore } from '../src/index.ts'

const broker = createBroker({ store: await openStore('file:jobs.db') })
const session = broker.session({ protocol: 'example', tenant: 'default', principal: 'me' })

if (process.argv[2] === 'worker') {
  session.line(
    { queues: ['default/mail'], credit: 1, once: true, lease: { bound: true } },
    {
      jobs([job]) {
        if (!job) return
        console.log(`the worker got: ${Buffer.from(job.body).toString()}`)
        const done = session.commit({ ops: [{ do: 'finish', job: { id: job.id, n: job.n } }] })
        void done.then(() => broker.close()).then(() => process.disconnect())
      },
      end: () => undefined,
    },
  )
  process.send?.('waiting')
} else {
  const worker = fork(import.meta.filename, ['worker'])
  const gone = once(worker, 'exit')
  await once(worker, 'message')
  // The worker learns of it at once: it needs no polling.
  await session.commit({
    ops: [{ do: 'put', to: [{ queue: 'default/mail', create: true }], msg: { body: Buffer.from('to Ada') } }],
  })
  await gone
  await broker.close()
}

// Prints:
// the worker got: to Ada
