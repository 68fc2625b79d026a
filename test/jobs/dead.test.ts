import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createBroker } from '../../src/broker/store-broker.ts'
import { defineJobs, Discard, job, openStore } from '../../src/index.ts'
import { JobQueue } from '../../src/jobs/queue.ts'
import { ManualClock } from '../../src/testing/clock.ts'
import { BrokerTransport } from '../../src/transports/broker.ts'
import { until } from './open.ts'

const jobs = defineJobs({ mail: job<{ to: string }>(), letter: job<{ to: string }>({ queue: 'mail.dead' }) })

for (const kind of ['memory:', 'file:'])
  test(`a dead letter on ${kind} says from which queue it came, when, why and how often`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'queueup-dead-letter-'))
    const clock = new ManualClock()
    const store = await openStore(kind === 'file:' ? `file:${join(folder, 'jobs.db')}` : kind, { clock })
    const broker = createBroker({ store, clock })
    const transport = new BrokerTransport(broker, store, kind)
    const queue = new JobQueue({ transport, jobs, clock })
    t.after(async () => {
      await queue.close()
      rmSync(folder, { recursive: true })
    })
    await transport.commit({ ops: [{ do: 'record', key: 'queue/default/mail', value: { dead: 'default/mail.dead' } }] })
    const { id } = await queue.put('mail', { to: 'nobody' })
    assert.deepEqual((await queue.get(id))?.deaths, [])

    queue.work({ mail: () => Promise.reject(new Discard('no such address')) }, { queues: ['mail'] })
    const arrived = async () => (await queue.get(id))?.queue === 'mail.dead'
    await until(arrived)
    const first = clock.now()
    assert.deepEqual((await queue.get(id))?.deaths, [{ queue: 'mail', why: 'rejected', count: 1, at: new Date(first) }])

    clock.move(60_000)
    assert.equal(await queue.move({ queue: 'mail.dead' }, 'mail'), 1)
    await until(arrived)
    const { jobs: dead } = await queue.list({ queue: 'mail.dead' })
    assert.deepEqual(dead[0]?.deaths, [{ queue: 'mail', why: 'rejected', count: 2, at: new Date(first + 60_000) }])
  })
