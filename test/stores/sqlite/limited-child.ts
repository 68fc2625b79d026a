/** Puts jobs into a file that may not grow for ever, and says how it went. */
import { QueueupError } from '../../../src/errors.ts'
import { openSqlite } from '../../../src/stores/sqlite/index.ts'

const [, , path = '', jobs, bytes] = process.argv
const store = await openSqlite({ path })
const body = Buffer.alloc(Number(bytes), 'x')
const refusals: string[] = []
let acknowledged = 0
let afterRefusal = 0
for (let i = 0; i < Number(jobs); i++)
  try {
    await store.commit([{ ops: [{ do: 'put', to: [{ queue: 'default/a', create: true }], msg: { body } }] }])[0]
    acknowledged++
    if (refusals.length > 0) afterRefusal++
  } catch (error) {
    if (!(error instanceof QueueupError)) throw error
    refusals.push(`${error.code} ${error.message}`)
  }
await store.close().catch(() => undefined)
process.stdout.write(JSON.stringify({ acknowledged, afterRefusal, refusals: [...new Set(refusals)] }))
