// A worker's day with jackd. usage: node jackd.mjs PORT
import { setTimeout } from 'node:timers/promises'
import Jackd from 'jackd'

const at = { host: '127.0.0.1', port: Number(process.argv[2]) }
const client = new Jackd()
await client.connect(at)
await client.use('emails')

const show = (what, job) => console.log(`${what} ${job.id} ${job.payload}`)
const or = (promise, text) =>
  promise.catch((error) => (error.message.includes(text) ? undefined : Promise.reject(error)))
const list = (yaml) => [...yaml.matchAll(/^- (.*)$/gm)].map(([, name]) => name).join(' ')
const stat = (yaml, key) => new RegExp(`^${key}: (.*)$`, 'm').exec(yaml)[1].replaceAll('"', '')

console.log(`put ${await client.put('hello', { priority: 10, ttr: 60 })}`)
console.log(`put ${await client.put('later', { priority: 10, delay: 100, ttr: 60 })}`)
await client.watch('emails')
await client.ignore('default')
console.log(`watched ${list(await client.listTubesWatched())}`)
console.log(`tubes ${list(await client.listTubes())}`)
show('peek-ready', await client.peekReady())
show('peek-delayed', await client.peekDelayed())
if (!(await or(client.peekBuried(), 'NOT_FOUND'))) console.log('peek-buried nothing')

let job = await client.reserve()
show('reserve', job)
let stats = await client.statsJob(job.id)
console.log(
  `stats-job ${stat(stats, 'state')} pri=${stat(stats, 'pri')} ttr=${stat(stats, 'ttr')} reserves=${stat(stats, 'reserves')}`,
)
await client.touch(job.id)
await client.release(job.id, { priority: 5, delay: 0 })
job = await client.reserve()
show('reserve', job)
await client.bury(job.id, 7)
show('peek-buried', await client.peekBuried())
console.log(`kick ${await client.kick(10)}`)
job = await client.reserveWithTimeout(0)
show('reserve', job)
stats = await client.statsJob(job.id)
console.log(
  `stats-job ${['pri', 'reserves', 'releases', 'buries', 'kicks'].map((key) => `${key}=${stat(stats, key)}`).join(' ')}`,
)
if (!(await or(client.reserveWithTimeout(0), 'TIMED_OUT'))) console.log('reserve timed out')
await client.delete(job.id)
await client.delete('2')
if (
  !(await or(
    client.delete(job.id).then(() => true),
    'NOT_FOUND',
  ))
)
  console.log('delete not found')
stats = await client.statsTube('emails')
console.log(
  `stats-tube ${stat(stats, 'name')} ready=${stat(stats, 'current-jobs-ready')} delayed=${stat(stats, 'current-jobs-delayed')} total=${stat(stats, 'total-jobs')}`,
)

console.log(`put ${await client.put('slow', { ttr: 1 })}`)
show('reserve', await client.reserve())
if (!(await or(client.reserve(), 'DEADLINE_SOON'))) console.log('reserve deadline soon')
const other = new Jackd()
await other.connect(at)
await other.watch('emails')
// beanstalkd 1.12 may forget the deadline unless its connection says something.
while (!(job = await or(other.reserveWithTimeout(0), 'TIMED_OUT'))) {
  await client.listTubeUsed()
  await setTimeout(50)
}
console.log(`reserve ${job.id} ${job.payload} timeouts=${stat(await other.statsJob(job.id), 'timeouts')}`)
await other.delete(job.id)
await other.quit()

// Its pauseTube sends no line end and never gets an answer.

// Of a Buffer it makes JSON, and it takes no empty body.
await client.put('x'.repeat(65535))
job = await client.reserveWithTimeout(0)
console.log(`bytes ${job.payload.length}`)
await client.delete(job.id)
if (!(await or(client.put('x'.repeat(65536)), 'JOB_TOO_BIG'))) console.log('put too big')
stats = await client.stats()
console.log(
  `stats ready=${stat(stats, 'current-jobs-ready')} connections=${stat(stats, 'current-connections')} max=${stat(stats, 'max-job-size')} timeouts=${stat(stats, 'job-timeouts')}`,
)
await client.quit()
