import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { open, type JobQueue } from '../../src/index.ts'
import { BeanstalkdClient } from '../../src/transports/beanstalkd/index.ts'
import { realBeanstalkd, type Peer } from '../interop/peer.ts'
import { queueup } from '../interop/servers.ts'
import { needs } from '../needs.ts'
import { jobs } from './beanstalkd-jobs.ts'
import { fired } from './open.ts'

const LIMIT = { timeout: 60_000 }

async function served(start: () => Promise<Peer>, t: TestContext) {
  const peer = await start()
  const url = `beanstalkd://127.0.0.1:${peer.port}`
  const queue = await open(url, { jobs })
  const client = await BeanstalkdClient.connect({ host: '127.0.0.1', port: peer.port })
  t.after(async () => {
    await queue.close()
    client.close()
    await peer.stop()
  })
  return { url, queue, client }
}

/** The next event of a kind. */
function next<N extends 'done' | 'dead' | 'retried'>(queue: JobQueue<typeof jobs>, name: N) {
  return new Promise<Parameters<Parameters<typeof queue.on<N>>[1]>[0]>((resolve) => {
    const forget = queue.on(name, (event) => {
      forget()
      resolve(event)
    })
  })
}

function suite(name: string, start: () => Promise<Peer>): void {
  describe(`jobs on ${name}`, () => {
    test('what any client puts is worked, and what is put here any client works', LIMIT, async (t) => {
      const { queue, client } = await served(start, t)
      const { id } = await client.put('mail', Buffer.from('{"job": "mail", "args": {"to": "é@example.com"}}'))
      const seen: unknown[] = []
      const done = next(queue, 'done')
      const worker = queue.work({ mail: ({ id, queue, args }) => void seen.push({ id, queue, args }) })
      await done
      assert.deepEqual(seen, [{ id: String(id), queue: 'mail', args: { to: 'é@example.com' } }])
      assert.equal(await client.statsJob(id), undefined)
      await worker.stop()
      await queue.put('mail', { to: 'b@example.com' }, { priority: 3, delay: 0 })
      await client.watch('mail')
      const job = await client.reserve(5)
      assert.equal(job?.body.toString(), '{"job":"mail","args":{"to":"b@example.com"}}')
      assert.equal((await client.statsJob(job.id))?.get('pri'), '3')
    })

    test(
      'a body that is no message is buried, and so is a job whose handler fails; a kick tries again',
      LIMIT,
      async (t) => {
        const { queue, client } = await served(start, t)
        const { id } = await client.put('mail', Buffer.from('hello'))
        const dead = next(queue, 'dead')
        let fails = true
        queue.work({
          mail: () => {
            if (fails) throw new Error('no route')
          },
        })
        const first = await dead
        assert.deepEqual([first.id, first.why], [String(id), 'invalid'])
        assert.match(String(first.error), /no JSON/)
        assert.equal((await client.statsJob(id))?.get('state'), 'buried')
        const again = next(queue, 'dead')
        const put = await queue.put('mail', { to: 'a' })
        const second = await again
        assert.deepEqual([second.id, second.why, String(second.error)], [put.id, 'failed', 'Error: no route'])
        assert.equal((await client.statsJob(Number(put.id)))?.get('state'), 'buried')
        fails = false
        const done = next(queue, 'done')
        assert.equal(await queue.retry(put.id), true)
        assert.equal((await done).id, put.id)
      },
    )

    test('a batch of which the server refuses some says how many are put', LIMIT, async (t) => {
      const { queue, client } = await served(start, t)
      const put: string[] = []
      queue.on('put', ({ id }) => put.push(id))
      const large = { to: 'x'.repeat(70_000) }
      await assert.rejects(queue.putMany('mail', [{ to: 'a' }, large, { to: 'b' }]), (error: Error) => {
        assert.equal(error.name, 'UnknownOutcomeError')
        assert.match(error.message, /^Of 3 jobs 2 are put, .* arguments are larger/)
        return true
      })
      assert.equal((await client.statsTube('mail'))?.get('current-jobs-ready'), '2')
      assert.equal(put.length, 2)
      await assert.rejects(queue.putMany('mail', [large, large]), { name: 'InvalidArgumentError' })
    })

    test('a name that is not handled goes back for a while', LIMIT, async (t) => {
      const { queue, client } = await served(start, t)
      const retried = next(queue, 'retried')
      queue.work({ mail: () => undefined })
      const { id } = await queue.put('newer')
      await retried
      const stats = await client.statsJob(Number(id))
      assert.equal(stats?.get('state'), 'delayed')
      assert.equal(stats.get('delay'), '1')
    })

    test('a stop gives back what was begun, and a close what was not', LIMIT, async (t) => {
      const { queue, client } = await served(start, t)
      const { promise: begun, resolve } = Promise.withResolvers<void>()
      const worker = queue.work(
        {
          mail: async (_, { signal }) => {
            resolve()
            throw await fired(signal)
          },
        },
        { concurrency: 1, stopWithin: 0 },
      )
      await queue.putMany('mail', [{ to: 'a' }, { to: 'b' }, { to: 'c' }])
      await begun
      await worker.stop()
      const stats = await client.statsTube('mail')
      assert.equal(stats?.get('current-jobs-ready'), '3')
      assert.equal(stats.get('current-jobs-buried'), '0')
    })

    test(
      'a worker that is killed gives its job back at once; one that kills its workers is set aside',
      LIMIT,
      async (t) => {
        const { url, queue, client } = await served(start, t)
        const { id } = await queue.put('mail', { to: 'a' })
        await client.watch('mail')
        for (let round = 0; round < 2; round++) {
          const child = fork(join(import.meta.dirname, 'beanstalkd-child.ts'), [url])
          t.after(() => child.kill('SIGKILL'))
          await once(child, 'message')
          child.kill('SIGKILL')
          // Its time to run is a minute.
          const job = await client.reserve(30)
          assert.equal(job?.id, Number(id))
          await client.release(job.id)
        }
        // Four more that took it and were gone with it.
        for (let round = 0; round < 4; round++) {
          const other = await BeanstalkdClient.connect({ host: '127.0.0.1', port: Number(new URL(url).port) })
          await other.watch('mail')
          assert.equal((await other.reserve(30))?.id, Number(id))
          other.close()
        }
        const dead = next(queue, 'dead')
        const worker = queue.work({ mail: () => assert.fail('it is not started again') })
        assert.deepEqual([(await dead).id, (await dead).why], [id, 'exhausted'])
        // A kick begins anew.
        const done = next(queue, 'done')
        await worker.stop()
        queue.work({ mail: () => undefined })
        await queue.retry(id)
        assert.equal((await done).id, id)
      },
    )

    test('what the server can not do is refused by name', LIMIT, async (t) => {
      const { queue } = await served(start, t)
      const refused = (message: RegExp) => ({ name: 'NotSupportedError', message })
      const args = { to: 'a' }
      await assert.rejects(
        queue.put('mail', args, { unique: { key: 'k' } }),
        refused(/^beanstalkd: has no unique jobs/),
      )
      await assert.rejects(queue.put('mail', args, { group: 'g' }), refused(/^beanstalkd: has no groups/))
      await assert.rejects(queue.put('mail', args, { ttl: '1h' }), refused(/^beanstalkd: has no time to live/))
      await assert.rejects(queue.put('mail', args, { retries: 1 }), refused(/^beanstalkd: has no attempts/))
      for (const [name, lack] of [
        ['limited', /^beanstalkd: has no limits/],
        ['answers', /^beanstalkd: has no results/],
        ['patient', /^beanstalkd: has no attempts, and so no retries/],
      ] as const) {
        await assert.rejects(queue.put(name), refused(lack))
        assert.throws(() => queue.work({ [name]: () => undefined }), refused(lack))
      }
      // Also while there is no job.
      await assert.rejects(queue.move({ queue: 'mail' }, 'newer'), refused(/^beanstalkd: has no way to move/))
      await assert.rejects(queue.clear({ queue: 'mail', match: 'a' }), refused(/^beanstalkd: has no choice/))
      await assert.rejects(queue.retryAll({ queue: 'mail', key: 'k' }), refused(/^beanstalkd: has no choice/))
      const { id } = await queue.put('mail', args)
      await assert.rejects(queue.cancel(id), refused(/^beanstalkd: has no cancelling/))
      await assert.rejects(queue.update(id, { priority: 1 }), refused(/^beanstalkd: has no/))
      await assert.rejects(queue.result(id), refused(/^beanstalkd: keeps no results/))
      await assert.rejects(queue.list({ queue: 'mail' }), refused(/^beanstalkd: has no lists/))
      await assert.rejects(queue.move({ queue: 'mail' }, 'newer'), refused(/^beanstalkd: has no way to move/))
      await assert.rejects(queue.listen({ beanstalkd: 0 }), refused(/^beanstalkd:/))
      assert.throws(() => queue.putWithin({}, 'mail', args), refused(/^beanstalkd:/))
      assert.equal((await queue.get(id))?.name, 'mail')
      assert.equal(await queue.clear({ queue: 'mail' }), 1)
    })
  })
}

suite('our own server', queueup)
if (needs('beanstalkd')) suite('beanstalkd', realBeanstalkd)
