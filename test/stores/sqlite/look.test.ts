/** What pages cost in a file, by the plans of their statements: a time would say more of the machine. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { mock, test } from 'node:test'
import { openSqlite } from '../../../src/stores/sqlite/index.ts'
import type { Look, Op } from '../../../src/stores/store.ts'
import { commit } from './statements.ts'

test('no page sorts jobs that are due at one moment, or were buried', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'queueup-look-'))
  const path = join(folder, 'jobs.db')
  const store = await openSqlite({ path, durability: 'relaxed' })
  const queue = 'default/mail'
  const at = store.now() + 60_000
  const prepare = mock.method(DatabaseSync.prototype, 'prepare')
  try {
    for (const target of [{ at }, { at }, {}, {}, {}, {}])
      await commit(store, [{ do: 'put', to: [{ queue, create: true, ...target }], msg: { body: Buffer.from('x') } }])
    const [taken] = await commit(store, [{ do: 'reserve', from: [queue], max: 4, bytes: 1e9, lease: { ms: 60_000 } }])
    assert.ok(taken?.ok && taken.do === 'reserve')
    for (const { id, n } of taken.jobs.slice(2)) await commit(store, [{ do: 'bury', job: { id, n }, why: 'asked' }])
    prepare.mock.resetCalls()
    for (const [state, order] of [
      ['delayed', 'due'],
      ['reserved', 'due'],
      ['buried', 'buried'],
    ] as const) {
      const page: Look = { where: { queue, states: [state] }, order, limit: 1 }
      const first = await store.look(page)
      const { after } = first
      assert.ok(after)
      const second = await store.look({ ...page, after })
      assert.deepEqual(
        [first, second].map(({ jobs }) => jobs.length),
        [1, 1],
      )
      assert.ok((first.jobs[0]?.id ?? 0) < (second.jobs[0]?.id ?? 0))
    }
    await commit(store, [{ do: 'bulk', where: { queue, states: ['delayed'] }, act: 'kick', limit: 1 }])
    const db = new DatabaseSync(path)
    const pages = prepare.mock.calls
      .map((call) => call.arguments[0])
      .filter((sql) => /FROM job.*ORDER BY at/s.test(sql))
    assert.equal(pages.length, 7)
    for (const sql of pages)
      assert.doesNotMatch(JSON.stringify(db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all()), /TEMP B-TREE/, sql)
    db.close()
  } finally {
    prepare.mock.restore()
    await store.close()
    await rm(folder, { recursive: true })
  }
})

test('a slice of a bulk goes on behind the one before without a look at what comes first', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'queueup-look-'))
  const path = join(folder, 'jobs.db')
  const store = await openSqlite({ path, durability: 'relaxed' })
  const queue = 'default/mail'
  const prepare = mock.method(DatabaseSync.prototype, 'prepare')
  try {
    for (const [state, plan] of [
      ['ready', /job_ready \(queue=\? AND \(pri,rank\)>\(\?,\?\)\)/],
      ['delayed', /job_delayed_in \(queue=\? AND at>\?\)/],
      ['reserved', /job_reserved \(at>\?\)/],
      ['buried', /job_buried \(queue=\? AND at>\?\)/],
      ['waiting', /job USING INTEGER PRIMARY KEY \(rowid>\?\)/],
    ] as const) {
      const put: Op = {
        do: 'put',
        to: [{ queue, create: true, ...(state === 'delayed' && { at: store.now() + 60_000 }) }],
        msg: { body: Buffer.from('x'), ...(state === 'waiting' && { group: 'g' }) },
      }
      for (const result of await commit(store, [put, put, put, put]))
        if (state === 'buried' && result.ok && result.do === 'put' && result.per[0]?.ok)
          await commit(store, [{ do: 'bury', job: { id: result.per[0].id }, why: 'asked' }])
      if (state === 'reserved')
        await commit(store, [{ do: 'reserve', from: [queue], max: 4, bytes: 1e9, lease: { ms: 60_000 } }])
      const op: Op = { do: 'bulk', where: { queue, states: [state] }, act: 'delete', limit: 1 }
      const [slice] = await commit(store, [op])
      assert.ok(slice?.ok && slice.do === 'bulk' && slice.after)
      prepare.mock.resetCalls()
      const [next] = await commit(store, [{ ...op, after: slice.after }])
      assert.ok(next?.ok && next.do === 'bulk' && next.count === 1)
      const [sql] = prepare.mock.calls.map((call) => call.arguments[0]).filter((sql) => /FROM job .*LIMIT/s.test(sql))
      const db = new DatabaseSync(path)
      assert.match(JSON.stringify(db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all()), plan, sql)
      db.close()
      await commit(store, [{ ...op, where: { queue, states: [state, 'ready'] }, limit: 9 }])
    }
  } finally {
    prepare.mock.restore()
    await store.close()
    await rm(folder, { recursive: true })
  }
})
