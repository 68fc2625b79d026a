/**
 * A disk that fails: syncs that are refused, and no room. What was acknowledged is kept, what wasn't is said to be unknown or not done, and whoever can
 * go on does.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import type { Reserved } from '../../src/job.ts'
import type { Unit } from '../../src/stores/store.ts'
import { queueup, Served } from '../cli/cli.ts'
import { install } from '../docs/workplace.ts'
import { needs } from '../needs.ts'
import type { Answer } from './disk-worker.ts'
import { queue, Worker, withDisk, type Disk, type Orders } from './disk.ts'

const FILE = 'jobs.db'
const IN_FLIGHT = 16
/** Of a worker that does what it should, fewer are needed by far. */
const MANY = 2000
const LIMIT = { timeout: 30_000 }

let keys = 0

/** What was asked and answered. */
class Log {
  readonly acknowledged: string[] = []
  readonly unknown: string[] = []
  readonly unavailable: string[] = []
  /** Acknowledged by a worker that had refused one before. */
  readonly late: string[] = []

  add(key: string, answer: Answer, refusedBefore: boolean): void {
    if (answer.ok) {
      this.acknowledged.push(key)
      if (refusedBefore) this.late.push(key)
    } else if (answer.code === 'QUEUEUP_UNKNOWN_OUTCOME') this.unknown.push(key)
    else if (answer.code === 'QUEUEUP_UNAVAILABLE') this.unavailable.push(key)
    else assert.fail(`${answer.code}: ${answer.message}`)
  }
}

/** Puts, so many at a time, until the store refuses. */
async function putUntilRefused(worker: Worker, log: Log, acknowledged: () => void): Promise<void> {
  let refused = false
  const one = async (): Promise<void> => {
    while (!refused) {
      const key = `job ${++keys}`
      const answer = await worker.put(key)
      log.add(key, answer, refused)
      assert.ok(log.acknowledged.length < MANY, 'it acknowledges whatever the disk says')
      if (answer.ok) acknowledged()
      else refused = true
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, one))
}

/** Puts one by one until the worker syncs on this thread. */
async function syncOn(thread: string, disk: Disk, worker: Worker, log: Log): Promise<void> {
  do {
    const key = `job ${++keys}`
    log.add(key, await worker.put(key), false)
    assert.ok(log.acknowledged.length < MANY, `it never syncs on its ${thread} thread`)
  } while (disk.syncs(worker.process.pid).at(-1)?.thread !== thread)
}

async function failingSync(processes: number, thread: string): Promise<void> {
  await withDisk(async (disk) => {
    const log = new Log()
    const workers: Worker[] = []
    const pace = processes === 1 ? 'quick' : undefined
    for (let i = 0; i < processes; i++) workers.push(await Worker.start(disk, FILE, pace))
    for (const worker of workers) await syncOn(thread, disk, worker, log)
    const before = log.acknowledged.length
    await Promise.all(
      workers.map((worker) => {
        let left = 40
        return putUntilRefused(worker, log, () => --left === 0 && disk.does('sync'))
      }),
    )
    assert.ok(log.acknowledged.length >= before + 40)
    const failed = disk.syncs().filter((sync) => sync.failed)
    assert.deepEqual([...new Set(failed.map((sync) => sync.thread))], [thread])

    // The disk says that it is well again, which proves nothing about what it refused before.
    disk.does('')
    for (const worker of workers) {
      const answer = await worker.put('later')
      assert.ok(!answer.ok && /tart again\.$/.test(answer.message), JSON.stringify(answer))
    }
    disk.does('sync')
    for (const worker of workers) assert.equal(await worker.close(), 0)
    const found = await disk.found(FILE)
    assert.deepEqual(log.late, [])
    assert.ok(log.unknown.length >= processes)
    assert.ok(!found.includes('later'))
    assert.deepEqual(missing(log.acknowledged, found), [])
    assert.deepEqual(missing(log.acknowledged, await disk.foundAfterPowerCut(FILE)), [])
    assert.deepEqual(
      log.unavailable.filter((key) => found.includes(key)),
      [],
    )
    assert.equal(new Set(found).size, found.length)
  })
}

/** Reserves the first ready job. */
async function reserve(worker: Worker): Promise<{ key: string; finish: Unit } | Answer> {
  const answer = await worker.commit({
    ops: [{ do: 'reserve', from: [queue], max: 1, bytes: 1e9, lease: { ms: 60_000, session: 'one' } }],
    unsynced: true,
  })
  const [result] = answer.ok ? answer.results : []
  if (!result?.ok || result.do !== 'reserve') return answer
  const { id, n, body } = result.jobs[0] as Reserved
  return { key: Buffer.from(body).toString(), finish: { ops: [{ do: 'finish', job: { id, n } }] } }
}

