import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { queueup, Served, type Answer } from './cli.ts'

/** The same commands on a file, and through a server's protocol. */
for (const kind of ['a file', 'a server', 'a server on a Unix socket'] as const)
  describe(`commands on ${kind}`, () => {
    let folder: string
    let served: Served | undefined
    let store: string
    const run = (...args: string[]): Promise<Answer> => queueup(folder, [...args, '--store', store])

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'queueup-cli-'))
      store = 'file:jobs.db'
      if (kind === 'a file') return
      const socket = join(folder, 'socket')
      const address = kind === 'a server' ? '127.0.0.1:0' : `unix:${socket}`
      served = await Served.start(folder, ['serve', '--store', 'file:jobs.db', '--beanstalkd', address])
      store = kind === 'a server' ? `beanstalkd://127.0.0.1:${served.port}` : `beanstalkd://${socket}`
    })
    after(async () => {
      await served?.stop()
      await rm(folder, { recursive: true })
    })

    test('put says the id; peek, job and stats show the job; delete takes it away', async () => {
      const put = await run('put', '--queue', 'mail', '--body', 'héllo', '--pri', '7')
      assert.deepEqual([put.code, put.out, put.error], [0, '1\n', ''])
      assert.equal((await run('peek', '1')).out, 'héllo')
      assert.equal((await run('peek', '--queue', 'mail')).out, 'héllo')
      const json = JSON.parse((await run('peek', '1', '--json')).out) as { putAt: string }
      const { putAt } = json
      assert.ok(Math.abs(Date.parse(putAt) - Date.now()) < 600_000, putAt)
      assert.deepEqual(json, {
        id: '1',
        queue: 'mail',
        state: 'ready',
        priority: 7,
        starts: 0,
        ...(kind === 'a file' && { failures: 0 }),
        putAt,
        size: 6,
        body: Buffer.from('héllo').toString('base64'),
      })
      const { reason, ...job } = JSON.parse((await run('job', '1', '--json')).out) as Record<string, unknown>
      assert.match(String(reason), /^Ready/)
      for (const [name, value] of Object.entries(json)) if (name !== 'putAt') assert.equal(job[name], value, name)
      assert.match((await run('job', '1')).out, /^Ready/)
      const stats = JSON.parse((await run('stats', '--json')).out) as { queue: string; ready: number }[]
      assert.equal(stats.find((one) => one.queue === 'mail')?.ready, 1)
      assert.match((await run('stats')).out, /^QUEUE +READY[^]*mail +1 +0 +0 +0/)
      assert.equal((await run('delete', '1')).out, 'deleted 1\n')
      const again = await run('delete', '1')
      assert.deepEqual([again.code, again.out], [1, ''])
      assert.match(again.error, /^queueup: Job 1 isn't there[^\n]*\n$/)
    })

    test('of several jobs, those that can be are done; each other one is told, and the exit code is 1', async () => {
      const put = async (): Promise<string> =>
        (await run('put', '--queue', 'n', '--body', 'x', '--delay', '1h')).out.trim()
      const [a, b, c] = [await put(), await put(), await put()]
      for (const [args, out, error] of [
        [['retry', a, '98', b, '99'], `retried ${a}\nretried ${b}\n`, /^queueup: Job 98 .*\nqueueup: Job 99 .*\n$/],
        [['delete', '98', a], `deleted ${a}\n`, /^queueup: Job 98 .*\n$/],
        [['cancel', '98', b], `cancelled ${b}\n`, /^queueup: There is no job 98\.\n$/],
      ] as const) {
        const answer = await run(...args)
        assert.deepEqual([answer.code, answer.out], [1, out], answer.error)
        assert.match(answer.error, error)
      }
      assert.equal((await run('delete', c, 'x')).code, 2)
      assert.equal((await run('delete', c)).out, `deleted ${c}\n`)
    })

    test('put reads a file and standard input; delays and kick work', async () => {
      await writeFile(join(folder, 'body'), 'from a file')
      assert.equal((await run('put', '--queue', 'q', 'body')).code, 0)
      const { out } = await queueup(folder, ['put', '--queue', 'q', '--delay', '1h', '-', '--store', store], {
        input: 'from input',
      })
      assert.equal((await run('peek', '--queue', 'q')).out, 'from a file')
      assert.equal((await run('peek', '--queue', 'q', '--state', 'delayed')).out, 'from input')
      const later = JSON.parse((await run('peek', '--queue', 'q', '--state', 'delayed', '--json')).out) as object
      assert.deepEqual([Object.hasOwn(later, 'dueAt'), Object.hasOwn(later, 'delay')], [true, false])
      assert.match((await run('job', out.trim())).out, /^Delayed for another 60 min, until 20/)
      assert.equal((await run('kick', '--queue', 'q')).out, 'kicked 1\n')
      assert.equal((await run('clear', '--queue', 'q')).out, 'deleted 2\n')
    })

    test('pause and resume', async () => {
      const { out: id } = await run('put', '--queue', 'p', '--body', 'x')
      assert.equal((await run('pause', '--queue', 'p', '--for', '10m')).out, 'paused p\n')
      assert.match((await run('stats')).out, /p .*paused for \d+ s/)
      assert.match((await run('job', id.trim())).out, /^Its queue 'p' is paused for another 10 min\.$/m)
      assert.equal((await run('pause', '--queue', 'p')).out, 'paused p\n')
      const [stats, why] = [(await run('stats')).out, (await run('job', id.trim())).out]
      if (kind === 'a file') {
        assert.match(stats, /p .*paused until resumed/)
        assert.match(why, /^Its queue 'p' is paused until it is resumed\.$/m)
      } else assert.match(stats, /p .*paused for 42949672\d\d s/)
      assert.equal((await run('resume', '--queue', 'p')).out, 'resumed p\n')
      assert.doesNotMatch((await run('stats')).out, /paused/)
      assert.equal((await run('pause', '--queue', 'nowhere')).code, 1)
    })

    test('what is written wrongly is a sentence, and exit code 2', async () => {
      for (const args of [
        ['put', '--queue', 'q'],
        ['put', '--queue', 'q', '--body', 'x', '--delay', 'soon'],
        ['put', '--queue', 'q', '--body', 'x', '--delay', '10'],
        ['put', '--queue', 'q', '--body', 'x', '--ttr', '0s'],
        ['put', '--queue', 'q', '--body', 'x', '--pri', '-1'],
        ['peek', '1', '--state', 'ready'],
        ['kick', '1', '--max', '1'],
        ['peek'],
        ['peek', 'x'],
        ['delete', '1x'],
        ['clear', '--queue', 'q', '--state', 'gone'],
        ['peek', '--queue', 'a b'],
        ['clear', '--queue', ''],
        ['pause', '--queue', 'q'.repeat(201)],
        ['nonsense'],
        ['put', '--body', 'x'],
      ]) {
        const { code, out, error } = await run(...args)
        assert.equal(code, 2, `${args.join(' ')}: ${error}`)
        assert.equal(out, '')
        assert.doesNotMatch(error, /\n +at /)
      }
    })

    test('a time that is longer than can be said is a sentence, too', async () => {
      for (const args of [
        ['put', '--queue', 'q', '--body', 'x', '--delay', '100000d'],
        ['pause', '--queue', 'q', '--for', '100000d'],
      ]) {
        const { code, error } = await run(...args)
        if (kind === 'a file') continue
        assert.equal(code, 2, error)
        assert.match(error, /at most 4294967295 seconds/)
      }
    })

    test("a queue's settings are set where the store is named, and hold at once for whoever has it open", async () => {
      const set = await run('queue', 'set', 'small', 'max-jobs=1')
      if (kind !== 'a file') {
        assert.equal(set.code, 1)
        assert.match(
          set.error,
          /protocol can't change a queue's settings\. If .* is a server of Queueup's, .* real beanstalkd/,
        )
        await queueup(folder, ['queue', 'set', 'small', 'max-jobs=1', '--store', 'file:jobs.db'])
      }
      assert.equal((await queueup(folder, ['queue', 'show', 'small', '--store', 'file:jobs.db'])).out, 'max-jobs=1\n')
      assert.equal((await run('put', '--queue', 'small', '--body', 'a')).code, 0)
      assert.equal((await run('put', '--queue', 'small', '--body', 'b')).code, 1)
      assert.equal((await queueup(folder, ['queue', 'set', 'small', 'colour=red', '--store', 'file:jobs.db'])).code, 2)
      for (const wrong of [
        ['a b', 'max-jobs=1'],
        ['small', 'dead=a\nb'],
        ['', 'max-jobs=1'],
      ])
        assert.equal((await queueup(folder, ['queue', 'set', ...wrong, '--store', 'file:jobs.db'])).code, 2)
      const fair = await queueup(folder, ['queue', 'set', 'a.fifo', 'groups=fair', '--store', 'file:jobs.db'])
      assert.equal(fair.code, 2)
      assert.match(fair.error, /'a\.fifo' can't have groups=fair.*Take groups=ordered/)
    })
  })

