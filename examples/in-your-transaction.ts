// A job that is put in the same transaction as your own rows, and one that is done in it: both happen, or neither.
// In your own program: import { ... } from 'queueup'
import { DatabaseSync } from 'node:sqlite'
import { defineJobs, job, open } from '../src/index.ts'

const jobs = defineJobs({ welcome: job<{ name: string }>({ retries: 0 }) })
const queue = await open('file:app.db', { jobs })
// The same file, by Node's own SQLite. Another process may be writing for a moment.
const db = new DatabaseSync('app.db', { timeout: 5000 })
db.exec('CREATE TABLE customer (name TEXT NOT NULL, welcomed INTEGER NOT NULL DEFAULT 0)')

function within<T>(run: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = run()
    db.exec('COMMIT')
    return result
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}

function register(name: string): void {
  within(() => {
    db.prepare('INSERT INTO customer (name) VALUES (?)').run(name)
    queue.putWithin(db, 'welcome', { name })
    if (name === '') throw new Error('a customer needs a name')
  })
}

register('Ada')
try {
  register('')
} catch (error) {
  console.log((error as Error).message)
}
const [counts] = await queue.counts(['welcome'])
console.log(`jobs: ${counts?.ready}`)

queue.work({
  welcome({ args }, { complete }) {
    within(() => {
      db.prepare('UPDATE customer SET welcomed = welcomed + 1 WHERE name = ?').run(args.name)
      complete(db)
    })
  },
})
await queue.drained('welcome')
console.log(
  db
    .prepare('SELECT name, welcomed FROM customer')
    .all()
    .map((row) => ({ ...row })),
)
db.close()
await queue.close()

// Prints:
// a customer needs a name
// jobs: 1
// [ { name: 'Ada', welcomed: 1 } ]