function isFull(answer: unknown): void {
  const { code, message } = answer as Partial<Extract<Answer, { ok: false }>>
  assert.equal(code, 'QUEUEUP_UNAVAILABLE', JSON.stringify(answer))
  assert.match(message ?? '', /is full, so nothing was written\. Make room, then try again\.$/)
}

async function noRoom(processes: number, orders: Orders): Promise<void> {
  await withDisk(async (disk) => {
    const log = new Log()
    const workers: Worker[] = []
    for (let i = 0; i < processes; i++) workers.push(await Worker.start(disk, FILE))
    const put = async (worker: Worker): Promise<void> => {
      const key = `job ${++keys}`
      log.add(key, await worker.put(key), false)
    }
    for (const worker of workers) for (let i = 0; i < 10; i++) await put(worker)
    const [first] = workers as [Worker]
    const held = await reserve(first)
    assert.ok('finish' in held)

    disk.does(orders)
    for (const worker of workers) {
      isFull(await worker.put('no room'))
      isFull(await reserve(worker))
    }
    isFull(await first.commit(held.finish))
    assert.deepEqual(await first.commit({ ops: [] }), { ok: true, results: [] })

    disk.does('')
    for (const worker of workers) await put(worker)
    assert.equal((await first.commit(held.finish)).ok, true)
    const next = await reserve(first)
    assert.ok('finish' in next)
    assert.equal(next.key, log.acknowledged[1])
    for (const worker of workers) await worker.kill()
    assert.deepEqual([log.unknown, log.unavailable], [[], []])
    const left = log.acknowledged.filter((key) => key !== held.key)
    assert.deepEqual(await disk.found(FILE), left)
    assert.deepEqual(await disk.foundAfterPowerCut(FILE), left)
  })
}

/** Several pages, so that one put is many writes. */
const BIG = 'x'.repeat(20_000)

async function noRoomAtEachWrite(): Promise<void> {
  await withDisk(async (disk) => {
    const worker = await Worker.start(disk, FILE)
    const acknowledged: string[] = []
    let writes = 0
    for (; ; writes++) {
      disk.does(`full ${writes}`)
      const key = `${writes} ${BIG}`
      const answer = await worker.put(key)
      disk.does('')
      if (answer.ok) break
      isFull(answer)
      assert.deepEqual(
        [await worker.put(`again ${key}`)].map((one) => one.ok),
        [true],
      )
      acknowledged.push(`again ${key}`)
    }
    assert.ok(writes > 10)
    acknowledged.push(`${writes} ${BIG}`)
    await worker.kill()
    assert.deepEqual(await disk.found(FILE), acknowledged)
    assert.deepEqual(await disk.foundAfterPowerCut(FILE), acknowledged)
  })
}

/** A connection that puts, some at a time, until it is told otherwise or closed. */
class Client {
  readonly acknowledged: string[] = []
  readonly others: string[] = []
  readonly closed: Promise<unknown>
  readonly #socket: Socket
  readonly #sent: string[] = []
  #more: () => boolean