test('a server that is not there, and a store in memory, are errors that say what to do', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'queueup-cli-'))
  const gone = await queueup(folder, ['stats', '--store', 'beanstalkd://127.0.0.1:1'])
  assert.equal(gone.code, 1)
  assert.match(gone.error, /No server answers at 127\.0\.0\.1:1 .*queueup serve/)
  for (const store of ['memory:', '127.0.0.1:11300', '[::1]:11300'])
    assert.equal((await queueup(folder, ['stats', '--store', store])).code, 2, store)
  assert.equal((await queueup(folder, ['stats', '--store', 'redis://x'])).code, 2)
  const env = { QUEUEUP_STORE: 'file:named.db' }
  assert.equal((await queueup(folder, ['put', '--queue', 'q', '--body', 'x'], { env })).code, 0)
  assert.match((await queueup(folder, ['stats', '--store', 'named.db'])).out, /q +1/)
  await rm(folder, { recursive: true })
})

test('what is no id is said so', async () => {
  for (const args of [
    ['delete', '1', 'abc'],
    ['cancel', '-1'],
    ['retry', '1.5'],
    ['kick', '9007199254740993'],
    ['peek', ''],
    ['job', '1e3'],
  ]) {
    const { code, out, error } = await queueup(tmpdir(), [...args, '--store', 'file:not-there/jobs.db'])
    assert.deepEqual([code, out], [2, ''])
    assert.equal(error, `queueup: '${args.at(-1)}' is no job's id; it is a whole number, which "queueup put" says.\n`)
  }
})
