import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, test } from 'node:test'

interface Said {
  id?: string
  name?: string
  queue?: string
  ms?: number
  where?: string
  warning?: string
}

/** What a process tells whose event loop is blocked so. */
async function run(how: string): Promise<{ told: Said; id: string | undefined; code: unknown }> {
  const child = fork(join(import.meta.dirname, 'watchdog-child.ts'), [how], {
    stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
  })
  const said: Said[] = []
  child.on('message', (one) => said.push(one as Said))
  const [code] = (await once(child, 'exit')) as unknown[]
  const isTold = (one: Said) => one.ms !== undefined || one.warning !== undefined
  const told = said.find(isTold)
  assert.ok(told, `it said ${JSON.stringify(said)}`)
  return { told, id: said.find((one) => !isTold(one))?.id, code }
}

describe('a blocked event loop', { timeout: 60_000, concurrency: 2 }, () => {
  test('is told with the handler that was called and has not returned, its job and its place', async () => {
    const { told, id, code } = await run('sync')
    assert.deepEqual([told.name, told.queue, told.id], ['resize', 'resize', id])
    assert.match(told.where ?? '', /^shrink \(.*watchdog-child\.ts:\d+\)$/)
    assert.ok((told.ms ?? 0) >= 3000, `${told.ms} ms`)
    assert.equal(code, 0, 'and the process ends by itself')
  })

  test('is told with the handler on the stack, where it went on after an await beside others at work', async () => {
    const { told, id } = await run('resumed')
    assert.deepEqual([told.name, told.id], ['resize', id])
    assert.match(told.where ?? '', /^shrink /)
  })

  test('blames no handler for what the program does beside them', async () => {
    const { told } = await run('elsewhere')
    assert.deepEqual([told.name, told.id, told.queue], ['', '', ''])
    assert.match(told.where ?? '', /^shrink /)
  })

  test('is told by a watchdog that slept, since there was no work', async () => {
    const { told, id } = await run('idle')
    assert.deepEqual([told.name, told.id], ['resize', id])
    assert.match(told.where ?? '', /^shrink /)
  })

  test('is a warning of the process where nobody listens', async () => {
    const { told, id } = await run('warned')
    assert.match(
      told.warning ?? '',
      new RegExp(
        `^The event loop was blocked for \\d+\\.\\d s in handler resize \\(job ${id}\\), at shrink \\(.*\\)\\.$`,
      ),
    )
  })
})
