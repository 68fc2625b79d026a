import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { CannotOpenError, InvalidArgumentError, UnavailableError, UnknownOutcomeError } from '../../../src/errors.ts'
import { BeanstalkdServer } from '../../../src/protocols/beanstalkd/index.ts'
import { settle } from '../../broker/open.ts'
import { Talk } from '../../interop/talk.ts'
import { tied } from '../../tied.ts'
import { entry, replies, serve, until } from './served.ts'

describe('a client that takes no replies', () => {
  it('gets no more than a bound, is not listened to meanwhile, disturbs nobody, and gets all when it reads on', async (t) => {
    const served = await serve(t, { maxPending: 100_000 })
    const other = await served.open()
    await other.ask('put 0 0 60 60000', 'x'.repeat(60_000))
    const slow = connect(served.at)
    await new Promise((resolve) => slow.once('connect', resolve))
    const peeks = 2000
    // Also what it sends is bounded: 32 MB of peeks that nobody reads.
    const filler = `x${' '.repeat(221)}\r\n`
    slow.pause()
    slow.write(`peek 1\r\n${filler.repeat(70)}`.repeat(peeks))
    const before = process.memoryUsage().rss
    let peeked = 0
    await until(async () => {
      await settle()
      const now = served.server.counters.commands.get('peek') ?? 0
      const still = now > 0 && now === peeked
      peeked = now
      return still
    })
    assert.ok(peeked < 500, `${peeked} peeks`)
    assert.ok(slow.writableLength > 10_000_000, 'the most of it is still with the client')
    const grown = process.memoryUsage().rss - before
    assert.ok(grown < 100_000_000, `${grown} bytes`)
    assert.equal(entry(await other.ask('stats'), 'current-connections'), '2')
    let heard = 0
    slow.on('data', (bytes: Buffer) => (heard += bytes.length))
    slow.end()
    slow.resume()
    await new Promise((resolve) => slow.once('close', resolve))
    assert.equal(heard, peeks * ('FOUND 1 60000\r\n'.length + 60_002 + 70 * 'UNKNOWN_COMMAND\r\n'.length))
  })

  it('does not hold up the end of the server for ever', async (t) => {
    const served = await serve(t, { maxPending: 1000 })
    const slow = connect(served.at)
    await new Promise((resolve) => slow.once('connect', resolve))
    slow.pause()
    slow.on('error', () => undefined)
    slow.write('put 0 0 60 60000\r\n' + 'x'.repeat(60_000) + '\r\n' + 'peek 1\r\n'.repeat(1000))
    await until(() => (served.server.counters.commands.get('peek') ?? 0) > 10)
    let closed = false
    const closing = served.server.close().then(() => (closed = true))
    await settle()
    assert.equal(closed, false)
    await served.move(5000)
    await closing
    slow.destroy()
  })
})

describe('many clients', () => {
  it('a thousand wait at a time, and each gets its job', async (t) => {
    const served = await serve(t)
    const producer = await served.open()
    const takers = await Promise.all(Array.from({ length: 1000 }, () => Talk.to(served.at)))
    t.after(() => takers.forEach((taker) => taker.destroy()))
    const taken = takers.map((taker) => taker.ask('reserve'))
    await until(() => served.server.counters.waiting === 1000)
    producer.send('put 0 0 60 1\r\nx\r\n'.repeat(1000))
    await replies(producer, 1000)
    const ids = (await Promise.all(taken)).map((reply) => Number(/^RESERVED (\d+) 1\r\nx$/.exec(reply ?? '')?.[1]))
    assert.deepEqual(
      ids.toSorted((a, b) => a - b),
      Array.from({ length: 1000 }, (_, n) => n + 1),
    )
    assert.equal(entry(await producer.ask('stats'), 'current-connections'), '1001')
    for (const taker of takers) taker.destroy()
    await until(() => served.server.counters.connections === 1)
    assert.equal(entry(await producer.ask('stats'), 'current-jobs-ready'), '1000')
  })

  it('more than are allowed are closed as they come', async (t) => {
    const served = await serve(t, { maxConnections: 2 })
    const [first] = [await served.open(), await served.open()]
    const third = await Talk.to(served.at)
    assert.equal(await third.reply(), undefined)
    first.destroy()
    await until(() => served.server.counters.connections === 1)
    await served.open()
  })
})

