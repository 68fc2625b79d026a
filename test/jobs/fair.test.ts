import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { defineJobs, job, open } from '../../src/index.ts'
import { openStore } from '../../src/registry.ts'

const folder = await mkdtemp(join(tmpdir(), 'queueup-fair-'))
after(() => rm(folder, { recursive: true }))

test('in a fair queue a customer with many jobs holds up none with one, and runs several at a time', async () => {
  const url = `file:${join(folder, 'jobs.db')}`
  const store = await openStore(url)
  await store.commit([{ ops: [{ do: 'record', key: 'queue/default/mail', value: { groups: 'fair' } }] }])[0]
  await store.close()
  const jobs = defineJobs({ mail: job<{ customer: string }>({ queue: 'mail' }) })
  const queue = await open(url, { jobs })
  const noisy = Array.from({ length: 500 }, () => ({ customer: 'noisy' }))
  await queue.putMany('mail', noisy, { group: 'noisy' })
  await queue.put('mail', { customer: 'quiet' }, { group: 'quiet' })
  const begun: string[] = []
  let running = 0
  let most = 0
  const done = Promise.withResolvers<void>()
  const worker = queue.work(
    {
      async mail({ args, group }) {
        assert.equal(group, args.customer)
        if (args.customer === 'noisy') most = Math.max(most, ++running)
        if (begun.push(args.customer) === 20) done.resolve()
        await new Promise((resolve) => setImmediate(resolve))
        if (args.customer === 'noisy') running--
      },
    },
    { concurrency: 4 },
  )
  await done.promise
  await worker.stop()
  await queue.close()
  assert.ok(begun.indexOf('quiet') >= 0 && begun.indexOf('quiet') < 4, begun.slice(0, 20).join())
  assert.ok(most > 1, 'none waits for another one of its group')
})
