// A job is cancelled: one that waits is gone, one that is being worked is told by its signal, in whichever process.
// In your own program: import { ... } from 'queueup'
import { once } from 'node:events'
import { defineJobs, job, open } from '../src/index.ts'

const jobs = defineJobs({ convert: job<{ film: string }>() })
const queue = await open('file:jobs.db', { jobs })

const later = await queue.put('convert', { film: 'Metropolis' }, { delay: '1h' })
console.log(later.id, await queue.cancel(later.id), await queue.get(later.id))

queue.work({
  async convert({ args }, { signal }) {
    console.log(`converting ${args.film}`)
    // Hand the signal on to what you call: fetch(url, { signal }), spawn(command, { signal }), sleep(1000, undefined, { signal }).
    await once(signal, 'abort')
    console.log(`told: ${(signal.reason as Error).name}; the half film is deleted`)
    throw signal.reason
  },
})
const started = new Promise((resolve) => queue.on('started', resolve))
const cancelled = new Promise((resolve) => queue.on('cancelled', resolve))
const now = await queue.put('convert', { film: 'Nosferatu' })
await started
const how = await queue.cancel(now.id)
await cancelled
console.log(now.id, how, await queue.get(now.id))
await queue.close()

// Prints:
// 1 cancelled undefined
// converting Nosferatu
// told: CancelledError; the half film is deleted
// 2 told undefined