describe('a connection', () => {
  it('watches no more tubes than are allowed', async (t) => {
    const talk = await (await serve(t, { maxWatched: 3 })).open()
    assert.equal(await talk.ask('watch a'), 'WATCHING 2')
    assert.equal(await talk.ask('watch b'), 'WATCHING 3')
    assert.equal(await talk.ask('watch c'), 'OUT_OF_MEMORY')
    assert.equal(await talk.ask('watch b'), 'WATCHING 3')
  })

  it('leaves nothing behind of the tubes that it paused', async (t) => {
    const served = await serve(t)
    const talk = await served.open()
    for (let n = 0; n < 3000; n++) {
      talk.send(`use t${n}\r\npause-tube t${n} 0\r\n`)
      await replies(talk, 2)
    }
    await talk.ask('use default')
    assert.equal(entry(await talk.ask('stats'), 'current-tubes'), '1')
    assert.equal(await talk.ask('stats-tube t2999'), 'NOT_FOUND')
  })
})

describe('a server', () => {
  it('takes no body larger than beanstalkd could', () => {
    const broker = undefined as never
    for (const maxJobSize of [0, -1, 1.5, 2 ** 30 + 1, NaN])
      assert.throws(() => new BeanstalkdServer({ broker, maxJobSize }), InvalidArgumentError)
  })

  it('listens on several addresses at once, which share its tubes and counters', async (t) => {
    const served = await serve(t)
    const dir = await mkdtemp(join(tmpdir(), 'queueup-'))
    t.after(() => rm(dir, { recursive: true }))
    const path = join(dir, 'socket')
    await served.server.listen({ path })
    assert.equal(statSync(path).mode & 0o777, 0o770)
    const [there, here] = [await Talk.to({ path }), await served.open()]
    assert.equal(await there.ask('watch a'), 'WATCHING 2')
    assert.equal(entry(await here.ask('stats-tube a'), 'current-watching'), '1')
    assert.equal(entry(await here.ask('stats'), 'current-connections'), '2')
    there.destroy()
    await served.server.close()
    assert.equal(existsSync(path), false)
  })

  it('takes the place of a socket that a dead process left, but of no live one and of no other file', async (t) => {
    const served = await serve(t)
    const dir = await mkdtemp(join(tmpdir(), 'queueup-'))
    t.after(() => rm(dir, { recursive: true }))
    const path = join(dir, 'socket')
    const listens = `require('net').createServer().listen({ path: '${path}', backlog: 1 }, () => console.log())`
    const other = tied(spawn(process.execPath, ['-e', listens], { stdio: ['ignore', 'pipe', 'inherit'] }))
    await once(other.stdout, 'data')
    other.kill('SIGSTOP')
    // Nobody else can come to it.
    const waiting: Socket[] = []
    t.after(() => {
      other.kill('SIGKILL')
      for (const socket of waiting) socket.destroy()
    })
    for (let full = false; !full;) {
      const socket = connect(path, () => socket.on('error', () => undefined))
      waiting.push(socket)
      full = await once(socket, 'connect').then(
        () => false,
        () => true,
      )
    }
    await assert.rejects(served.server.listen({ path }), CannotOpenError)
    other.kill('SIGKILL')
    await once(other, 'exit')
    assert.equal(existsSync(path), true)
    await served.server.listen({ path })
    await assert.rejects(served.server.listen({ path }), CannotOpenError)
    const file = join(dir, 'file')
    writeFileSync(file, 'precious')
    await assert.rejects(served.server.listen({ path: file }), CannotOpenError)
    assert.equal(existsSync(file), true)
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    t.after(() => taken.close())
    const { port } = taken.address() as { port: number }
    await assert.rejects(served.server.listen({ host: '127.0.0.1', port }), CannotOpenError)
  })

  it('that is closed takes no more connections, ends waits without a reply, and answers what it was at', async (t) => {
    const served = await serve(t)
    const [idle, taker, busy] = [await served.open(), await served.open(), await served.open()]
    const taken = taker.ask('reserve')
    await until(() => served.server.counters.waiting === 1)
    let open = () => {}
    served.store.gate = new Promise((resolve) => (open = resolve))
    served.store.forget()
    const inserted = busy.ask('put 0 99 60 1', 'x')
    await until(() => served.store.ops.includes('put'))
    const closing = served.server.close()
    open()
    assert.equal(await inserted, 'INSERTED 1')
    assert.equal(await taken, undefined)
    await closing
    assert.equal(await idle.reply(), undefined)
    await assert.rejects(Talk.to(served.at))
  })
})

