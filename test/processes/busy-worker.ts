/** One of many processes on a file: puts and reserves without end, and tells how it goes when asked. node busy-worker.ts FILE */
import { createBroker } from '../../src/broker/store-broker.ts'
import type { Queue } from '../../src/job.ts'
import { openStore } from '../../src/registry.ts'

const queue: Queue = 'default/busy'
const broker = createBroker({ store: await openStore(`file:${process.argv[2] ?? ''}`) })
const errors: string[] = []
let puts = 0
let finished = 0
let longest = 0
let paused: (() => void) | undefined
let resume: Promise<void> | undefined

process.on('message', (word) => {
  if (word === 'pause') {
    resume = new Promise((go) => (paused = go))
    // Whatever is in flight is answered before the parent stops us.
    setTimeout(() => process.send?.({ paused: true }), 200)
  } else if (word === 'resume') paused?.()
  else if (word === 'count') process.send?.({ puts, finished, errors, longest })
  else void broker.close().then(() => process.disconnect())
})
process.send?.({ ready: true })
for (let i = 0; i < 4; i++) void work()

async function work(): Promise<void> {
  const session = broker.session({ protocol: 'test', tenant: 'default', principal: 'test' })
  for (;;) {
    resume = resume && (await resume, undefined)
    const began = performance.now()
    try {
      await session.commit({ ops: [{ do: 'put', to: [{ queue, create: true }], msg: { body: Buffer.from('x') } }] })
      longest = Math.max(longest, performance.now() - began)
      puts++
      const [taken] = await session.commit({
        ops: [{ do: 'reserve', from: [queue], max: 1, bytes: 1e9, lease: { ms: 'own', session: session.id } }],
        unsynced: true,
      })
      if (!taken?.ok || taken.do !== 'reserve') continue
      const ops = taken.jobs.map(({ id, n }) => ({ do: 'finish' as const, job: { id, n } }))
      for (const result of await session.commit({ ops })) if (result.ok) finished++
    } catch (error) {
      errors.push((error as Error).message)
      return
    }
  }
}
