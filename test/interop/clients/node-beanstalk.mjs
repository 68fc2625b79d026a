// A worker's day with node-beanstalk. usage: node node-beanstalk.mjs PORT
import { setTimeout } from 'node:timers/promises'
import { Client } from 'node-beanstalk'

const options = {
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  // Bytes as they are; its own limit out of the way, so that the server's is seen.
  serializer: { serialize: (data) => Buffer.from(data), deserialize: (data) => data },
  maxPayloadSize: 2 ** 20,
}
const client = new Client(options)
await client.connect()
await client.use('emails')

const show = (what, job) => console.log(`${what} ${job ? `${job.id} ${job.payload}` : 'nothing'}`)

console.log(`put ${(await client.put('hello', 60, 10)).id}`)
console.log(`put ${(await client.put('later', 60, 10, 100)).id}`)
await client.watch('emails')
await client.ignore('default')
console.log(`watched ${(await client.listTubesWatched()).join(' ')}`)
console.log(`tubes ${(await client.listTubes()).join(' ')}`)
show('peek-ready', await client.peekReady())
show('peek-delayed', await client.peekDelayed())
show('peek-buried', await client.peekBuried())

let job = await client.reserve()
show('reserve', job)
let stats = await client.statsJob(job.id)
console.log(`stats-job ${stats.state} pri=${stats.pri} ttr=${stats.ttr} reserves=${stats.reserves}`)
await client.touch(job.id)
await client.release(job.id, 5, 0)
job = await client.reserve()
show('reserve', job)
await client.bury(job.id, 7)
show('peek-buried', await client.peekBuried())
console.log(`kick ${await client.kick(10)}`)
job = await client.reserveWithTimeout(0)
show('reserve', job)
stats = await client.statsJob(job.id)
console.log(
  `stats-job pri=${stats.pri} reserves=${stats.reserves} releases=${stats.releases} buries=${stats.buries} kicks=${stats.kicks}`,
)
if (!(await client.reserveWithTimeout(0))) console.log('reserve timed out')
await client.delete(job.id)
await client.delete(2)
if (!(await client.delete(job.id))) console.log('delete not found')
stats = await client.statsTube('emails')
console.log(
  `stats-tube ${stats.name} ready=${stats['current-jobs-ready']} delayed=${stats['current-jobs-delayed']} total=${stats['total-jobs']}`,
)

console.log(`put ${(await client.put('slow', 1)).id}`)
show('reserve', await client.reserve())
await client.reserve().catch((error) => {
  if (error.code !== 'DEADLINE_SOON') throw error
  console.log('reserve deadline soon')
})
const other = new Client(options)
await other.connect()
await other.watch('emails')
// beanstalkd 1.12 may forget the deadline unless its connection says something.
while (!(job = await other.reserveWithTimeout(0))) {
  await client.listTubeUsed()
  await setTimeout(50)
}
console.log(`reserve ${job.id} ${job.payload} timeouts=${(await other.statsJob(job.id)).timeouts}`)
await other.delete(job.id)
await other.disconnect()

await client.pauseTube('emails', 100)
console.log(`put ${(await client.put('paused')).id}`)
if (!(await client.reserveWithTimeout(0))) console.log('reserve timed out')
await client.pauseTube('emails', 0)
job = await client.reserveWithTimeout(0)
show('reserve', job)
await client.delete(job.id)

const every = Buffer.from([...Array(256).keys(), 13, 10])
for (const body of [every, Buffer.alloc(0), Buffer.alloc(65535, 'x')]) {
  await client.put(body)
  job = await client.reserveWithTimeout(0)
  console.log(`bytes ${body === every ? every.equals(job.payload) : job.payload.length}`)
  await client.delete(job.id)
}
await client.put(Buffer.alloc(65536)).catch((error) => {
  if (error.code !== 'JOB_TOO_BIG') throw error
  console.log('put too big')
})
stats = await client.stats()
console.log(
  `stats ready=${stats['current-jobs-ready']} connections=${stats['current-connections']} max=${stats['max-job-size']} timeouts=${stats['job-timeouts']}`,
)
await client.disconnect()
