// One job instead of many: of a key there is one at a time, or one in a span of time.
// In your own program: import { ... } from 'queueup'
import { defineJobs, job, open } from '../src/index.ts'

const jobs = defineJobs({
  reindex: job<{ page: string; text: string }>(),
  remind: job<{ user: string }>(),
})
const queue = await open('memory:', { jobs })

// Debounce: while it waits, each save gives it the newest text and another 200 ms.
for (const text of ['H', 'He', 'Hello'])
  await queue.put(
    'reindex',
    { page: 'home', text },
    { delay: '200ms', unique: { key: 'home', for: 'waiting', onDuplicate: 'replace' } },
  )

// Throttle: at most one in ten minutes, whatever becomes of it. The answer says which job has the key.
for (let i = 0; i < 3; i++) {
  const { id, duplicate } = await queue.put('remind', { user: 'ada' }, { unique: { key: 'ada', for: '10m' } })
  console.log(`job ${id}${duplicate ? ' has the key already' : ''}`)
}

queue.work({
  reindex: ({ args }) => console.log(`index ${args.page}: ${args.text}`),
  remind: ({ args }) => console.log(`remind ${args.user}`),
})
await queue.drained('remind')
await queue.drained('reindex')
await queue.close()

// Prints:
// job 2
// job 2 has the key already
// job 2 has the key already
// remind ada
// index home: Hello
