// The server within your own program, and a client of it.
// In your own program: import { ... } from 'queueup'
import { BeanstalkdClient, BeanstalkdServer, createBroker, openStore } from '../src/index.ts'

const broker = createBroker({ store: await openStore('file:jobs.db', { durability: 'full' }) })
const server = new BeanstalkdServer({ broker, maxJobSize: 1_000_000 })
// Port 0 takes a free one; beanstalkd's own is 11300.
const address = await server.listen({ host: '127.0.0.1', port: 0 })

const client = await BeanstalkdClient.connect(address)
const { id } = await client.put('thumbnails', Buffer.from('cat.jpg'), { pri: 10, delay: 0, ttr: 120 })
console.log(`put job ${id}`)

await client.watch('thumbnails')
const job = await client.reserve(5)
console.log(`reserved job ${job?.id}: ${job?.body.toString()}`)
if (job) await client.delete(job.id)

client.close()
await server.close()
await broker.close()

// Prints:
// put job 1
// reserved job 1: cat.jpg
