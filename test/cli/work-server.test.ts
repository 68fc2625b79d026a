/** `work` on a server of the beanstalkd protocol, ours and a real one. */
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { openTarget } from '../../src/cli/open-target.ts'
import type { Target } from '../../src/cli/target.ts'
import { servers } from '../interop/servers.ts'
import type { Peer } from '../interop/peer.ts'
import { needs } from '../needs.ts'
import { Place } from './place.ts'
import { Going, HANDLERS } from './work.ts'

const FILES = {
  'jobs.ts': `
import { defineJobs, job } from 'queueup'
export const jobs = defineJobs({ quick: job(), slow: job(), endless: job() })
`,
  ...HANDLERS,
}

interface Served {
  place: Place
  server: Peer
  /** The server, as a command sees it. */
  target: Target
  store: string[]
}

const NONE = { ready: 0, reserved: 0, buried: 0 }

for (const { name, start } of servers) {
  if (name === 'beanstalkd' && !needs('beanstalkd')) continue
  describe(`work on ${name}`, () => {
    async function served(t: TestContext): Promise<Served> {
      const place = await Place.make(t, FILES)
      const server = await start()
      t.after(() => server.stop())
      const url = `beanstalkd://127.0.0.1:${server.port}`
      const target = await openTarget(url)
      t.after(() => target.close())
      return { place, server, target, store: ['--store', url] }
    }

    function put(target: Target, name: string): Promise<unknown> {
      return target.put(name, Buffer.from(JSON.stringify({ job: name, args: {} })), {})
    }

    async function counts(target: Target, name: string): Promise<number[]> {
      const { ready, reserved, buried } = (await target.stats()).find(({ queue }) => queue === name) ?? NONE
      return [ready, reserved, buried]
    }

    test('takes jobs as they come, and finishes what it has in hand at SIGTERM', async (t) => {
      const { place, target, store } = await served(t)
      const worker = new Going(place, 'work', ...store, '--concurrency', '2')
      await worker.says('"msg":"working"')
      await place.run('put', 'quick', ...store)
      await worker.says('"msg":"done"')
      assert.match(worker.text, /^did 1$/m)
      await put(target, 'slow')
      await worker.says('begun 2')
      worker.child.kill('SIGTERM')
      await worker.says('stopping')
      await place.write('go', '')
      assert.equal(await worker.ended, 0)
      assert.match(worker.text, /^ended 2$/m)
      assert.deepEqual(await counts(target, 'slow'), [0, 0, 0])
    })

    test('gives back what it held and could not finish in time, and what it had taken in advance', async (t) => {
      const { place, target, store } = await served(t)
      for (let i = 0; i < 3; i++) await put(target, 'endless')
      const worker = new Going(place, 'work', ...store, '--concurrency', '1', '--stop-within', '100ms')
      await worker.says('begun 1')
      assert.equal(await worker.stop(), 0)
      assert.deepEqual(await counts(target, 'endless'), [3, 0, 0])
      assert.equal(worker.text.match(/begun/g)?.length, 1)
      // The next worker gets the same job, which nobody counts as failed.
      const next = new Going(place, 'work', ...store, '--concurrency', '1', '--stop-within', '100ms')
      await next.says('begun 1')
      assert.equal(await next.stop(), 0)
      assert.deepEqual(await counts(target, 'endless'), [3, 0, 0])
    })

    test('ends in time at SIGTERM while the server is away', async (t) => {
      const { place, server, target, store } = await served(t)
      await put(target, 'endless')
      const worker = new Going(place, 'work', ...store, '--stop-within', '100ms')
      await worker.says('begun 1')
      await server.stop()
      assert.equal(await worker.stop(), 0)
      assert.match(worker.text, /"msg":"stopped"/)
    })
  })
}

test('work says which server does not answer', async (t) => {
  const place = await Place.make(t, FILES)
  const { code, error } = await place.run('work', '--store', 'beanstalkd://127.0.0.1:1')
  assert.equal(code, 1)
  assert.match(error, /127\.0\.0\.1:1\b/)
})
