/**
 * A program that has the queue's file open by better-sqlite3, too: node other-sqlite-child.ts FILE. In a process of its own, since that is what is
 * dangerous. Prints how its handle was refused.
 */
import { createRequire } from 'node:module'
import { defineJobs, job, open } from '../../src/index.ts'

/** As much of it as is used here; its types are a package of their own. */
type Database = new (path: string) => { exec(sql: string): void; readonly inTransaction: boolean }
const Database = createRequire(import.meta.url)('better-sqlite3') as Database

const [, , file = ''] = process.argv
const queue = await open(`file:${file}`, { jobs: defineJobs({ greet: job() }) })
const db = new Database(file)
db.exec('BEGIN')
const told: Record<string, unknown> = { inTransaction: db.inTransaction }
const refusal = async (use: () => unknown): Promise<string> => {
  try {
    await use()
    return 'taken'
  } catch (error) {
    return String(error)
  }
}
told['putWithin'] = await refusal(() => queue.putWithin(db, 'greet'))
await queue.put('greet')
await new Promise<void>((resolve) =>
  queue.work({
    greet: async (_, ctx) => {
      told['complete'] = await refusal(() => ctx.complete(db))
      resolve()
    },
  }),
)
await queue.drained('greet')
told['counts'] = (await queue.counts(['greet']))[0]
await queue.close()
process.stdout.write(JSON.stringify(told))
