import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, open, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import fc from 'fast-check'
import type { Clock } from '../../../src/clock.ts'
import { BinlogError, UnavailableError, UnknownOutcomeError } from '../../../src/errors.ts'
import { readBinlog, type LoggedJob } from '../../../src/protocols/beanstalkd/binlog-reader.ts'
import { importBinlog, lockBinlog } from '../../../src/protocols/beanstalkd/binlog.ts'
import { openMemory } from '../../../src/stores/memory/index.ts'
import { openSqlite } from '../../../src/stores/sqlite/index.ts'
import type { JobView, Store } from '../../../src/stores/store.ts'
import { ManualClock } from '../../../src/testing/clock.ts'
import { realBeanstalkd } from '../../interop/peer.ts'
import { Talk } from '../../interop/talk.ts'
import { needs } from '../../needs.ts'

/** The logs are written, and read again, by a real one. */
const real = needs('beanstalkd')

let root: string
before(async () => (root = await mkdtemp(join(tmpdir(), 'queueup-binlog-'))))
after(() => rm(root, { recursive: true }))

let made = 0
async function folder(): Promise<string> {
  const dir = join(root, String(made++))
  await mkdir(dir)
  return dir
}

/** The folder of a beanstalkd that did this. `flags`: its own. */
async function logOf(run: (talk: Talk) => Promise<void>, flags: string[] = [], dir?: string): Promise<string> {
  const at = dir ?? (await folder())
  const peer = await realBeanstalkd(['-b', at, '-f0', ...flags])
  try {
    const talk = await Talk.to({ host: '127.0.0.1', port: peer.port })
    await run(talk)
    await talk.close()
  } finally {
    await peer.stop()
  }
  return at
}

async function bodyOf(dir: string, { body }: LoggedJob): Promise<string> {
  return (await readFile(join(dir, body.file))).toString('latin1', body.at, body.at + body.size)
}

/** `key: value` lines of a statistics reply. */
function yaml(reply: string | undefined): Record<string, string> {
  return Object.fromEntries(
    [...(reply ?? '').matchAll(/^([a-z-]+): (.*)$/gm)].map(([, key = '', value = '']) => [key, value]),
  )
}

/** What beanstalkd itself makes of a copy of the log: its stats-job of each job in a life of its own, as readBinlog would tell them. */
async function replayed(dir: string, ids: number): Promise<Map<number, Record<string, unknown>>> {
  const copy = await folder()
  await cp(dir, copy, { recursive: true })
  const jobs = new Map<number, Record<string, unknown>>()
  await logOf(
    async (talk) => {
      for (let id = 1; id <= ids; id++) {
        const stats = yaml(await talk.ask(`stats-job ${id}`))
        if (!stats['id']) continue
        // Its replay buries each buried job once more.
        const buries = Number(stats['buries']) - (stats['state'] === 'buried' ? 1 : 0)
        jobs.set(id, {
          tube: stats['tube'],
          state: stats['state'],
          pri: Number(stats['pri']),
          ttr: Number(stats['ttr']),
          // Of a delayed one: the seconds left.
          left: stats['state'] === 'delayed' ? Number(stats['time-left']) : 0,
          counts: [
            ...['reserves', 'timeouts', 'releases'].map((key) => Number(stats[key])),
            buries,
            Number(stats['kicks']),
          ],
          body: (await talk.ask(`peek ${id}`))?.replace(/^.*\r\n/, ''),
        })
      }
    },
    [],
    copy,
  )
  return jobs
}

async function asReplayed(dir: string): Promise<Map<number, Record<string, unknown>>> {
  const { jobs } = await readBinlog(dir)
  const now = Date.now()
  return new Map(
    await Promise.all(
      jobs.map(async (job) => {
        const { releases, timeouts, buries, kicks } = job.counts
        const value = {
          tube: job.tube,
          state: job.state,
          pri: job.pri,
          ttr: job.ttr / 1000,
          left: job.state === 'delayed' ? Math.floor((job.due - now) / 1000) : 0,
          counts: [job.reserves, timeouts, releases, buries, kicks],
          body: await bodyOf(dir, job),
        }
        return [job.id, value] as const
      }),
    ),
  )
}

