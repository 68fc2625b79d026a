import assert from 'node:assert/strict'
import { execFile, fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, afterEach, beforeEach, describe, test } from 'node:test'
import { promisify } from 'node:util'
import {
  defineJobs,
  InvalidArgumentError,
  job,
  LeaseLostError,
  open,
  type Events,
  type FollowedEvent,
  type JobQueue,
} from '../../src/index.ts'

const jobs = defineJobs({
  greet: job<{ name: string }>({ retries: 3, backoff: 1 }),
  count: job<{ name: string }, { letters: number }>({ result: true, retries: 0 }),
})

const run = promisify(execFile)

let folder: string
let file: string
let queue: JobQueue<typeof jobs>
let db: DatabaseSync

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'queueup-within-'))
  file = join(folder, 'app.db')
  queue = await open(`file:${file}`, { jobs })
  db = new DatabaseSync(file)
  db.exec('CREATE TABLE greeted (name TEXT)')
})
afterEach(async () => {
  if (db.isTransaction) db.exec('ROLLBACK')
  await queue.close()
  db.close()
  await rm(folder, { recursive: true })
})

const greeted = () => db.prepare('SELECT name FROM greeted').all().length
const counts = async () => {
  const [one] = await queue.counts(['greet'])
  return one && { ready: one.ready, reserved: one.reserved, delayed: one.delayed, buried: one.buried }
}
/** The next event of that name in this process. */
const next = <N extends 'done' | 'failed' | 'lost' | 'retried'>(name: N) =>
  new Promise<Events[N]>((resolve) => {
    const off = queue.on(name, (event) => (off(), resolve(event)))
  })