describe('a store that fails', () => {
  it('for a moment, has done nothing: a put is OUT_OF_MEMORY, anything else INTERNAL_ERROR, and the connection goes on', async (t) => {
    const { open, store } = await serve(t)
    const talk = await open()
    await talk.ask('put 0 0 60 1', 'x')
    store.errors.push(new UnavailableError('The disk is full.'))
    talk.send('put 0 0 60 1\r\ny\r\ndelete 1\r\nlist-tube-used\r\n')
    assert.deepEqual(await replies(talk, 3), ['OUT_OF_MEMORY', 'INTERNAL_ERROR', 'USING default'])
    store.errors.push(new UnavailableError('The disk is full.'))
    assert.equal(await talk.ask('kick 1'), 'INTERNAL_ERROR')
    assert.equal(await talk.ask('put 0 0 60 1', 'y'), 'INSERTED 2')
    assert.equal(await talk.ask('delete 1'), 'DELETED')
  })

  it('for longer, and cannot take back what a connection held, holds up nobody who looks', async (t) => {
    const { open, store, move } = await serve(t)
    const [holder, other] = [await open(), await open()]
    await holder.ask('put 0 0 60 1', 'x')
    await holder.ask('reserve')
    store.errors.push(...Array.from({ length: 10 }, () => new UnavailableError('The disk is full.')))
    await holder.close()
    const looked = other.ask('stats-job 1')
    await settle()
    assert.equal(other.answered, false)
    await move(1000)
    assert.equal(entry(await looked, 'state'), 'reserved')
    assert.equal(entry(await other.ask('stats'), 'current-jobs-reserved'), '1')
    store.errors.length = 0
    await move(250)
    assert.equal(entry(await other.ask('stats-job 1'), 'state'), 'ready')
  })

  it('in a way that may or may not have done it, says so once and ends the connection', async (t) => {
    const { open, store } = await serve(t)
    const talk = await open()
    store.errors.push(new UnknownOutcomeError('The disk broke.'))
    talk.send('put 0 0 60 1\r\nx\r\nput 0 0 60 1\r\ny\r\npeek 1\r\nput 0 0 60 1\r\nz\r\n')
    assert.equal(await talk.reply(), 'INTERNAL_ERROR')
    assert.equal(await talk.reply(), undefined)
    await settle()
    assert.ok(store.commits.flat().filter((unit) => unit.ops.some((op) => op.do === 'put')).length <= 1)
  })
})

describe('what waits for the disk', () => {
  const units = async (
    talk: Talk,
    store: { commits: readonly { unsynced?: true }[][]; forget(): void },
    command: string,
  ) => {
    store.forget()
    talk.send(command)
    await talk.reply()
    return store.commits.flat().map((unit) => unit.unsynced === true)
  }

  it('is not a reserve or a touch, but everything else that changes something', async (t) => {
    const { open, store } = await serve(t)
    const talk = await open()
    assert.deepEqual(await units(talk, store, 'put 0 0 60 1\r\nx\r\n'), [false])
    assert.deepEqual(await units(talk, store, 'reserve\r\n'), [true])
    assert.deepEqual(await units(talk, store, 'touch 1\r\n'), [true])
    assert.deepEqual(await units(talk, store, 'release 1 0 0\r\n'), [false])
    assert.deepEqual(await units(talk, store, 'reserve-job 1\r\n'), [true])
    assert.deepEqual(await units(talk, store, 'bury 1 0\r\n'), [false])
    assert.deepEqual(await units(talk, store, 'kick 1\r\n'), [false])
    assert.deepEqual(await units(talk, store, 'pause-tube default 0\r\n'), [false])
    assert.deepEqual(await units(talk, store, 'delete 1\r\n'), [false])
  })

  it('is one unit for all that came at once', async (t) => {
    const { open, store } = await serve(t)
    const talk = await open()
    store.forget()
    talk.send(
      'use a\r\nput 0 0 60 1\r\nx\r\nuse b\r\nput 0 0 60 1\r\ny\r\nwatch a\r\nwatch b\r\nreserve\r\nreserve\r\ndelete 1\r\ndelete 2\r\n',
    )
    await replies(talk, 10)
    assert.equal(store.commits.flat().length, 1)
  })
})
