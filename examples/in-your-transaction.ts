// A job that is put in the same transaction as the application's own rows: both are there, or neither.
// In your own program: import { ... } from 'queueup'
import { DatabaseSync } from 'node:sqlite'
import { openStore } from '../src/index.ts'

const store = await openStore('file:app.db')
// Another process may be writing for a moment.
const db = new DatabaseSync('app.db', { timeout: 5000 })
db.exec('CREATE TABLE IF NOT EXISTS customer (name TEXT NOT NULL)')

function register(name: string): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    db.prepare('INSERT INTO customer (name) VALUES (?)').run(name)
    const to = [{ queue: 'default/welcome' as const, create: true as const }]
    store.within?.(db).commit({ ops: [{ do: 'put', to, msg: { body: Buffer.from(name) } }] })
    if (name === '') throw new Error('a customer needs a name')
    db.exec('COMMIT')
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}

register('Ada')
try {
  register('')
} catch (error) {
  console.log((error as Error).message)
}

const [welcome] = await store.stats(['default/welcome'])
console.log(`customers: ${db.prepare('SELECT name FROM customer').all().length}, jobs: ${welcome?.ready}`)
db.close()
await store.close()

// Prints:
// a customer needs a name
// customers: 1, jobs: 1
