import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { chmod, chown, cp, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { openStore } from '../../src/registry.ts'
import { BeanstalkdClient } from '../../src/transports/beanstalkd/index.ts'
import { Talk } from '../interop/talk.ts'
import { needs } from '../needs.ts'
import { tied } from '../tied.ts'
import { queueup, Served } from './cli.ts'

describe('a server', () => {
  let folder: string
  let served: Served | undefined

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'queueup-serve-'))
  })
  afterEach(async () => {
    served?.child.kill('SIGKILL')
    served = undefined
    await rm(folder, { recursive: true, maxRetries: 5 })
  })

  const client = (): Promise<BeanstalkdClient> =>
    BeanstalkdClient.connect({ host: '127.0.0.1', port: (served as Served).port })
  const check = async (args: string[], env = {}) =>
    JSON.parse((await queueup(folder, ['serve', '--check', ...args], { env })).out) as Record<string, unknown>

  test('says what it listens on and how to put a first job; logs JSON, and no body ever', async () => {
    served = await Served.start(folder, ['serve', '--beanstalkd', '127.0.0.1:0', '--log', 'debug'])
    const talk = await client()
    await talk.put('mail', Buffer.from('a secret'))
    assert.match(
      served.out,
      new RegExp(
        `127\\.0\\.0\\.1:${served.port}[^]*queueup(?: --)? put --store beanstalkd://127\\.0\\.0\\.1:${served.port}`,
      ),
    )
    assert.equal(await served.stop(), 0)
    for (const line of served.log.trim().split('\n')) assert.ok((JSON.parse(line) as { msg: string }).msg)
    assert.doesNotMatch(served.log + served.out, /a secret/)
  })

  test('says how to reach it on a socket, from whatever folder, and where SQS clients alone find it', async () => {
    const serve = ['serve', '--beanstalkd', 'unix:a socket']
    served = await Served.start(folder, serve)
    await served.stop()
    assert.match(served.out, new RegExp(`put --store beanstalkd://${folder}/a%20socket --queue`))
    await writeFile(join(folder, 'c.json'), JSON.stringify({ beanstalkd: [], sqs: ['127.0.0.1:0'] }))
    served = await Served.start(folder, ['serve', '--config', 'c.json'])
    await served.stop()
    assert.match(
      served.out,
      /^Queueup serves file:queueup\.db to SQS clients at http:\S+\.\nPut a first job: .* --store file:queueup\.db /,
    )
  })

  test('stops when it is told: what was acknowledged is there, and the exit code is 0', async () => {
    served = await Served.start(folder, ['serve', '--beanstalkd', '127.0.0.1:0'])
    const talk = await client()
    const puts = Array.from({ length: 200 }, () => talk.put('mail', Buffer.from('x')))
    await Promise.all(puts)
    const waiting = talk.reserve().catch(() => undefined)
    // A wrapper that passes on what the terminal has sent to both.
    served.child.kill('SIGTERM')
    assert.equal(await served.stop('SIGINT'), 0)
    await waiting
    assert.match((await queueup(folder, ['stats'])).out, /mail +200/)
  })

  test('goes on where its log cannot be written, as on a full disk', async (t) => {
    const full = openSync('/dev/full', 'w')
    t.after(() => closeSync(full))
    const args = [
      join(import.meta.dirname, '../../src/cli/queueup.ts'),
      'serve',
      '--store',
      'memory:',
      '--beanstalkd',
      '127.0.0.1:0',
    ]
    const child = tied(spawn(process.execPath, args, { stdio: ['ignore', 'pipe', full] }))
    const ended = once(child, 'close')
    let out = ''
    for await (const bytes of child.stdout as Readable) if ((out += String(bytes)).includes('Ctrl+C')) break
    const talk = await Talk.to({ host: '127.0.0.1', port: Number(/127\.0\.0\.1:(\d+)/.exec(out)?.[1]) })
    child.kill('SIGUSR1')
    while ((await talk.ask('put 0 0 60 1', 'x')) !== 'DRAINING') continue
    talk.destroy()
    child.kill('SIGTERM')
    assert.deepEqual(await ended, [0, null])
  })

  test('takes no puts while it drains, and goes on with the rest', async () => {
    served = await Served.start(folder, ['serve', '--beanstalkd', '127.0.0.1:0'])
    const talk = await client()
    await talk.put('default', Buffer.from('before'))
    served.child.kill('SIGUSR1')
    await served.says('draining')
    await assert.rejects(talk.put('default', Buffer.from('after')), /DRAINING/)
    assert.equal((await talk.reserve(0))?.body.toString(), 'before')
    talk.close()
    assert.equal(await served.stop(), 0)
  })

  test('refuses an address that is taken, with a sentence', async () => {
    served = await Served.start(folder, ['serve', '--beanstalkd', '127.0.0.1:0'])
    const { code, error } = await queueup(folder, [
      'serve',
      '--store',
      'other.db',
      '--beanstalkd',
      `127.0.0.1:${served.port}`,
    ])
    assert.equal(code, 1)
    assert.match(error, /Can't listen on 127\.0\.0\.1:\d+/)
  })

  test('takes its settings from flags, then the file, then the environment', async () => {
    await writeFile(
      join(folder, 'c.json'),
      JSON.stringify({ store: 'file:from-file.db', durability: '50ms', queues: { mail: { 'max-jobs': 5 } } }),
    )
    const env = {
      QUEUEUP_STORE: 'file:env.db',
      QUEUEUP_LOG: 'warn',
      QUEUEUP_DURABILITY: 'relaxed',
      QUEUEUP_BEANSTALKD: '127.0.0.1:1,unix:/tmp/x',
      QUEUEUP_SQS: '127.0.0.1:2',
    }
    assert.deepEqual(await check(['--config', 'c.json', '--durability', 'full'], env), {
      store: 'file:from-file.db',
      beanstalkd: ['127.0.0.1:1', 'unix:/tmp/x'],
      sqs: ['127.0.0.1:2'],
      sqsAccount: '000000000000',
      sqsRegion: 'us-east-1',
      sqsAuth: 'off',
      durability: 'full',
      maxJobSize: 65535,
      log: 'warn',
      queues: { mail: { 'max-jobs': 5 } },
    })
    assert.equal((await check([]))['store'], 'file:queueup.db')
    assert.deepEqual((await check([]))['sqs'], [])
    assert.deepEqual((await check(['--sqs']))['sqs'], ['127.0.0.1:9324'])
    assert.deepEqual((await check(['--sqs'], env))['sqs'], ['127.0.0.1:2'])
    const wide = await check(['--sqs', '0.0.0.0:3', '4'], env)
    assert.deepEqual(wide['sqs'], ['0.0.0.0:3', '127.0.0.1:4'])
    assert.equal(wide['sqsAuth'], 'on')
  })

  test('--check refuses what would not be served', async () => {
    for (const [flag, wrong] of [
      ['sqs-account', '12'],
      ['sqs-region', 'A B'],
      ['sqs-url', 'queues.example.com'],
    ] as const) {
      const { code, error } = await queueup(folder, ['serve', '--check', `--${flag}`, wrong])
      assert.equal(code, 2)
      assert.match(error, new RegExp(`^queueup: sqs[AUR].*, from the command line: '${wrong}' is no`))
    }
    const files = ['--sqs-tls-cert', 'queue.crt', '--sqs-tls-key', 'queue.key']
    const missing = await queueup(folder, ['serve', '--check', ...files])
    assert.deepEqual([missing.code, /can't be read/.test(missing.error)], [2, true])
    for (const name of ['queue.crt', 'queue.key']) await writeFile(join(folder, name), 'nothing')
    const unfit = await queueup(folder, ['serve', '--check', ...files])
    assert.deepEqual([unfit.code, /can't be used for TLS/.test(unfit.error)], [2, true])
  })

  test('gives queues the limits that the file names, and dead letters their place', async () => {
    const queues = { mail: { 'max-jobs': 2, 'max-reserves': 1, dead: 'mail.dead', keep: 5, ttl: '' } }
    await queueup(folder, ['queue', 'set', 'mail', 'keep-for=1d', 'ttl=1h', 'max-jobs=1'])
    await writeFile(join(folder, 'c.json'), JSON.stringify({ beanstalkd: ['127.0.0.1:0'], queues }))
    served = await Served.start(folder, ['serve', '--config', 'c.json'])
    const talk = await client()
    await talk.put('mail', Buffer.from('a'))
    await talk.put('mail', Buffer.from('b'))
    await assert.rejects(talk.put('mail', Buffer.from('c')), /OUT_OF_MEMORY/)
    const session = await Talk.to({ host: '127.0.0.1', port: served.port })
    await session.ask('watch mail')
    assert.match((await session.ask('reserve')) ?? '', /^RESERVED 1 1/)
    await session.ask('release 1 0 0')
    await session.ask('list-tube-used')
    assert.equal((await talk.peekNext('mail.dead', 'ready'))?.id, 1)
    // Added to what it had, name by name; an empty text takes one back, as on the command line.
    assert.equal(
      (await queueup(folder, ['queue', 'show', 'mail'])).out,
      'max-jobs=2\nmax-reserves=1\ndead=mail.dead\nkeep=5\nkeep-for=1d\n',
    )
    assert.equal(await served.stop(), 0)
  })

  test('says which setting is wrong, where it was written, and what was meant', async () => {
    await writeFile(join(folder, 'c.json'), JSON.stringify({ stor: 'x' }))
    const misspelt = await queueup(folder, ['serve', '--check', '--config', 'c.json'])
    assert.equal(misspelt.code, 2)
    assert.match(misspelt.error, /c\.json has 'stor'.*Did you mean 'store'/)
    await writeFile(join(folder, 'fair.json'), JSON.stringify({ queues: { 'a.fifo': { groups: 'fair' } } }))
    await writeFile(join(folder, 'name.json'), JSON.stringify({ queues: { 'a b': { 'max-jobs': 1 } } }))
    await writeFile(join(folder, 'list.json'), JSON.stringify({ queues: { a: [] } }))
    await writeFile(join(folder, 'dead.json'), JSON.stringify({ queues: { a: { dead: { to: 'b' } } } }))
    await writeFile(join(folder, 'deaf.json'), JSON.stringify({ beanstalkd: [] }))
    for (const [args, what] of [
      [['--durability', 'often'], /durability, from the command line/],
      [['--beanstalkd', 'nowhere'], /no address/],
      [['--max-job-size', '0'], /no size/],
      [['--config', 'none.json'], /can't be read/],
      [['--config', 'name.json'], /queues, from name\.json: 'a b' can't be a queue's name/],
      [['--config', 'list.json'], /the settings of 'a' must be an object/],
      [['--config', 'dead.json'], /dead of 'a' is \{"to":"b"\}; give a number or a text/],
      [['--config', 'deaf.json'], /nothing to listen on/],
      [['--store', 'http://jobs'], /store, from the command line: There is no store for 'http:'/],
      [['--store', 'beanstalkd://127.0.0.1:1'], /names a server, and a store is wanted/],
      [['--store', 'file:///100%jobs.db'], /has a % that begins no character/],
      [['--config', 'fair.json'], /queues, from fair\.json: 'a\.fifo' can't have groups=fair/],
    ] as const)
      assert.match((await queueup(folder, ['serve', '--check', ...args])).error, what)
    assert.match(
      (await queueup(folder, ['serve', '--check'], { env: { QUEUEUP_LOG: 'loud' } })).error,
      /log, from the environment/,
    )
  })

  test("in beanstalkd's place: its flags, a file in its folder, memory without one", async () => {
    served = await Served.start(folder, [
      'beanstalkd',
      '-l',
      '127.0.0.1',
      '-p',
      '0',
      '-b',
      folder,
      '-f',
      '0',
      '-z',
      '100',
      '-s',
      '1000000',
      '-V',
    ])
    let talk = await client()
    await talk.put('a', Buffer.from('kept'))
    await assert.rejects(talk.put('a', Buffer.alloc(101)), /JOB_TOO_BIG/)
    await served.stop()
    served = await Served.start(folder, ['beanstalkd', '-p', '0', '-b', folder, '-F'])
    talk = await client()
    assert.equal((await talk.peekNext('a', 'ready'))?.body.toString(), 'kept')
    await served.stop()
    served = await Served.start(folder, ['beanstalkd', '-p', '0'])
    talk = await client()
    assert.equal(await talk.peekNext('a', 'ready'), undefined)
    assert.match((await queueup(folder, ['beanstalkd', '-v'])).out, /1\.13 \(queueup/)
    assert.equal((await queueup(folder, ['beanstalkd', '-p', 'x'])).code, 2)
    assert.equal((await queueup(folder, ['beanstalkd', '-u', 'nobody-of-this-name', '-p', '0'])).code, 2)
  })

  if (needs('root'))
    test('becomes another user before it makes the file', async () => {
      await chown(folder, 65_534, 65_534)
      served = await Served.start(folder, ['beanstalkd', '-p', '0', '-b', folder, '-u', 'nobody'])
      assert.equal((await stat(join(folder, 'queueup.db'))).uid, 65_534)
      assert.equal(await served.stop(), 0)
    })

  if (needs('root'))
    test('becomes another user who may not remove its socket, and stops all the same', async () => {
      const path = join(folder, 'socket')
      const theirs = join(folder, 'theirs')
      await mkdir(theirs)
      await chown(theirs, 65_534, 65_534)
      await chmod(folder, 0o755)
      for (let i = 0; i < 2; i++) {
        served = await Served.start(folder, ['beanstalkd', '-l', `unix:${path}`, '-b', theirs, '-u', 'nobody'])
        assert.equal(await served.stop(), 0, served.log)
        assert.deepEqual(await readdir(theirs), ['queueup.db'])
      }
    })

  if (needs('root'))
    test('becomes another user who may not read the program', async () => {
      const root = join(import.meta.dirname, '../..')
      const closed = await mkdtemp(join(tmpdir(), 'queueup-closed-'))
      try {
        for (const part of ['src', 'package.json']) await cp(join(root, part), join(closed, part), { recursive: true })
        await symlink(join(root, 'node_modules'), join(closed, 'node_modules'))
        await chown(folder, 65_534, 65_534)
        const flags = ['beanstalkd', '-p', '0', '-b', folder, '-u', 'nobody']
        served = await Served.start(folder, flags, {}, join(closed, 'src/cli/queueup.ts'))
        assert.equal(await served.stop(), 0)
      } finally {
        await rm(closed, { recursive: true })
      }
    })

  if (needs('root'))
    test('says that it may not write to its file, and leaves nothing beside it', async () => {
      await (await openStore(`file:${join(folder, 'queueup.db')}`)).close()
      await chmod(join(folder, 'queueup.db'), 0o644)
      await chown(folder, 65_534, 65_534)
      const { code, error } = await queueup(folder, ['beanstalkd', '-p', '0', '-b', folder, '-u', 'nobody'])
      assert.equal(code, 1)
      assert.match(error, /^queueup: [^\n]+queueup\.db can't be opened: [^\n]+ may be written to\.\n$/)
      assert.deepEqual(await readdir(folder), ['queueup.db'])
    })
})
