/** What lies on the disk is its owner's alone. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const folder = mkdtempSync(join(tmpdir(), 'queueup-modes-'))
after(() => rmSync(folder, { recursive: true }))

const program = (path: string): string => `
  process.umask(0)
  const { openSqlite } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/stores/sqlite/index.ts'))})
  const { Users } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/access/index.ts'))})
  const store = await openSqlite({ path: ${JSON.stringify(path)} })
  await new Users(store).add('web', ['all:*'])
  const { readdirSync, statSync } = await import('node:fs')
  const { dirname } = await import('node:path')
  const modes = (of) => readdirSync(of, { recursive: true }).map((name) => [name.replace(/-processes\\/.*\\./, '-processes/x.'), (statSync(of + '/' + name).mode & 0o777).toString(8)])
  console.log(JSON.stringify(modes(dirname(${JSON.stringify(path)}))))
  await store.close()
`

function modesWithin(path: string): Record<string, string> {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program(path)], {
    encoding: 'utf8',
  })
  assert.ok(stdout, stderr)
  return Object.fromEntries(JSON.parse(stdout) as [string, string][])
}

test('the file, its journal and the folder of sockets are, whatever the umask', () => {
  const modes = modesWithin(join(folder, 'jobs.db'))
  assert.equal(modes['jobs.db'], '600')
  assert.equal(modes['jobs.db-wal'], '600')
  assert.equal(modes['jobs.db-shm'], '600')
  assert.equal(modes['jobs.db-processes'], '700')
  assert.equal(modes['jobs.db-processes/x.sock'], '600')
})

test('a socket that lies elsewhere, as its path would be too long, is', () => {
  const deep = mkdtempSync(join(folder, 'd'.repeat(90)))
  const before = new Set(readdirSync(tmpdir()))
  const listing = `
    const { readdirSync, statSync } = await import('node:fs')
    const before = new Set(${JSON.stringify([...before])})
    const { openSqlite } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/stores/sqlite/index.ts'))})
    process.umask(0)
    const store = await openSqlite({ path: ${JSON.stringify(join(deep, 'jobs.db'))} })
    console.log(JSON.stringify(readdirSync(${JSON.stringify(tmpdir())}).filter((name) => /^queueup-[0-9a-f]{24}\\.sock$/.test(name) && !before.has(name))
      .map((name) => (statSync(${JSON.stringify(tmpdir())} + '/' + name).mode & 0o777).toString(8))))
    await store.close()
  `
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', listing], { encoding: 'utf8' })
  const modes = JSON.parse(stdout || stderr) as string[]
  assert.ok(modes.length > 0)
  assert.ok(
    modes.every((mode) => mode === '600'),
    modes.join(),
  )
  assert.equal(statSync(join(deep, 'jobs.db')).mode & 0o777, 0o600)
})
