/** A process whose handlers block the event loop as its parent says: node watchdog-child.ts sync | resumed | elsewhere | warned | idle */
import { defineJobs, job, open } from '../../src/index.ts'

const [, , how = 'sync'] = process.argv
const jobs = defineJobs({ resize: job<undefined>(), mail: job<undefined>(), quiet: job<undefined>() })
const queue = await open('memory:', { jobs })
const over = new Promise<void>((resolve) => {
  if (how === 'warned') process.on('warning', ({ message }) => (process.send?.({ warning: message }), resolve()))
  else queue.on('blocked', (event) => (process.send?.(event), resolve()))
})
queue.work({
  resize: async () => {
    if (how === 'resumed') await new Promise((resolve) => setTimeout(resolve, 50))
    if (how !== 'elsewhere') shrink()
  },
  // At work all the while.
  mail: ({ id }) => over.then(() => id),
  quiet: ({ id }) => over.then(() => id),
})
if (how !== 'idle') {
  await queue.put('mail', undefined)
  await queue.put('quiet', undefined)
}
// The watchdog begins a moment after the first worker, and sleeps when there has been no work for a while.
await new Promise((resolve) => setTimeout(resolve, how === 'idle' ? 5000 : 2500))
const { id } = await queue.put('resize', undefined)
process.send?.({ id })
if (how === 'elsewhere') shrink()
await over
await queue.close()
process.disconnect()

/** Spins for some seconds, as a program does that computes. */
function shrink(): void {
  const end = performance.now() + 4000
  while (performance.now() < end);
}