describe('putWithin', () => {
  test('rolled back leaves nothing, and nobody who follows hears of it', async () => {
    const events = await queue.follow()
    db.exec('BEGIN IMMEDIATE')
    queue.putWithin(db, 'greet', { name: 'Ada' })
    db.exec('ROLLBACK')
    assert.deepEqual(await queue.counts(['greet']), [])
    db.exec('BEGIN IMMEDIATE')
    const { id } = queue.putWithin(db, 'greet', { name: 'Grace' })
    db.exec('COMMIT')
    const { value } = await events.next()
    assert.equal((value as FollowedEvent & { id: string }).id, id)
    assert.deepEqual(await counts(), { ready: 1, reserved: 0, delayed: 0, buried: 0 })
  })

  test('refuses a handle that is closed, has no transaction, or has another file open, by name', () => {
    const closed = new DatabaseSync(file)
    closed.close()
    const other = new DatabaseSync(':memory:')
    other.exec('BEGIN')
    for (const [handle, message] of [
      [closed, /is closed/],
      [db, /BEGIN IMMEDIATE/],
      [other, /in memory/],
      [undefined, /no handle of node:sqlite/],
    ] as const)
      assert.throws(
        () => queue.putWithin(handle, 'greet', { name: 'Ada' }),
        (error) => error instanceof InvalidArgumentError && message.test(error.message),
      )
    other.close()
  })

  test('refuses a handle of better-sqlite3, and says why; so does ctx.complete', async () => {
    const child = join(import.meta.dirname, 'other-sqlite-child.ts')
    const { stdout } = await run(process.execPath, [child, join(folder, 'other.db')])
    const { inTransaction, putWithin, complete, counts } = JSON.parse(stdout) as Record<string, unknown>
    assert.equal(inTransaction, true)
    for (const refusal of [putWithin, complete])
      assert.match(String(refusal), /^InvalidArgumentError: .*no handle of node:sqlite.*lose each other's/s)
    const { ready, reserved, puts } = counts as Record<string, number>
    assert.deepEqual([ready, reserved, puts], [0, 0, 1], 'the job was done all the same')
  })
})

describe('across processes', { timeout: 30_000 }, () => {
  const children: ChildProcess[] = []
  after(() => children.forEach((child) => child.kill('SIGKILL')))

  test('what is put within a transaction is worked by a waiting process within moments of its commit', async () => {
    const child = fork(join(import.meta.dirname, 'follow-child.ts'), [file], { stdio: ['ignore', 2, 2, 'ipc'] })
    children.push(child)
    await once(child, 'message')
    const events = await queue.follow()
    child.send('work')
    await queue.put('greet', { name: 'first' })
    const done = async () => {
      for await (const event of { [Symbol.asyncIterator]: () => ({ next: () => events.next() }) })
        if (event.type === 'done') return
    }
    await done()
    db.exec('BEGIN IMMEDIATE')
    queue.putWithin(db, 'greet', { name: 'second' })
    await new Promise((resolve) => setTimeout(resolve, 50))
    db.exec('COMMIT')
    // The other process looks by itself for nothing: it must be woken.
    await done()
    child.send('end')
    await once(child, 'exit')
  })
})

describe('ctx.complete', { timeout: 30_000 }, () => {
  test("ends the job with the handler's own effects", async () => {
    const done = next('done')
    queue.work({
      greet: ({ args }, ctx) => {
        db.exec('BEGIN IMMEDIATE')
        db.prepare('INSERT INTO greeted VALUES (?)').run(args.name)
        ctx.complete(db)
        db.exec('COMMIT')
      },
    })
    const { id } = await queue.put('greet', { name: 'Ada' })
    assert.equal((await done).id, id)
    assert.equal(greeted(), 1)
    assert.equal(await queue.get(id), undefined)
  })

  test('rolled back by an error, is an attempt that failed: it is tried again', async () => {
    let attempts = 0
    const failed = next('failed')
    const done = next('done')
    queue.work({
      greet: ({ args }, ctx) => {
        attempts++
        db.exec('BEGIN IMMEDIATE')
        try {
          db.prepare('INSERT INTO greeted VALUES (?)').run(args.name)
          ctx.complete(db)
          if (attempts === 1) throw new Error('after all')
          db.exec('COMMIT')
        } catch (error) {
          db.exec('ROLLBACK')
          throw error
        }
      },
    })
    const { id } = await queue.put('greet', { name: 'Ada' })
    const { id: failing, error } = await failed
    assert.deepEqual([failing, String(error)], [id, 'Error: after all'])
    assert.equal((await done).id, id)
    assert.deepEqual([attempts, greeted()], [2, 1])
  })

  test('rolled back without a word, is tried again, too; a throw behind the commit takes nothing back', async () => {
    const errors: unknown[] = []
    queue.on('failed', ({ error }) => errors.push(error))
    let attempts = 0
    const done = next('done')
    queue.work({
      greet: (_job, ctx) => {
        attempts++
        db.exec('BEGIN IMMEDIATE')
        ctx.complete(db)
        db.exec(attempts === 1 ? 'ROLLBACK' : 'COMMIT')
        if (attempts === 2) throw new Error('too late')
      },
    })
    const { id } = await queue.put('greet', { name: 'Ada' })
    await done
    assert.equal(attempts, 2)
    assert.equal(errors.length, 1)
    assert.match(String(errors[0]), /The transaction in which the handler completed the job was rolled back/)
    assert.equal(await queue.get(id), undefined)
  })

  test('gives the result to the event and to who awaits it; one that JSON cannot say is an error there', async () => {
    const refused = Promise.withResolvers<unknown>()
    const done = next('done')
    queue.work({
      count: ({ args }, ctx) => {
        db.exec('BEGIN IMMEDIATE')
        try {
          ctx.complete(db, new Map([['letters', args.name.length]]))
        } catch (error) {
          refused.resolve(error)
        }
        ctx.complete(db, { letters: args.name.length })
        db.exec('COMMIT')
        return { letters: 0 }
      },
    })
    const { id } = await queue.put('count', { name: 'Ada' })
    const { attempt, result } = await done
    assert.deepEqual({ attempt, result }, { attempt: 1, result: { letters: 3 } })
    assert.deepEqual(await queue.result(id), { letters: 3 })
    assert.ok((await refused.promise) instanceof InvalidArgumentError)
  })

  test('rolled back, and the job deleted then: it is told as lost, not as done', async () => {
    const other = await open(`file:${file}`, { jobs })
    const told: string[] = []
    queue.on('done', () => told.push('done'))
    const lost = next('lost')
    queue.work({
      greet: async (_job, ctx) => {
        db.exec('BEGIN IMMEDIATE')
        ctx.complete(db)
        db.exec('ROLLBACK')
        const fired = once(ctx.signal, 'abort')
        await other.clear({ queue: 'greet', states: ['reserved'] })
        await fired
      },
    })
    await queue.put('greet', { name: 'Ada' })
    await Promise.race([lost, next('done')])
    assert.deepEqual(told, [])
    await other.close()
  })

  test('throws when the job is not its own any more, and the effects can be rolled back', async () => {
    const other = await open(`file:${file}`, { jobs })
    let thrown: unknown
    const lost = next('lost')
    queue.work({
      greet: async ({ args, id }, ctx) => {
        await other.clear({ queue: 'greet', states: ['reserved'] })
        db.exec('BEGIN IMMEDIATE')
        try {
          db.prepare('INSERT INTO greeted VALUES (?)').run(args.name)
          ctx.complete(db)
          db.exec('COMMIT')
        } catch (error) {
          thrown = error
          db.exec('ROLLBACK')
          throw error
        }
        return id
      },
    })
    await queue.put('greet', { name: 'Ada' })
    await lost
    assert.ok(thrown instanceof LeaseLostError)
    assert.equal(greeted(), 0)
    await other.close()
  })
})
