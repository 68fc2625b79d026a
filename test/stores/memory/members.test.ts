import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Row } from '../../../src/stores/machine/row.ts'
import { Members } from '../../../src/stores/memory/members.ts'
import { stepsOf } from './steps.ts'

const JOBS = 10_000

test('the first jobs of a long group are taken together, and leave, without a move of those behind them', () => {
  const members = new Members()
  const rows = Array.from({ length: JOBS }, (_, i) => ({ rank: i }) as Row)
  for (const row of rows) members.enter(row)
  const steps = stepsOf(() => {
    for (let i = 0; i < 1000; i += 10) {
      const taken = rows.slice(i, i + 10)
      for (const row of taken) {
        members.leave(row)
        members.enter(row)
        assert.equal(members.after(row), rows[row.rank + 1])
      }
      for (const row of taken) members.leave(row)
      assert.equal(members.first, rows[i + 10])
    }
  })
  assert.equal(members.size, JOBS - 1000)
  assert.ok(steps < 2 * JOBS, `${steps} for 1000 jobs`)
})
