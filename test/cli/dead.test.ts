import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { openTarget } from '../../src/cli/open-target.ts'
import type { Op } from '../../src/stores/store.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'

const run = promisify(execFile)
const LETTERS = 10_000
const BATCH = 500
/** Bytes of a message. All of them together are far more than the memory that listing and sending them back may take. */
const SIZE = 8192
/** Megabytes. */
const GROWTH = 48
const WORD = 'needle'

test('10,000 dead letters are listed, searched and sent back by hundreds in bounded memory', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'queueup-dead-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'jobs.db')
  const store = await openSqlite({ path: file, durability: 'relaxed' })
  const commit = async (ops: Op[]) => (await store.commit([{ ops, unsynced: true }])[0]) ?? []
  await commit([{ do: 'record', key: 'queue/default/mail', value: { dead: 'default/mail.dead' } }])
  for (let n = 0; n < LETTERS; n += BATCH) {
    const puts = Array.from({ length: BATCH }, (_, i): Op => {
      const args = { n: n + i, text: `${(n + i) % 100 === 0 ? WORD : ''}${'x'.repeat(SIZE)}` }
      return {
        do: 'put',
        to: [{ queue: 'default/mail', create: true }],
        msg: { body: Buffer.from(JSON.stringify({ job: 'mail', args })) },
      }
    })
    const ids = (await commit(puts)).map((one) => (one.ok && one.do === 'put' && one.per[0]?.ok ? one.per[0].id : 0))
    const to = [{ queue: 'default/mail.dead', create: true }] as const
    await commit(ids.map((id): Op => ({ do: 'forward', job: { id }, to: [...to], why: 'exhausted' })))
  }
  await store.close()

  const child = join(import.meta.dirname, 'dead-child.ts')
  const { stdout } = await run(process.execPath, ['--max-old-space-size=40', child, file, 'mail.dead', WORD])
  const { grown, slices, ...rest } = JSON.parse(stdout) as { grown: number; slices: number[] }
  assert.deepEqual(rest, {
    queues: [{ queue: 'mail.dead', jobs: LETTERS, of: ['mail'] }],
    all: LETTERS,
    found: LETTERS / 100,
    few: LETTERS / 100,
    matching: LETTERS / 100,
  })
  assert.deepEqual(
    slices,
    Array.from({ length: LETTERS / 100 - 1 }, () => 100),
  )
  t.diagnostic(`it grew by ${grown} MB`)
  assert.ok(grown < GROWTH, `it grew by ${grown} MB`)

  const target = await openTarget(`file:${file}`)
  t.after(() => target.close())
  const [mail] = await target.stats()
  assert.deepEqual([mail?.queue, mail?.ready], ['mail', LETTERS])
})
