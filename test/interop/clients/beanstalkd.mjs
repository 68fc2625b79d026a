// A worker's day with the package beanstalkd. usage: node beanstalkd.mjs PORT
import { setTimeout } from 'node:timers/promises'
import beanstalkd from 'beanstalkd'

const Beanstalkd = beanstalkd.default
const connect = () => new Beanstalkd('127.0.0.1', Number(process.argv[2])).connect()
const show = (what, [id, body]) => console.log(`${what} ${id} ${body}`)
const refused = (promise, text) =>
  promise.then(
    () => false,
    (error) => error.message.includes(text) || Promise.reject(error),
  )

const client = await connect()
await client.use('emails')

console.log(`put ${await client.put(10, 0, 60, 'hello')}`)
console.log(`put ${await client.put(10, 100, 60, 'later')}`)
await client.watch('emails')
await client.ignore('default')
console.log(`watched ${(await client.listTubesWatched()).join(' ')}`)
console.log(`tubes ${(await client.listTubes()).join(' ')}`)
show('peek-ready', await client.peekReady())
show('peek-delayed', await client.peekDelayed())
if (await refused(client.peekBuried(), 'NOT_FOUND')) console.log('peek-buried nothing')

let job = await client.reserve()
show('reserve', job)
let stats = await client.statsJob(job[0])
console.log(`stats-job ${stats.state} pri=${stats.pri} ttr=${stats.ttr} reserves=${stats.reserves}`)
await client.touch(job[0])
await client.release(job[0], 5, 0)
job = await client.reserve()
show('reserve', job)
await client.bury(job[0], 7)
show('peek-buried', await client.peekBuried())
await client.kickJob(job[0])
console.log('kick 1')
job = await client.reserveWithTimeout(0)
show('reserve', job)
stats = await client.statsJob(job[0])
console.log(
  `stats-job pri=${stats.pri} reserves=${stats.reserves} releases=${stats.releases} buries=${stats.buries} kicks=${stats.kicks}`,
)
if (await refused(client.reserveWithTimeout(0), 'TIMED_OUT')) console.log('reserve timed out')
await client.delete(job[0])
await client.delete(2)
if (await refused(client.delete(job[0]), 'NOT_FOUND')) console.log('delete not found')
stats = await client.statsTube('emails')
console.log(
  `stats-tube ${stats.name} ready=${stats['current-jobs-ready']} delayed=${stats['current-jobs-delayed']} total=${stats['total-jobs']}`,
)

console.log(`put ${await client.put(10, 0, 1, 'slow')}`)
show('reserve', await client.reserve())
if (await refused(client.reserve(), 'DEADLINE_SOON')) console.log('reserve deadline soon')
const other = await connect()
await other.watch('emails')
// beanstalkd 1.12 may forget the deadline unless its connection says something.
while (
  await refused(
    other.reserveWithTimeout(0).then((taken) => (job = taken)),
    'TIMED_OUT',
  )
) {
  await client.listTubeUsed()
  await setTimeout(50)
}
console.log(`reserve ${job[0]} ${job[1]} timeouts=${(await other.statsJob(job[0])).timeouts}`)
await other.delete(job[0])
await other.quit()

await client.pauseTube('emails', 100)
console.log(`put ${await client.put(10, 0, 60, 'paused')}`)
if (await refused(client.reserveWithTimeout(0), 'TIMED_OUT')) console.log('reserve timed out')
await client.pauseTube('emails', 0)
job = await client.reserveWithTimeout(0)
show('reserve', job)
await client.delete(job[0])

const every = Buffer.from([...Array(256).keys(), 13, 10])
for (const body of [every, Buffer.alloc(0), Buffer.alloc(65535, 'x')]) {
  await client.put(10, 0, 60, body)
  job = await client.reserveWithTimeout(0)
  console.log(`bytes ${body === every ? every.equals(job[1]) : job[1].length}`)
  await client.delete(job[0])
}
if (await refused(client.put(10, 0, 60, Buffer.alloc(65536)), 'JOB_TOO_BIG')) console.log('put too big')
stats = await client.stats()
console.log(
  `stats ready=${stats['current-jobs-ready']} connections=${stats['current-connections']} max=${stats['max-job-size']} timeouts=${stats['job-timeouts']}`,
)
await client.quit()
