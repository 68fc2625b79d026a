import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { tied } from '../tied.ts'
import { Place } from './place.ts'
import { cli, Going, HANDLERS } from './work.ts'

const FILES = {
  'jobs.ts': `
import { defineJobs, job } from 'queueup'
export const jobs = defineJobs({
  quick: job<{ n?: number }>(),
  slow: job<{ n?: number }>({ queue: 'other' }),
  endless: job<{ n?: number }>({ queue: 'other' }),
})
`,
  ...HANDLERS,
}

test('work takes jobs as they come, logs each attempt, and finishes what it has in hand at SIGTERM', async (t) => {
  const place = await Place.make(t, FILES)
  const worker = new Going(place, 'work', '--concurrency', '2')
  await worker.says('"msg":"working"')
  await place.run('put', 'quick')
  await worker.says('"msg":"done"')
  assert.match(worker.text, /^did 1$/m)
  assert.match(worker.text, /"id":"1","name":"quick","queue":"quick","attempt":1,"ms":\d+,"msg":"done"/)

  const slow = (await place.run('put', 'slow')).out.trim()
  await worker.says(`begun ${slow}`)
  assert.match((await place.run('workers')).out, /PROCESS +JOBS IN HAND[^]* 1 +other quick/)
  worker.child.kill('SIGTERM')
  // A wrapper that passes on what the terminal has sent to both.
  worker.child.kill('SIGINT')
  await worker.says('stopping')
  await place.run('put', 'quick')
  await place.write('go', '')
  assert.equal(await worker.ended, 0)
  assert.match(worker.text, new RegExp(`^ended ${slow}$`, 'm'))
  const stats = await place.json<{ queue: string; ready: number }[]>('stats')
  assert.deepEqual(
    stats.map(({ queue, ready }) => [queue, ready]),
    [
      ['other', 0],
      ['quick', 1],
    ],
  )
})

test('what does not end in time goes back uncounted; a second signal ends at once', async (t) => {
  const place = await Place.make(t, FILES)
  await place.run('put', 'endless')
  const patient = new Going(place, 'work', '--queue', 'other', '--stop-within', '100ms')
  await patient.says('begun 1')
  assert.equal(await patient.stop(), 0)
  const back = await place.json<{ state: string; failures: number }>('job', '1')
  assert.deepEqual([back.state, back.failures], ['ready', 0])

  const hasty = new Going(place, 'work', '--queue', 'other')
  await hasty.says('begun 1')
  hasty.child.kill('SIGINT')
  await hasty.says('stopping')
  assert.equal(await hasty.insist('SIGINT'), 1)
  assert.match(hasty.text, /ending at once/)
  // Whoever has the store open next finds out that it is dead.
  const next = new Going(place, 'work', '--queue', 'other')
  await next.says('begun 1')
  assert.equal(await next.stop('SIGKILL'), null)
})

test('--processes keeps so many: one that is killed is started again, and what it had is worked by another', async (t) => {
  const place = await Place.make(t, FILES)
  const workers = new Going(place, 'work', '--processes', '2', '--concurrency', '1')
  await workers.says('"msg":"working"', 2)
  assert.equal(new Set(workers.working).size, 2)
  await place.run('put', 'slow')
  await workers.says('begun 1')
  const rows = await place.json<{ pid: number; jobs: number }[]>('workers')
  const busy = rows.find((one) => one.jobs === 1)
  assert.ok(busy && workers.working.includes(busy.pid), JSON.stringify(rows))
  process.kill(busy.pid, 'SIGKILL')
  await workers.says('is started again')
  await workers.says('begun 1', 2)
  await workers.says('"msg":"working"', 3)
  await place.write('go', '')
  await workers.says('ended 1')
  await workers.says('"msg":"done"')

  workers.child.kill('SIGINT')
  assert.equal(await workers.stop(), 0)
  assert.equal(workers.text.match(/"msg":"stopped"/g)?.length, 2)
  for (const pid of workers.working) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})

test('--processes starts one again that is killed before any has worked', async (t) => {
  const place = await Place.make(t, FILES)
  await place.write(
    'killed.ts',
    "import { existsSync, writeFileSync } from 'node:fs'\n" +
      "if (!existsSync('once')) {\n  writeFileSync('once', '')\n  process.kill(process.pid, 'SIGKILL')\n}\n" +
      "export * from './handlers.ts'\n",
  )
  const workers = new Going(place, 'work', 'killed.ts', '--processes', '1')
  await workers.says('"signal":"SIGKILL"')
  await workers.says('"msg":"working"')
  assert.equal(await workers.stop(), 0)
})

