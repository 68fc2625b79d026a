import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { open } from '../../src/index.ts'
import { jobs } from './process-jobs.ts'

/** A queue on a file, and processes beside it. */
async function place(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'queueup-jobs-'))
  const file = join(folder, 'jobs.db')
  const queue = await open(`file:${file}`, { jobs })
  const children: ChildProcess[] = []
  t.after(async () => {
    for (const child of children) child.kill('SIGKILL')
    await queue.close()
    rmSync(folder, { recursive: true })
  })
  const start = async (...args: string[]) => {
    const child = fork(join(import.meta.dirname, 'process-child.ts'), [file, ...args])
    children.push(child)
    await once(child, 'message')
    return child
  }
  return { queue, start }
}

async function told(child: ChildProcess): Promise<unknown> {
  const [message] = (await once(child, 'message')) as [unknown]
  return message
}

test('a job that ends its process is started maxStarts times, and then set aside with the reason', async (t) => {
  const { queue, start } = await place(t)
  const { id } = await queue.put('exit')
  const codes: unknown[] = []
  const state = async () => (await queue.get(id))?.state
  for (let deaths = 0; deaths < 3; deaths++) {
    const child = await start('work')
    codes.push((await once(child, 'exit'))[0])
  }
  const survivor = await start('work')
  while ((await state()) !== 'buried') await sleep(20)
  survivor.kill('SIGTERM')
  await once(survivor, 'exit')
  assert.deepEqual(codes, [7, 7, 7])
  const dead = await queue.get(id)
  assert.deepEqual([dead?.why, dead?.failures], ['exhausted', 3])
  assert.match(dead?.error ?? '', /ended 3 times with the job in hand.*maxStarts is 3/)
})

test('jobs that a process took along when it died, and that it had not started, are worked all the same', async (t) => {
  const { queue, start } = await place(t)
  const { id } = await queue.put('exit', undefined, { maxStarts: 2 })
  // They come back with it each time, and it is called before them.
  const beside = await queue.putAll([
    ['add', { a: 1, b: 1 }, { maxStarts: 2 }],
    ['add', { a: 2, b: 2 }, { retries: 1 }],
    ['add', { a: 3, b: 3 }, { retries: 0 }],
  ])
  for (let deaths = 0; deaths < 2; deaths++) {
    const child = await start('work')
    await once(child, 'exit')
  }
  await start('work')
  assert.deepEqual(await Promise.all(beside.map((one) => queue.result(one.id, { timeout: '30s' }))), [2, 4, 6])
  while ((await queue.get(id))?.state !== 'buried') await sleep(20)
  const dead = await queue.get(id)
  assert.deepEqual([dead?.why, dead?.failures], ['exhausted', 2])
  assert.match(dead?.error ?? '', /ended 2 times with the job in hand.*maxStarts is 2/)
})

test('a job that may be started once is not started again when it took its process along', async (t) => {
  const { queue, start } = await place(t)
  const { id } = await queue.put('exit', undefined, { retries: 0 })
  const child = await start('work')
  await once(child, 'exit')
  await start('work')
  while ((await queue.get(id))?.state !== 'buried') await sleep(20)
  assert.deepEqual(await queue.get(id).then((dead) => [dead?.why, dead?.failures]), ['exhausted', 1])
})

test('a cancel reaches the process that works the job', async (t) => {
  const { queue, start } = await place(t)
  const child = await start('work')
  const begun = told(child)
  const { id } = await queue.put('wait', { n: 1 })
  assert.deepEqual(await begun, { begun: 1 })
  const signal = told(child)
  assert.equal(await queue.cancel(id), 'told')
  assert.deepEqual(await signal, { signal: 'CancelledError' })
  while (await queue.get(id)) await sleep(10)
})

test('a result reaches the process that awaits it, which nothing else keeps alive', async (t) => {
  const { queue, start } = await place(t)
  const put = await queue.put('add', { a: 1, b: 2 })
  const [waits, drained] = await Promise.all([start('result', put.id), start('drained')])
  const answers = [told(waits), told(drained)]
  await start('work')
  assert.deepEqual(await Promise.all(answers), [{ answer: 3 }, { answer: 'drained' }])
  assert.equal(await put.result({ timeout: '10s' }), 3)
})

test('a process that is killed loses its job to another one; one that is told to stop gives it back uncounted', async (t) => {
  const { queue, start } = await place(t)
  const first = await start('work')
  const begun = told(first)
  const { id } = await queue.put('wait', { n: 1 })
  await begun
  first.kill('SIGKILL')
  await once(first, 'exit')
  const second = await start('work')
  assert.deepEqual(await told(second), { begun: 1 })
  assert.deepEqual(await queue.get(id).then((one) => [one?.starts, one?.failures]), [2, 1])
  const signal = told(second)
  second.kill('SIGTERM')
  assert.deepEqual(await signal, { signal: 'StoppedError' })
  await once(second, 'exit')
  assert.deepEqual(await queue.get(id).then((one) => [one?.state, one?.starts, one?.failures]), ['ready', 1, 1])
})

test('a signal that comes twice at the same moment is one; a later one ends the process', async (t) => {
  const { queue, start } = await place(t)
  await queue.put('wait', { n: 2 })
  const child = await start('work')
  assert.deepEqual(await told(child), { begun: 2 })
  const signal = told(child)
  child.kill('SIGTERM')
  assert.deepEqual(await signal, { signal: 'StoppedError' })
  child.send('go on')
  assert.deepEqual(await once(child, 'exit'), [0, null])

  const stubborn = await start('work')
  assert.deepEqual(await told(stubborn), { begun: 2 })
  const again = setInterval(() => stubborn.kill('SIGTERM'), 100)
  assert.deepEqual(await once(stubborn, 'exit'), [null, 'SIGTERM'])
  clearInterval(again)
})
