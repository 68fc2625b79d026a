import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, test } from 'node:test'
import { defineJobs, InvalidArgumentError, job, open, type Jobs, type LimitOption } from '../../src/index.ts'
import { createBroker } from '../../src/broker/store-broker.ts'
import { JobQueue } from '../../src/jobs/queue.ts'
import { openStore } from '../../src/registry.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import { ManualClock } from '../../src/testing/clock.ts'
import { BrokerTransport } from '../../src/transports/broker.ts'

const folder = await mkdtemp(join(tmpdir(), 'queueup-limits-'))
after(() => rm(folder, { recursive: true }))

const limited = (...limits: LimitOption<{ customer: string }>[]) =>
  defineJobs({ mail: job<{ customer: string }>({ limits }) })

/** Handlers that run until they are let go, and how many of each customer do. */
class Desk {
  readonly now = new Map<string, number>()
  readonly most = new Map<string, number>()
  #go: (() => void)[] = []

  readonly handler = async ({ args: { customer } }: { args: { customer: string } }): Promise<void> => {
    const running = (this.now.get(customer) ?? 0) + 1
    this.now.set(customer, running)
    this.most.set(customer, Math.max(running, this.most.get(customer) ?? 0))
    await new Promise<void>((resolve) => this.#go.push(resolve))
    this.now.set(customer, (this.now.get(customer) ?? 0) - 1)
  }

  get running(): number {
    return this.#go.length
  }

  letGo(): void {
    for (const go of this.#go.splice(0)) go()
  }
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve))
}