test('children end with a parent that is killed, and a file that is wrong ends the parent', async (t) => {
  const place = await Place.make(t, FILES)
  const workers = new Going(place, 'work', '--processes', '2')
  await workers.says('"msg":"working"', 2)
  workers.child.kill('SIGKILL')
  await workers.says('the parent is gone', 2)
  await workers.says('"msg":"stopped"', 2)

  await place.write('handlers.ts', 'export const handlers = {}')
  const wrong = await place.run('work', '--processes', '2')
  assert.equal(wrong.code, 2)
  assert.match(wrong.error, /exports no 'jobs'/)
})

test('a child whose parent ends before it works stops by itself', async (t) => {
  const place = await Place.make(t, FILES)
  const child = tied(
    fork(cli, ['work', '--child'], { cwd: place.folder, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
  )
  child.disconnect()
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

test('--watch starts again when a file that is imported changes, also after a mistake in it', async (t) => {
  const place = await Place.make(t, FILES)
  const worker = new Going(place, 'work', '--watch')
  await worker.says('"msg":"working"')
  await place.write('word.ts', 'export const word = ')
  await worker.says('at the next change')
  await place.write('word.ts', `export const word = 'has done'\n`)
  await worker.says('"msg":"working"', 2)
  await place.run('put', 'quick')
  await worker.says('has done 1')
  assert.equal(await worker.stop('SIGINT'), 0)
})

test('tail tells what happens in other processes', async (t) => {
  const place = await Place.make(t, FILES)
  const tail = new Going(place, 'tail', '--json', '--max', '3', '--name', 'quick')
  await tail.says('following')
  await place.run('put', 'quick')
  const worker = new Going(place, 'work')
  assert.equal(await tail.ended, 0)
  const events = tail.text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { type: string; id: string })
  assert.deepEqual(
    events.map((one) => one.type).filter((type) => type !== 'missed'),
    ['put', 'started', 'done'],
  )
  const readable = new Going(place, 'tail')
  await readable.says('following')
  await place.run('put', 'quick')
  await readable.says('done')
  assert.match(readable.text, /\d\d:\d\d:\d\d\.\d{3} +put +quick 2\n/)
  assert.equal(await readable.stop('SIGINT'), 0)
  assert.equal(await worker.stop(), 0)
})

test('a worker whose store has failed ends, whatever its handlers have open; so does who follows', async (t) => {
  const place = await Place.make(t, {
    ...FILES,
    'open.ts': `setInterval(() => undefined, 1000)\nexport * from './handlers.ts'\nexport const close = () => console.log('closed')\n`,
  })
  await place.run('put', 'quick')
  const worker = new Going(place, 'work', 'open.ts')
  const tail = new Going(place, 'tail')
  await worker.says('"msg":"done"')
  await tail.says('following')
  for (const end of ['', '-wal', '-shm']) await rm(join(place.folder, `queueup.db${end}`))
  assert.equal(await worker.ended, 1)
  assert.match(worker.text, /^closed$[^]*"level":60,[^\n]*"err":\{"type":"UnknownOutcomeError"/m)
  assert.equal(await tail.ended, 1)
  assert.match(tail.text, /^queueup: .*was deleted or replaced.*\n$/m)
})

test('cancel tells a handler in another process', async (t) => {
  const place = await Place.make(t, FILES)
  const worker = new Going(place, 'work')
  await place.run('put', 'endless')
  await worker.says('begun 1')
  assert.match((await place.run('cancel', '1')).out, /its worker was told/)
  await worker.says('"msg":"cancelled"')
  assert.equal((await place.run('job', '1')).code, 1)
  assert.equal(await worker.stop(), 0)
})

test('bench leaves nothing behind, also where it is interrupted', async (t) => {
  const place = await Place.make(t)
  const stores = async () =>
    (await readdir(place.folder, { recursive: true })).filter((name) => /^queueup-bench-.*\.db$/.test(name))
  const bench = new Going(place, 'bench', '--folder', '.', '--jobs', '10000000')
  while ((await stores()).length === 0) await sleep(20)
  assert.equal(await bench.stop('SIGINT'), null)
  assert.deepEqual(await stores(), [])
})

test('top and bench print figures; top is one table without a terminal', async (t) => {
  const place = await Place.make(t, FILES)
  await place.run('put', 'quick', '--delay', '1h')
  assert.match((await place.run('top', '--every', '100ms')).out, /^QUEUE +READY[^\n]*\nquick +0 +0 +1 +0 +0 +0/)
  const [line] = await place.json<{ queue: string; inRate: number }[]>('top', '--every', '100ms')
  assert.deepEqual([line?.queue, line?.inRate], ['quick', 0])
  const bench = ['bench', '--jobs', '50', '--concurrency', '5', '--folder', '.']
  assert.match(
    (await place.run(...bench)).out,
    /put .*jobs\/s[^]*putMany .*jobs\/s[^]*work .*jobs\/s[^]*on the disk of/,
  )
  const figures = await place.json<{ put: number; work: number }>(...bench)
  assert.ok(figures.put > 0 && figures.work > 0)
  assert.equal((await place.run('bench', '--jobs', '0')).code, 2)
})
