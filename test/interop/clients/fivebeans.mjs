// A worker's day with fivebeans. usage: node fivebeans.mjs PORT
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import fivebeans from 'fivebeans'

/** Its callbacks take one or several values. */
function ask(client, name, ...args) {
  return new Promise((done, fail) =>
    client[name](...args, (error, ...values) =>
      error ? fail(error) : done(values.length === 2 ? { id: values[0], body: values[1] } : values[0]),
    ),
  )
}
async function connect() {
  const client = new fivebeans.client('127.0.0.1', process.argv[2])
  await promisify((done) => client.on('connect', done).on('error', done).connect())()
  return (name, ...args) => ask(client, name, ...args)
}
const show = (what, job) => console.log(`${what} ${job.id} ${job.body}`)
const refused = (promise, with_) =>
  promise.then(
    () => false,
    (error) => error === with_ || Promise.reject(error),
  )

const emails = await connect()
await emails('use', 'emails')

console.log(`put ${await emails('put', 10, 0, 60, 'hello')}`)
console.log(`put ${await emails('put', 10, 100, 60, 'later')}`)
await emails('watch', 'emails')
await emails('ignore', 'default')
console.log(`watched ${(await emails('list_tubes_watched')).join(' ')}`)
console.log(`tubes ${(await emails('list_tubes')).join(' ')}`)
show('peek-ready', await emails('peek_ready'))
show('peek-delayed', await emails('peek_delayed'))
if (await refused(emails('peek_buried'), 'NOT_FOUND')) console.log('peek-buried nothing')

let job = await emails('reserve')
show('reserve', job)
let stats = await emails('stats_job', job.id)
console.log(`stats-job ${stats.state} pri=${stats.pri} ttr=${stats.ttr} reserves=${stats.reserves}`)
await emails('touch', job.id)
await emails('release', job.id, 5, 0)
job = await emails('reserve')
show('reserve', job)
await emails('bury', job.id, 7)
show('peek-buried', await emails('peek_buried'))
console.log(`kick ${await emails('kick', 10)}`)
job = await emails('reserve_with_timeout', 0)
show('reserve', job)
stats = await emails('stats_job', job.id)
console.log(
  `stats-job pri=${stats.pri} reserves=${stats.reserves} releases=${stats.releases} buries=${stats.buries} kicks=${stats.kicks}`,
)
if (await refused(emails('reserve_with_timeout', 0), 'TIMED_OUT')) console.log('reserve timed out')
await emails('destroy', job.id)
await emails('destroy', 2)
if (await refused(emails('destroy', job.id), 'NOT_FOUND')) console.log('delete not found')
stats = await emails('stats_tube', 'emails')
console.log(
  `stats-tube ${stats.name} ready=${stats['current-jobs-ready']} delayed=${stats['current-jobs-delayed']} total=${stats['total-jobs']}`,
)

console.log(`put ${await emails('put', 10, 0, 1, 'slow')}`)
show('reserve', await emails('reserve'))
if (await refused(emails('reserve'), 'DEADLINE_SOON')) console.log('reserve deadline soon')
const other = await connect()
await other('watch', 'emails')
// beanstalkd 1.12 may forget the deadline unless its connection says something.
job = undefined
while (
  await refused(
    other('reserve_with_timeout', 0).then((taken) => (job = taken)),
    'TIMED_OUT',
  )
) {
  await emails('list_tube_used')
  await setTimeout(50)
}
console.log(`reserve ${job.id} ${job.body} timeouts=${(await other('stats_job', job.id)).timeouts}`)
await other('destroy', job.id)
void other('quit')

await emails('pause_tube', 'emails', 100)
console.log(`put ${await emails('put', 10, 0, 60, 'paused')}`)
if (await refused(emails('reserve_with_timeout', 0), 'TIMED_OUT')) console.log('reserve timed out')
await emails('pause_tube', 'emails', 0)
job = await emails('reserve_with_timeout', 0)
show('reserve', job)
await emails('destroy', job.id)

const every = Buffer.from([...Array(256).keys(), 13, 10])
for (const body of [every, Buffer.alloc(0), Buffer.alloc(65535, 'x')]) {
  await emails('put', 10, 0, 60, body)
  job = await emails('reserve_with_timeout', 0)
  console.log(`bytes ${body === every ? every.equals(job.body) : job.body.length}`)
  await emails('destroy', job.id)
}
if (await refused(emails('put', 10, 0, 60, Buffer.alloc(65536)), 'JOB_TOO_BIG')) console.log('put too big')
stats = await emails('stats')
console.log(
  `stats ready=${stats['current-jobs-ready']} connections=${stats['current-connections']} max=${stats['max-job-size']} timeouts=${stats['job-timeouts']}`,
)
void emails('quit')
