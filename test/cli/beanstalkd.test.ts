/** `queueup beanstalkd` where beanstalkd was started: its flags, its folder, its signals. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { BeanstalkdClient } from '../../src/transports/beanstalkd/index.ts'
import { realBeanstalkd } from '../interop/peer.ts'
import { Talk } from '../interop/talk.ts'
import { needs } from '../needs.ts'
import { queueup, Served } from './cli.ts'

const LIMIT = { timeout: 60_000 }

describe("in beanstalkd's place", () => {
  let folder: string
  let served: Served | undefined

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'queueup-place-'))
  })
  afterEach(async () => {
    served?.child.kill('SIGKILL')
    served = undefined
    await rm(folder, { recursive: true, maxRetries: 5 })
  })

  const start = async (...flags: string[]): Promise<Served> =>
    (served = await Served.start(folder, ['beanstalkd', ...flags]))
  const client = (): Promise<BeanstalkdClient> =>
    BeanstalkdClient.connect({ host: '127.0.0.1', port: (served as Served).port })

  test('flags are written as beanstalkd takes them, and it listens on this machine alone', LIMIT, async () => {
    await start('-p0', `-b${folder}`, '-f0', '-z100', '-s1000000', '-VVV')
    assert.match((served as Served).log, /"address":"127\.0\.0\.1:\d+"/)
    const talk = await client()
    await talk.put('a', Buffer.alloc(100))
    await assert.rejects(talk.put('a', Buffer.alloc(101)), /JOB_TOO_BIG/)
    assert.equal(await served?.stop(), 0)
  })

  test('-z that is too large is cut, as by beanstalkd', LIMIT, async () => {
    await start('-p0', '-z', '2000000000')
    const talk = await Talk.to({ host: '127.0.0.1', port: (served as Served).port })
    assert.match((await talk.ask('stats')) ?? '', /^max-job-size: 1073741824$/m)
    talk.destroy()
  })

  test('whoever finds it listening is answered at once: it listens when its file is open', LIMIT, async () => {
    const file = new DatabaseSync(join(folder, 'queueup.db'))
    file.exec('BEGIN EXCLUSIVE')
    const path = join(folder, 'socket')
    const starting = start('-l', `unix:${path}`, '-b', folder)
    const end = performance.now() + 1500
    while (performance.now() < end) {
      await assert.rejects(stat(path))
      await new Promise((done) => setTimeout(done, 20))
    }
    file.exec('ROLLBACK')
    file.close()
    await starting
    assert.equal(await (await Talk.to({ path })).ask('list-tube-used'), 'USING default')
  })

  test('-l takes a Unix socket, whose file goes with the server', LIMIT, async () => {
    const path = join(folder, 'socket')
    await start('-l', `unix:${path}`)
    const talk = await BeanstalkdClient.connect({ path })
    assert.equal((await talk.put('a', Buffer.from('x'))).id, 1)
    assert.equal(await served?.stop(), 0)
    await assert.rejects(stat(path))
    assert.equal((await queueup(folder, ['beanstalkd', '-l', 'unix:'])).code, 2)
  })

  for (const [what, flags] of [
    ['at most every so many milliseconds', ['-f', '50']],
    ['never', ['-F']],
  ] as const)
    test(`synced ${what}, jobs outlive a kill -9 all the same`, LIMIT, async () => {
      await start('-p', '0', '-b', folder, ...flags)
      const talk = await client()
      await talk.put('a', Buffer.from('kept'))
      await served?.stop('SIGKILL')
      await start('-p', '0', '-b', folder, ...flags)
      assert.equal((await (await client()).peekNext('a', 'ready'))?.body.toString(), 'kept')
    })

  test('SIGUSR1 drains and opens no debugger, SIGTERM stops, and a second one stops at once', LIMIT, async () => {
    await start('-p', '0')
    const talk = await client()
    await talk.put('default', Buffer.alloc(60_000))
    served?.child.kill('SIGUSR1')
    await served?.says('draining')
    await assert.rejects(talk.put('default', Buffer.from('x')), /DRAINING/)
    // Somebody who asks for much and takes none of it holds up the stop.
    const deaf = createConnection({ host: '127.0.0.1', port: (served as Served).port })
    await new Promise((resolve) => deaf.once('connect', resolve))
    await new Promise((resolve) => deaf.write('peek 1\r\n'.repeat(1000), resolve))
    await talk.peek(1)
    served?.child.kill('SIGTERM')
    await served?.says('stopping')
    assert.equal(await served?.insist('SIGTERM'), 1)
    deaf.destroy()
    assert.match((served as Served).log, /ending at once/)
    assert.doesNotMatch((served as Served).log, /Debugger/)
  })

  test('what can not be served ends, with a sentence, and holds no address', LIMIT, async () => {
    await start('-p', '0')
    const { port } = served as Served
    const nowhere = join(folder, 'nowhere')
    for (const [args, what] of [
      [['beanstalkd', '-p', '0', '-b', nowhere], /nowhere.*Make the folder/],
      [['serve', '--beanstalkd', '127.0.0.1:0', '--store', join(nowhere, 'x.db')], /nowhere.*Make the folder/],
      [['serve', '--beanstalkd', '127.0.0.1:0', '--beanstalkd', `127.0.0.1:${port}`], /Can't listen on/],
    ] as const) {
      const { code, error } = await queueup(folder, args)
      assert.equal(code, 1, error)
      assert.match(error, what)
      assert.doesNotMatch(error, /\n +at /)
    }
  })

  if (needs('beanstalkd')) {
    test("beanstalkd's folder is brought over once, and left as it was", LIMIT, async () => {
      const theirs = await realBeanstalkd(['-b', folder, '-f0'])
      const talk = await Talk.to({ host: '127.0.0.1', port: theirs.port })
      await talk.ask('use mail')
      for (const body of ['one', 'two', 'three']) await talk.ask(`put 7 0 60 ${body.length}`, body)
      await talk.ask('delete 2')

      const refused = await queueup(folder, ['beanstalkd', '-p', '0', '-b', folder])
      assert.equal(refused.code, 1)
      assert.match(refused.error, /beanstalkd is running on the binlog/)
      await talk.close()
      await theirs.stop()

      const log = async () =>
        Promise.all(
          (await readdir(folder)).filter((name) => /^binlog/.test(name)).map((name) => readFile(join(folder, name))),
        )
      const before = await log()
      await start('-p', '0', '-b', folder)
      assert.match((served as Served).log, /"jobs":2/)
      const ours = await client()
      assert.equal((await ours.peek(1))?.body.toString(), 'one')
      assert.equal(await ours.peek(2), undefined)
      await ours.delete(1)
      assert.equal((await ours.put('mail', Buffer.from('four'))).id, 4)
      await served?.stop()
      await start('-p', '0', '-b', folder)
      const again = await client()
      assert.equal(await again.peek(1), undefined, 'not brought over again')
      assert.equal((await again.peek(3))?.body.toString(), 'three')
      assert.equal((await again.peek(4))?.body.toString(), 'four')
      await served?.stop()
      assert.deepEqual(await log(), before)
      assert.doesNotMatch((served as Served).log, /"level":40/)

      // Back to beanstalkd, and over again: what it was given meanwhile is not brought over, and not passed over in silence.
      await (await realBeanstalkd(['-b', folder, '-f0'])).stop()
      await start('-p', '0', '-b', folder)
      assert.match((served as Served).log, /"level":40.*binlog has changed since it was imported/)
    })
  }
})
