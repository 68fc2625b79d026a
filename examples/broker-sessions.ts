// The layer below jobs: what lies in a queue is bytes, and a session of the broker puts, waits and finishes.
// In your own program: import { ... } from 'queueup'
import { createBroker, openStore, type Reserved } from '../src/index.ts'

const broker = createBroker({ store: await openStore('file:jobs.db') })
const session = broker.session({ protocol: 'example', tenant: 'default', principal: 'me' })

// When this resolves, both jobs are on disk: they survive kill -9 and a power cut.
await session.commit({
  ops: [
    { do: 'put', to: [{ queue: 'default/mail', create: true }], msg: { body: Buffer.from('to Ada') } },
    { do: 'put', to: [{ queue: 'default/mail', create: true, pri: 1 }], msg: { body: Buffer.from('to Grace, first') } },
  ],
})

const taken = new Promise<void>((resolve, reject) => {
  let left = 2
  const line = session.line(
    { queues: ['default/mail'], credit: 1, lease: { ms: 30_000, bound: true } },
    { jobs: (jobs) => void work(jobs).catch(reject), end: (_, error) => error && reject(error) },
  )
  async function work(jobs: Reserved[]): Promise<void> {
    for (const { id, n, body } of jobs) {
      console.log(`${id}: ${Buffer.from(body).toString()}`)
      // The job leaves. Without this it would come back when its lease is over.
      await session.commit({ ops: [{ do: 'finish', job: { id, n } }] })
      if (--left === 0) return resolve()
      line.credit(1)
    }
  }
})

await taken
await broker.close()

// Prints:
// 2: to Grace, first
// 1: to Ada
