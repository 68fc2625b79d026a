// A job that fails twice is moved to a dead-letter queue, where somebody can look at it.
// In your own program: import { ... } from 'queueup'
import { createBroker, openStore, parsePolicy, type Reserved } from '../src/index.ts'

const store = await openStore('memory:')
const broker = createBroker({ store })
const session = broker.session({ protocol: 'example', tenant: 'default', principal: 'me' })

// The same as: queueup queue set mail max-failures=2 dead=mail.dead
const value = parsePolicy(['max-failures=2', 'dead=mail.dead'])
await session.commit({ ops: [{ do: 'record', key: 'queue/default/mail', value }] })
await session.commit({ ops: [{ do: 'put', to: [{ queue: 'default/mail' }], msg: { body: Buffer.from('to nobody') } }] })

for (;;) {
  const job = await next('default/mail', 'default/mail.dead')
  if (job.queue === 'default/mail.dead') {
    console.log(`dead after ${job.failures} failures: ${Buffer.from(job.body).toString()}`)
    break
  }
  console.log(`attempt ${job.reserves} failed`)
  await session.commit({ ops: [{ do: 'release', job: { id: job.id, n: job.n }, as: 'failed' }] })
}
await broker.close()

function next(...queues: Reserved['queue'][]): Promise<Reserved> {
  return new Promise((resolve, reject) => {
    session.line(
      { queues, credit: 1, once: true, wait: 5000, lease: { bound: true } },
      { jobs: ([job]) => job && resolve(job), end: (why, error) => reject(error ?? new Error(`no job: ${why}`)) },
    )
  })
}

// Prints:
// attempt 1 failed
// attempt 2 failed
// dead after 2 failures: to nobody
