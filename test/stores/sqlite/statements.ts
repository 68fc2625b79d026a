/** Counts what a store asks of SQLite. */
import assert from 'node:assert/strict'
import { StatementSync } from 'node:sqlite'
import type { Op, Result, Store } from '../../../src/stores/store.ts'

/** Runs, and says how many statements that took. */
export async function counted(run: () => Promise<unknown>): Promise<number> {
  let statements = 0
  const methods = ['run', 'get', 'all'] as const
  const before = methods.map((name) => [name, StatementSync.prototype[name]] as const)
  for (const [name, method] of before)
    StatementSync.prototype[name] = function (this: StatementSync, ...values: never[]) {
      statements++
      return Reflect.apply(method, this, values) as never
    }
  try {
    await run()
  } finally {
    for (const [name, method] of before) StatementSync.prototype[name] = method as never
  }
  return statements
}

export async function commit(store: Store, ops: Op[]): Promise<Result[]> {
  const results = (await store.commit([{ ops }])[0]) as Result[]
  assert.ok(results.every(({ ok }) => ok))
  return results
}
