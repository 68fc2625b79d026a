/** A process that puts and works jobs of a file when its parent says so, and looks for none that it isn't told of: node follow-child.ts FILE */
import { createBroker } from '../../src/broker/store-broker.ts'
import { defineJobs, job, openStore } from '../../src/index.ts'
import { JobQueue } from '../../src/jobs/queue.ts'
import { BrokerTransport } from '../../src/transports/broker.ts'

const jobs = defineJobs({ greet: job<{ name: string }>() })
const store = await openStore(`file:${process.argv[2]}`)
const transport = new BrokerTransport(createBroker({ store, slowPoll: false }), store, 'file:')
const queue = new JobQueue({ transport, jobs })
process.send?.('ready')

process.on('message', (order) => void obey(order as string))

async function obey(order: string): Promise<void> {
  if (order === 'put') process.send?.({ put: (await queue.put('greet', { name: 'Ada' })).id })
  else if (order === 'work') queue.work({ greet: ({ args }, ctx) => (ctx.progress(0.5), args.name) })
  else {
    await queue.close()
    process.disconnect()
  }
}
