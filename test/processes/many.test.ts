/** Eight processes on one file at once. */
import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

const PROCESSES = 8
const SECONDS = 4 * Number(process.env['QUEUEUP_LONG'] ?? 1)

interface Count {
  puts: number
  finished: number
  errors: string[]
  longest: number
}

async function said(child: ChildProcess): Promise<unknown> {
  const [message] = (await once(child, 'message')) as [unknown]
  return message
}

async function count(child: ChildProcess): Promise<Count> {
  const answer = said(child)
  child.send('count')
  return (await answer) as Count
}

test(
  'each makes progress and none sees a locked file, with one of them stopped, and an application in a transaction',
  { timeout: 60_000 + 3000 * SECONDS },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'queueup-many-'))
    const file = join(folder, 'jobs.db')
    const children: ChildProcess[] = []
    try {
      for (let i = 0; i < PROCESSES; i++) {
        const child = fork(join(import.meta.dirname, 'busy-worker.ts'), [file], {
          stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        })
        children.push(child)
        await said(child)
      }
      await sleep(1000 * SECONDS)
      const before = await Promise.all(children.map(count))

      const [stopped, ...others] = children as [ChildProcess, ...ChildProcess[]]
      const pausing = said(stopped)
      stopped.send('pause')
      await pausing
      stopped.kill('SIGSTOP')
      await sleep(500 * SECONDS)
      const meanwhile = await Promise.all(others.map(count))
      stopped.kill('SIGCONT')
      stopped.send('resume')

      const app = new DatabaseSync(file)
      while (!begin(app)) await sleep(1)
      await sleep(1000)
      app.exec('ROLLBACK')
      app.close()
      await sleep(500 * SECONDS)

      const after = await Promise.all(children.map(count))
      for (const [i, { errors, puts }] of after.entries()) {
        assert.deepEqual(errors, [], `process ${i}`)
        assert.ok(before[i] && before[i].puts > 10, `process ${i} had put ${before[i]?.puts}`)
        assert.ok(puts > before[i].puts, `process ${i} stands still`)
      }
      for (const [i, { puts }] of meanwhile.entries())
        assert.ok(puts > (before[i + 1] as Count).puts, `process ${i + 1} stood still while another was stopped`)
      await Promise.all(
        children.map((child) => {
          const gone = once(child, 'exit')
          child.send('end')
          return gone
        }),
      )
      const db = new DatabaseSync(file)
      assert.deepEqual({ ...db.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' })
      const { puts, gone, ready, reserved } = db
        .prepare('SELECT puts, gone, ready, reserved FROM queue')
        .get() as Record<string, number>
      const { jobs } = db.prepare('SELECT count(*) AS jobs FROM job').get() as { jobs: number }
      assert.deepEqual([reserved, ready], [0, jobs])
      assert.equal((puts ?? 0) - (gone ?? 0), jobs)
      db.close()
    } finally {
      for (const child of children) child.kill('SIGKILL')
      await rm(folder, { recursive: true, maxRetries: 5 })
    }
  },
)

function begin(db: DatabaseSync): boolean {
  try {
    db.exec('BEGIN IMMEDIATE')
    return true
  } catch {
    return false
  }
}