describe('limits of jobs', () => {
  test('hold over several workers, for all jobs of the name or for each key, and every job is worked', async () => {
    const jobs = limited({ concurrency: 3 }, { name: 'of-customer', concurrency: 1, key: ({ customer }) => customer })
    const queue = await open('memory:', { jobs })
    const customers = ['a', 'b', 'c', 'd']
    for (const customer of [...customers, ...customers, ...customers]) await queue.put('mail', { customer })
    const desk = new Desk()
    let done = 0
    queue.on('done', () => done++)
    queue.work({ mail: desk.handler })
    queue.work({ mail: desk.handler })
    while (done < 12) {
      const before = done
      await until(() => desk.running === Math.min(3, 12 - before) || done > before)
      assert.ok(desk.running <= 3)
      desk.letGo()
      await until(() => done > before)
    }
    assert.deepEqual(
      customers.map((customer) => desk.most.get(customer)),
      [1, 1, 1, 1],
    )
    await queue.close()
  })

  test('of rate let the next begin when the window is over', async () => {
    const clock = new ManualClock()
    const store = openMemory({ clock })
    const transport = new BrokerTransport(createBroker({ store, clock }), store, 'memory:')
    const queue = new JobQueue({ transport, jobs: limited({ rate: [2, '1m'] }), clock })
    let begun = 0
    queue.work({ mail: () => void begun++ })
    const { id } =
      (
        await queue.putMany(
          'mail',
          Array.from({ length: 5 }, () => ({ customer: 'a' })),
        )
      ).at(-1) ?? {}
    await until(() => begun === 2)
    assert.equal(await queue.why(id as string), "Limit 'mail' of 2 in 60 s is reached; it opens in 60 s.")
    clock.move(59_999)
    await until(async () => (await queue.counts(['mail']))[0]?.reserved === 0)
    assert.equal(begun, 2)
    clock.move(1)
    await until(() => begun === 4)
    clock.move(60_000)
    await until(() => begun === 5)
    await queue.close()
  })

  test("are written into the store, again when they change, but never over an operator's", async () => {
    const url = `file:${join(folder, 'records.db')}`
    const record = async () => {
      const store = await openStore(url)
      const { changed } = await store.records(0)
      await store.close()
      return changed.find(({ key }) => key === 'limit/mail')
    }
    const put = async (...limits: LimitOption[]) => {
      const queue = await open(url, { jobs: limited(...limits) })
      await queue.put('mail', { customer: 'a' })
      await queue.close()
      return record()
    }
    const first = await put({ concurrency: 5, rate: [100, '1m'] })
    assert.deepEqual(first?.value, { concurrency: 5, rate: { jobs: 100, per: 60_000 }, by: 'code' })
    assert.deepEqual((await put({ concurrency: 5, rate: [100, '1m'] }))?.version, first.version, 'not written again')
    assert.deepEqual((await put({ concurrency: 6 }))?.value, { concurrency: 6, by: 'code' })
    const store = await openStore(url)
    const value = { concurrency: 1, by: 'operator' }
    await store.commit([{ ops: [{ do: 'record', key: 'limit/mail', value }] }])[0]
    await store.close()
    assert.deepEqual((await put({ concurrency: 7 }))?.value, value)
  })

  test('are written by a worker before it takes its first job', async () => {
    const url = `file:${join(folder, 'worker.db')}`
    const before = await open(url, { jobs: limited() })
    await before.putMany('mail', [{ customer: 'a' }, { customer: 'b' }])
    await before.close()
    const queue = await open(url, { jobs: limited({ concurrency: 1 }) })
    const desk = new Desk()
    const worker = queue.work({ mail: desk.handler })
    await until(() => desk.running > 0)
    const store = await openStore(url)
    const { changed } = await store.records(0)
    await store.close()
    assert.ok(changed.some(({ key }) => key === 'limit/mail'))
    const stopped = worker.stop()
    desk.letGo()
    await stopped
    await queue.close()
  })

  test('hold for a job that was put in a transaction of the application', async () => {
    const file = join(folder, 'within.db')
    const queue = await open(`file:${file}`, { jobs: limited({ concurrency: 1 }) })
    const db = new DatabaseSync(file)
    db.exec('BEGIN IMMEDIATE')
    for (const customer of ['a', 'b', 'c']) queue.putWithin(db, 'mail', { customer })
    db.exec('COMMIT')
    db.close()
    const desk = new Desk()
    queue.work({ mail: desk.handler })
    let done = 0
    queue.on('done', () => done++)
    while (done < 3) {
      await until(() => desk.running > 0)
      assert.equal(desk.running, 1)
      const before = done
      desk.letGo()
      await until(() => done > before)
    }
    await queue.close()
  })

  test('that can not be are refused where they are defined', () => {
    const refused = (limits: unknown, message: RegExp) =>
      assert.throws(() => defineJobs({ a: job({ limits: limits as LimitOption[] }) }), {
        name: 'InvalidArgumentError',
        message,
      })
    refused([{}], /limits nothing/)
    refused([{ concurrency: 0 }], /whole number from 1/)
    refused([{ rate: 100 }], /give \[100, '1m'\]/)
    refused([{ rate: [100, '0s'] }], /window of no time/)
    refused([{ rate: [100, 'soon'] }], /duration|'soon'|"soon"/)
    refused([{ concurrency: 1, name: 'a/b' }], /without '\/'/)
    refused([{ concurrency: 1, key: 'customer' }], /no function/)
    refused([{ concurrency: 1 }, { concurrency: 2 }], /given twice/)
    refused(
      Array.from({ length: 9 }, (_, i) => ({ concurrency: 1, name: `${i}` })),
      /up to 8/,
    )
    const shared = (concurrency: number) => job({ limits: [{ name: 'server', concurrency }] })
    defineJobs({ a: shared(5), b: shared(5) })
    assert.throws(() => defineJobs({ a: shared(5), b: shared(6) }), /Limits of one name are one limit/)
  })

  test('whose key is no text of 1 to 200 characters, or throws, refuse the put; a long one is a key like any other', async () => {
    const keyed = (key: (args: { customer: string }) => string): Jobs => limited({ concurrency: 1, key })
    for (const key of [
      () => '',
      () => 7 as never,
      () => 'x'.repeat(201),
      () => {
        throw new Error('no')
      },
    ]) {
      const queue = await open('memory:', { jobs: keyed(key) })
      await assert.rejects(queue.put('mail', { customer: 'a' }), InvalidArgumentError)
      await queue.close()
    }
    const queue = await open('memory:', { jobs: keyed(({ customer }) => customer) })
    for (const customer of ['é'.repeat(200), 'é'.repeat(200), '\0']) await queue.put('mail', { customer })
    const desk = new Desk()
    queue.work({ mail: desk.handler as never })
    await until(() => desk.running === 2)
    assert.equal((await queue.counts(['mail']))[0]?.waiting, 1)
    desk.letGo()
    await until(() => desk.running === 1)
    desk.letGo()
    await queue.close()
  })
})