  constructor(port: number, more: () => boolean) {
    this.#more = more
    this.#socket = connect(port, '127.0.0.1')
    this.closed = new Promise((resolve) => this.#socket.once('close', resolve))
    // A server that ends at once leaves unread what was sent to it, which its clients see as a reset.
    this.#socket.on('error', () => undefined)
    createInterface({ input: this.#socket })
      .on('line', (line) => this.#reply(line))
      .on('error', () => undefined)
    for (let i = 0; i < IN_FLIGHT; i++) this.#put()
  }

  #put(): void {
    const key = `job ${++keys}`
    this.#sent.push(key)
    this.#socket.write(`put 0 0 60 ${key.length}\r\n${key}\r\n`)
  }

  #reply(line: string): void {
    const key = this.#sent.shift() ?? 'nothing'
    if (line.startsWith('INSERTED ')) this.acknowledged.push(key)
    else this.others.push(line)
    if (this.#more()) this.#put()
    else if (this.#sent.length === 0) this.#socket.end()
  }
}

const SERVED = 'queueup.db'
const flags = (disk: Disk): string[] => ['beanstalkd', '-p', '0', '-b', disk.folder]

async function serverWithFailingSync(): Promise<void> {
  await withDisk(async (disk) => {
    const server = await Served.start(disk.folder, flags(disk), disk.env)
    let left = 200
    const clients = Array.from({ length: 4 }, () => {
      return new Client(server.port, () => {
        if (--left === 0) disk.does('sync')
        return true
      })
    })
    assert.equal(await server.ended, 1)
    await Promise.all(clients.map((client) => client.closed))
    const [why] = server.log.split('\n').filter((line) => line.includes('"level":60'))
    assert.match(why ?? server.log, /"code":"QUEUEUP_UNKNOWN_OUTCOME".*"the store has failed"/)
    assert.deepEqual(
      clients.flatMap((client) => client.others).filter((line) => line !== 'INTERNAL_ERROR'),
      [],
    )
    const acknowledged = clients.flatMap((client) => client.acknowledged)
    assert.ok(acknowledged.length >= 200)
    assert.deepEqual(missing(acknowledged, await disk.foundAfterPowerCut(SERVED)), [])

    disk.does('')
    const again = await Served.start(disk.folder, flags(disk), disk.env)
    assert.equal(await again.stop(), 0)
    assert.deepEqual(missing(acknowledged, await disk.found(SERVED)), [])
  })
}

async function serverWithoutRoom(): Promise<void> {
  await withDisk(async (disk) => {
    const server = await Served.start(disk.folder, flags(disk), disk.env)
    const socket = connect(server.port, '127.0.0.1')
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
    const next = async (): Promise<unknown> => (await lines.next()).value
    const ask = (command: string): Promise<unknown> => {
      socket.write(`${command}\r\n`)
      return next()
    }
    assert.equal(await ask('put 0 0 60 5\r\nfirst'), 'INSERTED 1')
    assert.deepEqual([await ask('reserve'), await next()], ['RESERVED 1 5', 'first'])

    let replies = 0
    const client = new Client(server.port, () => {
      if (++replies === 50) disk.does('full')
      return replies < 100
    })
    await client.closed
    assert.deepEqual([...new Set(client.others)], ['OUT_OF_MEMORY'])
    assert.equal(await ask('delete 1'), 'INTERNAL_ERROR')
    assert.equal(await ask('reserve-with-timeout 0'), 'INTERNAL_ERROR')
    assert.deepEqual([await ask('peek 1'), await next()], ['FOUND 1 5', 'first'])
    const late = await queueup(disk.folder, ['stats', '--store', SERVED], { env: disk.env })
    assert.deepEqual([late.code, late.out], [1, ''])
    assert.match(late.error, /^queueup: The disk of [^\n]+ is full, [^\n]+\n$/)

    disk.does('')
    assert.equal(await ask('delete 1'), 'DELETED')
    assert.match(String(await ask('put 0 0 60 4\r\nlast')), /^INSERTED /)
    const told = server.says('takes everything again').then(() => true)
    while (!(await Promise.race([told, sleep(200, false)]))) await ask('put 0 0 60 5\r\nagain')
    assert.equal(server.log.split('the disk is full').length, 2, server.log)
    socket.destroy()
    assert.equal(await server.stop('SIGKILL'), null)
    assert.deepEqual(
      (await disk.found(SERVED)).filter((one) => one !== 'again'),
      [...client.acknowledged, 'last'],
    )
  })
}

const JOBS = "import { defineJobs, job } from 'queueup'\nexport const jobs = defineJobs({ mail: job() })\n"

/** A command says why it can't, or works, whenever the room comes to its end: what was done and ends as a failure would be done again. */
async function commandWithoutRoom(...command: string[]): Promise<void> {
  await withDisk(async (disk) => {
    install(disk.folder)
    writeFileSync(join(disk.folder, 'jobs.ts'), JOBS)
    const run = (...args: string[]) => queueup(disk.folder, [...args, '--store', SERVED], { env: disk.env })
    assert.equal((await run('put', '--queue', 'mail', '--body', 'x')).code, 0)
    // So many writes are too few to open the store, and so many enough.
    let [few, enough] = [0, 64]
    while (enough - few > 1) {
      const writes = Math.floor((few + enough) / 2)
      disk.does(`full ${writes}`)
      const { code, out, error } = await run(...command)
      disk.does('')
      if (out === '') {
        assert.equal(code, 1)
        assert.match(error, /^queueup: The disk of [^\n]+ is full, [^\n]+\n$/)
        few = writes
      } else {
        assert.deepEqual([code, error], [0, ''])
        enough = writes
      }
    }
    assert.ok(few > 2 && enough < 64)
    disk.does('full')
    assert.match((await run(...command)).error, /^queueup: The disk of [^\n]+ is full, [^\n]+\n$/)
  })
}

function missing(wanted: readonly string[], found: readonly string[]): string[] {
  return wanted.filter((key) => !found.includes(key))
}

if (process.platform === 'linux' && needs('compiler')) {
  test('a sync beside the event loop is refused, while two processes share the file', LIMIT, () =>
    failingSync(2, 'other'),
  )
  test('a sync at once is refused', LIMIT, () => failingSync(1, 'main'))
  for (const orders of ['full', 'full grow'] as const) {
    test(`no room: ${orders}`, LIMIT, () => noRoom(1, orders))
    test(`no room: ${orders}, while two processes share the file`, LIMIT, () => noRoom(2, orders))
  }
  test('no room from any write of a put on', LIMIT, noRoomAtEachWrite)
  test('a server whose disk refuses to sync', LIMIT, serverWithFailingSync)
  test('a server that has no room for a while', LIMIT, serverWithoutRoom)
  test('a command that only looks, and finds no room', LIMIT, () => commandWithoutRoom('stats'))
  test('a command that puts a job, and finds no room', LIMIT, () => commandWithoutRoom('put', 'mail'))
}