function same(ours: Map<number, Record<string, unknown>>, theirs: Map<number, Record<string, unknown>>): void {
  assert.deepEqual(
    [...ours.keys()].sort((a, b) => a - b),
    [...theirs.keys()],
  )
  for (const [id, job] of theirs) {
    const mine = ours.get(id) ?? {}
    // Both floor a time that passed between.
    assert.ok(
      Math.abs(Number(mine['left']) - Number(job['left'])) <= 1,
      `job ${id}: ${String(mine['left'])} s left, not ${String(job['left'])}`,
    )
    assert.deepEqual({ ...mine, left: 0 }, { ...job, left: 0 }, `job ${id}`)
  }
}

if (real)
  describe("beanstalkd's binlog", () => {
    it('is read as beanstalkd reads it: each state, priority, delay, time to run and counter', async () => {
      const dir = await logOf(async (talk) => {
        await talk.ask('put 7 0 60 5', 'ready')
        await talk.ask('put 8 1000 61 7', 'delayed')
        await talk.ask('use emails')
        await talk.ask('watch emails')
        for (const body of ['first', 'second', 'third', '']) await talk.ask(`put 1 0 62 ${body.length}`, body)
        for (const id of [3, 4, 5, 6]) await talk.ask(`reserve-job ${id}`)
        await talk.ask('bury 5 9')
        await talk.ask('bury 3 10')
        await talk.ask('release 4 11 2000')
        await talk.ask('put 4294967295 4294967295 4294967295 1', 'x')
        await talk.ask('put 0 0 0 1', 'y')
        await talk.ask('delete 8')
      })
      const jobs = await asReplayed(dir)
      assert.deepEqual([...jobs.keys()], [1, 2, 4, 6, 7, 5, 3], 'buried ones behind, in the order of their burial')
      assert.deepEqual(jobs.get(3), {
        tube: 'emails',
        state: 'buried',
        pri: 10,
        ttr: 62,
        left: 0,
        counts: [1, 0, 0, 1, 0],
        body: 'first',
      })
      same(jobs, await replayed(dir, 10))
      assert.equal((await readBinlog(dir)).highest, 8)
    })

    it('is read as beanstalkd reads it after any history, over many files', async () => {
      const id = fc.integer({ min: 1, max: 60 })
      const tube = fc.constantFrom('a', 'b', 'c')
      const pri = fc.integer({ min: 0, max: 5 })
      const size = fc.integer({ min: 0, max: 300 })
      const delay = fc.constantFrom(0, 0, 500)
      const step = fc.oneof(
        { weight: 3, arbitrary: fc.record({ do: fc.constant('put' as const), tube, pri, delay, size }) },
        {
          weight: 9,
          arbitrary: fc.record({ do: fc.constantFrom('delete', 'delete', 'delete', 'reserve-job', 'kick-job'), id }),
        },
        { weight: 2, arbitrary: fc.record({ do: fc.constant('bury' as const), id, pri }) },
        { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), id, pri, delay }) },
      )
      const [history] = fc.sample(fc.array(step, { minLength: 2500, maxLength: 2500, size: 'max' }), {
        seed: 11,
        numRuns: 1,
      })
      assert.ok(history)
      let last = 0
      const dir = await logOf(
        async (talk) => {
          for (const at of history) {
            // Ids near the newest, so that there is something to do.
            const of = 'id' in at ? Math.max(1, last - at.id) : 0
            if ('size' in at) {
              await talk.ask(`use ${at.tube}`)
              const reply = await talk.ask(`put ${at.pri} ${at.delay} 100 ${at.size}`, 'x'.repeat(at.size))
              last = Number(reply?.split(' ')[1])
            } else if ('delay' in at) await talk.ask(`release ${of} ${at.pri} ${at.delay}`)
            else if ('pri' in at) await talk.ask(`bury ${of} ${at.pri}`)
            else await talk.ask(`${at.do} ${of}`)
          }
        },
        ['-s', '4096'],
      )
      const log = await readBinlog(dir)

      assert.ok(log.files.length > 5 && log.files[0] !== 'binlog.1', 'old files were merged into new ones')
      assert.ok(log.jobs.some((job) => job.state === 'buried') && log.jobs.some((job) => job.state === 'delayed'))
      assert.deepEqual(log.damaged, [])
      same(await asReplayed(dir), await replayed(dir, last))
    })

    it('of a beanstalkd that was killed is read, too', async () => {
      const dir = await folder()
      const peer = await realBeanstalkd(['-b', dir, '-f0'])
      const talk = await Talk.to({ host: '127.0.0.1', port: peer.port })
      await talk.ask('put 1 0 60 4', 'body')
      peer.process.kill('SIGKILL')
      await peer.stop()
      const { jobs, damaged } = await readBinlog(dir)
      assert.deepEqual(
        jobs.map((job) => job.id),
        [1],
      )
      assert.deepEqual(damaged, [])
    })

    it('that is cut off at any byte gives the whole records before, and says where', async () => {
      const dir = await logOf(async (talk) => {
        for (let n = 0; n < 3; n++) await talk.ask('put 1 0 60 4', 'body')
        await talk.ask('delete 2')
      })
      const file = join(dir, 'binlog.1')
      // Version, three puts into `default`, a delete.
      const put = 4 + 7 + 80 + 6
      const ends = [4 + put, 4 + 2 * put, 4 + 3 * put, 4 + 3 * put + 84]
      for (let size = 4 + 3 * put + 84; size > 4 + put; size--) {
        await truncate(file, size)
        const { jobs, damaged } = await readBinlog(dir)
        const whole = ends.filter((end) => end <= size)
        const at = whole.at(-1)
        assert.deepEqual(
          jobs.map((job) => job.id),
          [[1], [1, 2], [1, 2, 3], [1, 3]][whole.length - 1],
          `cut to ${size}`,
        )
        // The first bytes of a short record are the zeros that a file is made of, too.
        if (size === at || (whole.length === 3 && size < 4 + 3 * put + 5))
          assert.deepEqual(damaged, [], `cut to ${size}`)
        else assert.deepEqual(damaged, [`binlog.1 at byte ${at}`], `cut to ${size}`)
      }
    })

    it('with a record of garbage gives those before it, and the files behind', async () => {
      const dir = await logOf(
        async (talk) => {
          for (let n = 0; n < 60; n++) await talk.ask('put 1 0 60 100', 'x'.repeat(100))
        },
        ['-s', '4096'],
      )
      const { files, jobs } = await readBinlog(dir)
      assert.ok(files.length > 2)
      const inFirst = jobs.filter((job) => job.body.file === 'binlog.1').map((job) => job.id)
      const third = jobs[2]
      assert.ok(third)
      const handle = await open(join(dir, 'binlog.1'), 'r+')
      await handle.write(Buffer.alloc(40), 0, 40, third.body.at + 80)
      await handle.close()
      const read = await readBinlog(dir)
      assert.deepEqual(read.damaged, [`binlog.1 at byte ${4 + 2 * (4 + 7 + 80 + 102)}`])
      assert.deepEqual(
        read.jobs.map((job) => job.id),
        jobs.map((job) => job.id).filter((id) => id < 3 || !inFirst.includes(id)),
      )
    })

    it('with any bytes changed is read in part or refused, and never anything else', async () => {
      const dir = await logOf(async (talk) => {
        for (let n = 0; n < 10; n++) await talk.ask(`put 1 0 60 ${n}`, 'x'.repeat(n))
        await talk.ask('reserve-job 3')
        await talk.ask('bury 3 1')
        await talk.ask('delete 4')
      })
      const file = join(dir, 'binlog.1')
      const whole = (await readFile(file)).subarray(0, 1600)
      await rm(file)
      const change = fc.record({
        at: fc.nat(whole.length - 1),
        to: fc.oneof(fc.nat(255), fc.constantFrom(0, 0x7f, 0x80, 0xff)),
      })
      await fc.assert(
        fc.asyncProperty(
          fc.array(change, { minLength: 1, maxLength: 12 }),
          fc.nat(whole.length),
          async (changes, size) => {
            const bytes = Buffer.from(whole)
            for (const { at, to } of changes) bytes[at] = to
            await writeFile(file, bytes.subarray(0, size))
            try {
              for (const job of (await readBinlog(dir)).jobs) assert.ok(job.body.at + job.body.size <= size)
            } catch (error) {
              if (!(error instanceof BinlogError)) throw error
            }
          },
        ),
        { numRuns: 500 },
      )
    })

    it('that may not be read is refused with the reason', async () => {
      const dir = await folder()
      await mkdir(join(dir, 'binlog.1'))
      await assert.rejects(
        readBinlog(dir),
        (error: Error) => error instanceof BinlogError && /binlog\.1 is no file/.test(error.message),
      )
    })

    it('of another version is refused, and one of which nothing can be read', async () => {
      const dir = await folder()
      await writeFile(join(dir, 'binlog.1'), Buffer.from([9, 0, 0, 0, 1]))
      await assert.rejects(
        readBinlog(dir),
        (error: Error) => error instanceof BinlogError && /version 9/.test(error.message),
      )
      await writeFile(join(dir, 'binlog.1'), Buffer.concat([Buffer.from([7, 0, 0, 0]), Buffer.alloc(200, 0xff)]))
      await assert.rejects(readBinlog(dir), BinlogError)
    })

    it('of version 5 is read as beanstalkd reads it', async () => {
      const dir = await folder()
      const now = BigInt(Date.now()) * 1000n
      const record = (tube: string, id: bigint, state: number, body: string) => {
        const name = Buffer.alloc(8 + tube.length)
        name.writeBigUInt64LE(BigInt(tube.length))
        name.write(tube, 8, 'latin1')
        const r = Buffer.alloc(77)
        r.writeBigUInt64LE(id)
        r.writeUInt32LE(7, 8)
        r.writeBigUInt64LE(1000_000_000n, 16)
        r.writeBigUInt64LE(60_000_000n, 24)
        r.writeInt32LE(body.length + 2, 32)
        r.writeBigUInt64LE(now, 40)
        r.writeBigUInt64LE(now + 1000_000_000n, 48)
        for (let n = 0; n < 5; n++) r.writeUInt32LE(n + 1, 56 + 4 * n)
        r[76] = state
        return Buffer.concat([name, r, Buffer.from(tube ? `${body}\r\n` : '')])
      }
      const records = [
        record('old', 1n, 1, 'one'),
        record('old', 2n, 1, 'two'),
        record('old', 3n, 4, 'three'),
        record('', 1n, 3, 'one'),
        record('', 2n, 0, 'two'),
      ]
      await writeFile(join(dir, 'binlog.1'), Buffer.concat([Buffer.from([5, 0, 0, 0]), ...records, Buffer.alloc(500)]))
      const jobs = await asReplayed(dir)
      assert.deepEqual(jobs.get(1)?.['counts'], [1, 2, 3, 4, 5])
      same(jobs, await replayed(dir, 3))
    })

    it('is locked while beanstalkd runs on it, and keeps beanstalkd from starting while it is read', async () => {
      const dir = await folder()
      const peer = await realBeanstalkd(['-b', dir])
      await assert.rejects(
        lockBinlog(dir),
        (error: Error) =>
          error instanceof BinlogError && error.message.includes(`beanstalkd is running on the binlog in ${dir}`),
      )
      await peer.stop()
      const files = await readdir(dir)
      const unlock = await lockBinlog(dir)
      await assert.rejects(realBeanstalkd(['-b', dir]), /failed to lock wal dir/)
      unlock()
      assert.deepEqual(await readdir(dir), files)
      await (await realBeanstalkd(['-b', dir])).stop()
    })
  })

