import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import { pages } from './pages.ts'

test("docs/jobs/transactions.md says which tables are the store's own", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'queueup-tables-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'app.db')
  const store = await openSqlite({ path })
  await store.close()
  const db = new DatabaseSync(path)
  t.after(() => db.close())
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").all()

  const { text } = pages.find((page) => page.path === 'docs/jobs/transactions.md') ?? { text: '' }
  const named = /own are the tables ([^:]*):/.exec(text)?.[1] ?? ''
  assert.deepEqual(
    [...named.matchAll(/`(\w+)`/g)].map(([, name]) => name).sort(),
    tables.map(({ name }) => name).sort(),
  )
})
