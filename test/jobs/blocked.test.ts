/** A handler that blocks its thread for several times as long as its lease, beside workers that wait for its job. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { open } from '../../src/index.ts'
import { BeanstalkdClient } from '../../src/transports/beanstalkd/index.ts'
import { realBeanstalkd, type Peer } from '../interop/peer.ts'
import { queueup } from '../interop/servers.ts'
import { needs } from '../needs.ts'
import { jobs } from './blocked-jobs.ts'

const LONG = Number(process.env['QUEUEUP_LONG'] ?? 1)
/** A minute where there is time for it. */
const BLOCK = LONG >= 50 ? 60_000 : 5000
/** Its time to run, in seconds: a touch comes each third of it. */
const TTR = 2

interface Told {
  pid: number | undefined
  id?: string
  event: string
}

/** Two workers of a store or server, and all that they tell. */
async function workers(t: TestContext, url: string) {
  const told: Told[] = []
  let wake = (): void => undefined
  const children = [1, 2].map(() => fork(join(import.meta.dirname, 'blocked-child.ts'), [url]))
  t.after(async () => {
    const gone = children.filter(({ exitCode }) => exitCode === null).map((child) => once(child, 'exit'))
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(gone)
  })
  for (const child of children)
    child.on('message', (message) => {
      told.push({ pid: child.pid, ...(message as Omit<Told, 'pid'>) })
      wake()
    })
  const until = async (event: string, times: number): Promise<void> => {
    while (told.filter((one) => one.event === event).length < times)
      await new Promise<void>((resolve) => (wake = resolve))
  }
  await until('works', 2)
  return { told, until }
}

/** Each began once, in a process of its own, and is done. */
function check(told: readonly Told[], ids: readonly string[]): void {
  const begun = told.filter(({ event }) => event === 'begun')
  assert.deepEqual(begun.map(({ id }) => id).sort(), [...ids].sort())
  assert.equal(new Set(begun.map(({ pid }) => pid)).size, ids.length, 'both workers wait for jobs')
  assert.deepEqual(
    told.filter(({ event }) => !['works', 'begun', 'done'].includes(event)),
    [],
  )
}

test('on a file nobody else gets the job', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'queueup-blocked-'))
  t.after(() => rmSync(folder, { recursive: true, maxRetries: 5 }))
  const url = `file:${join(folder, 'jobs.db')}`
  const queue = await open(url, { jobs })
  t.after(() => queue.close())
  const { told, until } = await workers(t, url)
  const first = await queue.put('spin', { ms: BLOCK })
  await until('begun', 1)
  // The other one works meanwhile, and is free again while the first is still blocked.
  const second = await queue.put('spin', { ms: 1 })
  await until('done', 2)
  check(told, [first.id, second.id])
})

function server(name: string, start: () => Promise<Peer>): void {
  test(`on ${name} the thread of the connection keeps the lease, so that nobody else gets the job`, async (t) => {
    const peer = await start()
    t.after(() => peer.stop())
    const client = await BeanstalkdClient.connect({ host: '127.0.0.1', port: peer.port })
    t.after(() => client.close())
    const { told, until } = await workers(t, `beanstalkd://127.0.0.1:${peer.port}`)
    const put = async (ms: number): Promise<string> => {
      const body = Buffer.from(JSON.stringify({ job: 'spin', args: { ms } }))
      const { id } = await client.put('spin', body, { ttr: TTR })
      return String(id)
    }
    const first = await put(BLOCK)
    await until('begun', 1)
    const second = await put(1)
    await until('done', 2)
    check(told, [first, second])
  })
}

server('our own server', queueup)
if (needs('beanstalkd')) server('beanstalkd', realBeanstalkd)