/** The job as a store shows it. */
async function shown(store: Store, id: number): Promise<JobView | undefined> {
  return (await store.look({ id, limit: 1, with: ['body'] })).jobs[0]
}

/** How many an import brought. */
async function jobsOf(imported: ReturnType<typeof importBinlog>): Promise<number | undefined> {
  const done = await imported
  return typeof done === 'object' ? done.jobs : undefined
}

async function nextId(store: Store): Promise<number> {
  const [result] =
    (await store.commit([
      { ops: [{ do: 'put', to: [{ queue: 'default/other', create: true }], msg: { body: Buffer.from('new') } }] },
    ])[0]) ?? []
  assert.ok(result?.ok && result.do === 'put' && result.per[0]?.ok)
  return result.per[0].id
}

const stores: { name: string; open(clock: Clock): Promise<Store> }[] = [
  { name: 'memory', open: async (clock) => openMemory({ clock }) },
  { name: 'file', open: async (clock) => openSqlite({ path: join(await folder(), 'jobs.db'), clock }) },
]

for (const { name, open: openStore } of real ? stores : [])
  describe(`the import of a binlog (${name})`, () => {
    const opened: Store[] = []
    afterEach(() => Promise.all(opened.splice(0).map((store) => store.close())))
    async function storeAt(clock: Clock): Promise<Store> {
      const store = await openStore(clock)
      opened.push(store)
      return store
    }

    it('keeps of each job its id, queue, body, priority, time to run, delay, age, state and counters', async () => {
      const clock = new ManualClock(Date.now())
      const dir = await logOf(async (talk) => {
        await talk.ask('use emails')
        for (let n = 1; n <= 4; n++) await talk.ask(`put ${n} 0 61 5`, `body${n}`)
        await talk.ask('put 9 1000 62 7', 'delayed')
        await talk.ask('put 9 0 62 4', 'gone')
        for (const id of [1, 2, 3]) await talk.ask(`reserve-job ${id}`)
        await talk.ask('bury 2 20')
        await talk.ask('bury 1 10')
        await talk.ask('release 3 30 2000')
        await talk.ask('kick-job 3')
        await talk.ask('delete 6')
      })
      clock.move(100_000)
      const store = await storeAt(clock)
      assert.deepEqual(await importBinlog(dir, store, { clock }), { jobs: 5, files: 1, damaged: [] })

      const jobs = new Map<number, JobView>()
      for (let id = 1; id <= 5; id++) {
        const job = await shown(store, id)
        assert.ok(job)
        jobs.set(id, job)
        assert.equal(job.queue, 'default/emails')
        assert.equal(Buffer.from(job.body ?? []).toString(), id === 5 ? 'delayed' : `body${id}`)
        assert.ok(Math.abs(clock.now() - job.put - 100_000) < 2_000, `put ${clock.now() - job.put} ms ago`)
      }
      assert.deepEqual(
        [...jobs.values()].map((job) => [job.state, job.pri, job.delay, job.lease, job.reserves]),
        [
          ['buried', 10, 0, 61_000, 1],
          ['buried', 20, 0, 61_000, 1],
          ['ready', 30, 2_000_000, 61_000, 1],
          ['ready', 4, 0, 61_000, 0],
          ['delayed', 9, 1_000_000, 62_000, 0],
        ],
      )
      assert.deepEqual(jobs.get(3)?.counts, { releases: 1, timeouts: 0, buries: 0, kicks: 1 })
      assert.deepEqual(jobs.get(1)?.counts, { releases: 0, timeouts: 0, buries: 1, kicks: 0 })
      assert.ok(Math.abs((jobs.get(5)?.at ?? 0) - clock.now() - 900_000) < 2_000)
      const buried = await store.look({
        where: { queue: 'default/emails', states: ['buried'] },
        order: 'buried',
        limit: 9,
      })
      assert.deepEqual(
        buried.jobs.map((job) => job.id),
        [2, 1],
        'in the order of burial',
      )
      assert.equal(await nextId(store), 7, 'the id of the deleted job is not given out again')
      const stats = await store.stats(['default/emails', 'default/other'])
      assert.deepEqual(
        stats.map((queue) => [queue.queue, queue.ready, queue.delayed, queue.buried]),
        [
          ['default/emails', 2, 1, 2],
          ['default/other', 1, 0, 0],
        ],
      )
    })

    it('has the bodies of the largest size and what is behind them, which beanstalkd itself would not read again', async () => {
      const bodies = ['A', '0123456789', 'B', '012345678', 'C']
      const dir = await logOf(
        async (talk) => {
          for (const body of bodies)
            assert.match((await talk.ask(`put 1 0 60 ${body.length}`, body)) ?? '', /^INSERTED/)
        },
        ['-z', '10'],
      )
      const clock = new ManualClock(Date.now())
      const store = await storeAt(clock)
      assert.deepEqual(await importBinlog(dir, store, { clock }), { jobs: 5, files: 1, damaged: [] })
      for (const [n, body] of bodies.entries())
        assert.equal(Buffer.from((await shown(store, n + 1))?.body ?? []).toString(), body)
    })

    it('happens once, and leaves the log as it was', async () => {
      const dir = await logOf(async (talk) => void (await talk.ask('put 1 0 60 4', 'body')))
      const before = await readFile(join(dir, 'binlog.1'))
      const clock = new ManualClock(Date.now())
      const store = await storeAt(clock)
      assert.equal(await jobsOf(importBinlog(dir, store, { clock })), 1)
      await Promise.all(store.commit([{ ops: [{ do: 'finish', job: { id: 1 } }] }]))
      assert.equal(await importBinlog(dir, store, { clock }), undefined)
      assert.equal(await shown(store, 1), undefined)
      assert.deepEqual(await readdir(dir), ['binlog.1', 'lock'])
      assert.deepEqual(await readFile(join(dir, 'binlog.1')), before)
    })

    it('says of a log on which beanstalkd has run since that it has changed', async () => {
      const put = async (talk: Talk) => void (await talk.ask('put 1 0 60 4', 'body'))
      const dir = await logOf(put)
      const clock = new ManualClock(Date.now())
      const store = await storeAt(clock)
      await importBinlog(dir, store, { clock })
      await logOf(put, [], dir)
      assert.equal(await importBinlog(dir, store, { clock }), 'changed')
      assert.equal(await shown(store, 2), undefined)
    })

    it('does nothing without a log, and again once there is one', async () => {
      const clock = new ManualClock(Date.now())
      const store = await storeAt(clock)
      assert.equal(await importBinlog(join(root, 'nowhere'), store, { clock }), undefined)
      assert.equal(await importBinlog(await folder(), store, { clock }), undefined)
      const dir = await logOf(async (talk) => void (await talk.ask('put 1 0 60 4', 'body')))
      assert.equal(await jobsOf(importBinlog(dir, store, { clock })), 1)
    })

    it('that is cut short at any commit goes on where it stood: no job lost, none doubled', async () => {
      const clock = new ManualClock(Date.now())
      const dir = await logOf(async (talk) => {
        for (let n = 0; n < 700; n++) talk.send(`put ${n % 7} 0 60 3\r\n${String(n).padStart(3)}\r\n`)
        for (let n = 0; n < 700; n++) await talk.reply()
        for (const id of [4, 3, 2]) {
          await talk.ask(`reserve-job ${id}`)
          await talk.ask(`bury ${id} 0`)
        }
      })
      for (const applied of [true, false])
        for (let at = 1; at <= 3; at++) {
          const store = await storeAt(clock)
          let commits = 0
          const broken = Object.create(store, {
            commit: {
              value: (units: Parameters<Store['commit']>[0]) => {
                if (++commits !== at) return store.commit(units)
                if (!applied) return [Promise.reject(new UnavailableError('The disk is full.'))]
                return store
                  .commit(units)
                  .map((done) => done.then(() => Promise.reject(new UnknownOutcomeError('The sync failed.'))))
              },
            },
            now: { value: () => store.now() },
            records: { value: (since: number) => store.records(since) },
          }) as Store
          await assert.rejects(importBinlog(dir, broken, { clock }), applied ? UnknownOutcomeError : UnavailableError)
          const again = await jobsOf(importBinlog(dir, store, { clock }))
          // The last commit, once applied, is the end.
          if (!(applied && at === 3)) assert.equal(again, 700)
          const [stats] = await store.stats()
          assert.deepEqual([stats?.puts, stats?.ready, stats?.buried], [700, 697, 3])
          const buried = await store.look({
            where: { queue: 'default/default', states: ['buried'] },
            order: 'buried',
            limit: 9,
          })
          assert.deepEqual(
            buried.jobs.map((job) => job.id),
            [4, 3, 2],
          )
          assert.equal(await importBinlog(dir, store, { clock }), undefined)
        }
    })

    it('that was cut short is refused when the log has changed since', async () => {
      const clock = new ManualClock(Date.now())
      const dir = await logOf(async (talk) => {
        for (let n = 0; n < 300; n++) await talk.ask('put 1 0 60 1', 'x')
      })
      const store = await storeAt(clock)
      let commits = 0
      const broken = Object.create(store, {
        commit: {
          value: (units: Parameters<Store['commit']>[0]) =>
            ++commits === 2 ? [Promise.reject(new UnavailableError('Closing.'))] : store.commit(units),
        },
        now: { value: () => store.now() },
        records: { value: (since: number) => store.records(since) },
      }) as Store
      await assert.rejects(importBinlog(dir, broken, { clock }), UnavailableError)
      await logOf(async (talk) => void (await talk.ask('delete 300')), [], dir)
      await assert.rejects(importBinlog(dir, store, { clock }), /has changed since its import/)
    })

    it('into a store that has a job of the same id is refused, and nothing of the slice is there', async () => {
      const clock = new ManualClock(Date.now())
      const dir = await logOf(async (talk) => {
        for (let n = 0; n < 3; n++) await talk.ask('put 1 0 60 1', 'x')
      })
      const store = await storeAt(clock)
      await nextId(store)
      await assert.rejects(
        importBinlog(dir, store, { clock }),
        (error: Error) => error instanceof BinlogError && /job 1 .*conflict/.test(error.message),
      )
      assert.equal((await shown(store, 1))?.queue, 'default/other')
      assert.equal(await shown(store, 2), undefined)
    })

    it('is refused while beanstalkd runs', async () => {
      const clock = new ManualClock(Date.now())
      const dir = await folder()
      const peer = await realBeanstalkd(['-b', dir])
      try {
        const store = await storeAt(clock)
        await assert.rejects(importBinlog(dir, store, { clock }), BinlogError)
        assert.deepEqual((await store.records(0)).changed, [])
      } finally {
        await peer.stop()
      }
    })

    it('takes a body of any bytes, and many megabytes of them', async () => {
      const clock = new ManualClock(Date.now())
      const big = 'x'.repeat(3 << 20)
      const every = String.fromCharCode(...Array(256).keys()) + '\r\n'
      const dir = await logOf(
        async (talk) => {
          talk.send(Buffer.from(`put 1 0 60 258\r\n${every}\r\n`, 'latin1'))
          await talk.reply()
          for (let n = 0; n < 4; n++) await talk.ask(`put 1 0 60 ${big.length}`, big)
        },
        ['-z', '4000000'],
      )
      const store = await storeAt(clock)
      assert.equal(await jobsOf(importBinlog(dir, store, { clock })), 5)
      assert.equal(Buffer.from((await shown(store, 1))?.body ?? []).toString('latin1'), every)
      for (let id = 2; id <= 5; id++) assert.equal(Buffer.from((await shown(store, id))?.body ?? []).toString(), big)
    })
  })
