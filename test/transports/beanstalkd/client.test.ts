import assert from 'node:assert/strict'
import dns from 'node:dns'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { BeanstalkdClient, parseAddress } from '../../../src/transports/beanstalkd/index.ts'
import { script, socketOf, turn, until, type Scripted } from './scripted.ts'

/** A call that never settles fails its test, not the whole file. In milliseconds. */
const LIMIT = { timeout: 9000 }

const BROKEN = { name: 'ConnectionError', code: 'QUEUEUP_CONNECTION' }

/** Everything that a body must not be taken for. */
const TRICKY = Buffer.concat([
  Buffer.from('\r\nTIMED_OUT\r\nRESERVED 9 3\r\n\r\n\r\n\nNOT_FOUND\r\n\r'),
  Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
])
const tricky = TRICKY.toString('latin1')

interface Case {
  sent: string
  call: (client: BeanstalkdClient) => Promise<unknown>
  reply: string
  /** What the call comes to: `outcome` says how an error looks. */
  comes: unknown
}

const job = (id: number, body: string | Buffer) => ({ id, body: Buffer.from(body) })
const ok = (yaml: string) => `OK ${yaml.length}\r\n${yaml}\r\n`
const reserve = (client: BeanstalkdClient) => client.reserve()
const refused = (message: string) => ({ name: 'ServerError', code: 'QUEUEUP_SERVER', message })

/** Each kind of reply there is. No call changes the tube, which would take a second command. */
const CASES: Case[] = [
  {
    sent: 'put 65536 0 60 2\r\n{}\r\n',
    call: (client) => client.put('default', Buffer.from('{}')),
    reply: 'INSERTED 7\r\n',
    comes: { id: 7, buried: false },
  },
  {
    sent: 'put 0 4294967295 1 0\r\n\r\n',
    call: (client) => client.put('default', Buffer.alloc(0), { pri: 0, delay: 4_294_967_295, ttr: 1 }),
    reply: 'BURIED 9007199254740991\r\n',
    comes: { id: 9_007_199_254_740_991, buried: true },
  },
  {
    sent: `put 65536 0 60 ${TRICKY.length}\r\n${tricky}\r\n`,
    call: (client) => client.put('default', TRICKY),
    reply: 'JOB_TOO_BIG\r\n',
    comes: refused("The server answered put with 'JOB_TOO_BIG'."),
  },
  { sent: 'reserve\r\n', call: reserve, reply: 'RESERVED 1 5\r\nhello\r\n', comes: job(1, 'hello') },
  { sent: 'reserve\r\n', call: reserve, reply: 'RESERVED 2 0\r\n\r\n', comes: job(2, '') },
  { sent: 'reserve\r\n', call: reserve, reply: 'RESERVED 3 2\r\n\r\n\r\n', comes: job(3, '\r\n') },
  {
    sent: 'reserve-with-timeout 5\r\n',
    call: (client) => client.reserve(5),
    reply: `RESERVED 4 ${TRICKY.length}\r\n${tricky}\r\n`,
    comes: job(4, TRICKY),
  },
  {
    sent: 'reserve-with-timeout 0\r\n',
    call: (client) => client.reserve(0),
    reply: 'TIMED_OUT\r\n',
    comes: undefined,
  },
  { sent: 'reserve\r\n', call: reserve, reply: 'DEADLINE_SOON\r\n', comes: undefined },
  {
    sent: 'reserve\r\n',
    call: reserve,
    reply: 'OUT_OF_MEMORY\r\n',
    comes: refused("The server answered reserve with 'OUT_OF_MEMORY'."),
  },
  { sent: 'watch a\r\n', call: (client) => client.watch('a'), reply: 'WATCHING 2\r\n', comes: 2 },
  { sent: 'ignore a\r\n', call: (client) => client.ignore('a'), reply: 'WATCHING 1\r\n', comes: 1 },
  {
    sent: 'ignore default\r\n',
    call: (client) => client.ignore('default'),
    reply: 'NOT_IGNORED\r\n',
    comes: refused("The server answered ignore with 'NOT_IGNORED'."),
  },
  { sent: 'delete 1\r\n', call: (client) => client.delete(1), reply: 'DELETED\r\n', comes: true },
  { sent: 'delete 1\r\n', call: (client) => client.delete(1), reply: 'NOT_FOUND\r\n', comes: false },
  { sent: 'release 1 65536 0\r\n', call: (client) => client.release(1), reply: 'RELEASED\r\n', comes: true },
  {
    sent: 'release 1 5 6\r\n',
    call: (client) => client.release(1, { pri: 5, delay: 6 }),
    reply: 'BURIED\r\n',
    comes: true,
  },
  { sent: 'release 1 65536 0\r\n', call: (client) => client.release(1), reply: 'NOT_FOUND\r\n', comes: false },
  { sent: 'bury 1 65536\r\n', call: (client) => client.bury(1), reply: 'BURIED\r\n', comes: true },
  { sent: 'bury 1 5\r\n', call: (client) => client.bury(1, 5), reply: 'NOT_FOUND\r\n', comes: false },
  { sent: 'touch 1\r\n', call: (client) => client.touch(1), reply: 'TOUCHED\r\n', comes: true },
  { sent: 'touch 1\r\n', call: (client) => client.touch(1), reply: 'NOT_FOUND\r\n', comes: false },
  { sent: 'kick-job 1\r\n', call: (client) => client.kickJob(1), reply: 'KICKED\r\n', comes: true },
  { sent: 'kick-job 1\r\n', call: (client) => client.kickJob(1), reply: 'NOT_FOUND\r\n', comes: false },
  { sent: 'kick 10\r\n', call: (client) => client.kick('default', 10), reply: 'KICKED 3\r\n', comes: 3 },
  {
    sent: 'peek 5\r\n',
    call: (client) => client.peek(5),
    reply: 'FOUND 5 4\r\n\r\n\r\n\r\n',
    comes: job(5, '\r\n\r\n'),
  },
  { sent: 'peek 5\r\n', call: (client) => client.peek(5), reply: 'NOT_FOUND\r\n', comes: undefined },
  ...(['ready', 'delayed', 'buried'] as const).map((state) => ({
    sent: `peek-${state}\r\n`,
    call: (client: BeanstalkdClient) => client.peekNext('default', state),
    reply: 'FOUND 6 1\r\nx\r\n',
    comes: job(6, 'x'),
  })),
  { sent: 'pause-tube a 60\r\n', call: (client) => client.pause('a', 60), reply: 'PAUSED\r\n', comes: true },
  { sent: 'pause-tube a 0\r\n', call: (client) => client.pause('a', 0), reply: 'NOT_FOUND\r\n', comes: false },
  {
    sent: 'list-tubes\r\n',
    call: (client) => client.listTubes(),
    reply: ok('---\n- default\n- a\n'),
    comes: ['default', 'a'],
  },
  {
    sent: 'stats\r\n',
    call: (client) => client.stats(),
    reply: ok('---\nversion: "1.13"\nid: 00ff\nos: "a: b" c"\ne: \n'),
    comes: new Map([
      ['version', '1.13'],
      ['id', '00ff'],
      ['os', 'a: b" c'],
      ['e', ''],
    ]),
  },
  {
    sent: 'stats-tube a\r\n',
    call: (client) => client.statsTube('a'),
    reply: ok('---\nname: "a"\n'),
    comes: new Map([['name', 'a']]),
  },
  {
    sent: 'stats-tube a\r\n',
    call: (client) => client.statsTube('a'),
    reply: 'NOT_FOUND\r\n',
    comes: undefined,
  },
  {
    sent: 'stats-job 1\r\n',
    call: (client) => client.statsJob(1),
    reply: ok('---\nid: 1\n'),
    comes: new Map([['id', '1']]),
  },
  { sent: 'stats-job 1\r\n', call: (client) => client.statsJob(1), reply: 'NOT_FOUND\r\n', comes: undefined },
]

/** What it came to, an error as its name, code and message. */
function outcome(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => {
    assert.ok(error instanceof Error)
    return { name: error.name, code: (error as { code?: unknown }).code, message: error.message }
  })
}

/** Whether it has come to anything, once all that was under way has been done. */
async function settled(call: Promise<unknown>): Promise<boolean> {
  let done = false
  call.then(
    () => (done = true),
    () => (done = true),
  )
  await turn()
  return done
}

/** Makes the calls one after another, each once the server has heard the one before; none has a reply yet. */
async function ask({ client, heard }: Scripted, cases: Case[]): Promise<Promise<unknown>[]> {
  const calls: Promise<unknown>[] = []
  let sent = heard()
  for (const each of cases) {
    calls.push(held(each.call(client)))
    sent += each.sent
    await until(() => heard().length >= sent.length)
    assert.equal(heard(), sent)
  }
  return calls
}

/** A call that may fail before the test comes to look at it. */
function held<T>(call: Promise<T>): Promise<T> {
  call.catch(() => undefined)
  return call
}

/** Each of the calls ends because the connection did, and so does one that is made now. */
async function allBroken(client: BeanstalkdClient, calls: Promise<unknown>[], message: RegExp): Promise<void> {
  await Promise.all(calls.map((call) => assert.rejects(call, { ...BROKEN, message })))
  await assert.rejects(client.put('default', Buffer.from('late')), BROKEN)
  await assert.rejects(client.reserve(), BROKEN)
}

function ended(socket: Socket): Promise<unknown> {
  return until(() => socket.readableEnded || socket.destroyed)
}

describe('a reply', () => {
  it('answers its call', LIMIT, async (t) => {
    const scripted = await script(t)
    for (const each of CASES) {
      const [call] = await ask(scripted, [each])
      await scripted.say(each.reply)
      assert.deepEqual(await outcome(call as Promise<unknown>), each.comes, each.reply)
    }
  })

  it('is waited for wherever it is split', LIMIT, async (t) => {
    const { client, say } = await script(t)
    for (const { call, reply, comes } of CASES)
      for (let cut = 1; cut < reply.length; cut++) {
        const result = outcome(call(client))
        await say(reply.slice(0, cut))
        assert.equal(await settled(result), false, JSON.stringify(reply.slice(0, cut)))
        await say(reply.slice(cut))
        assert.deepEqual(await result, comes, `${JSON.stringify(reply)} split at ${cut}`)
      }
  })

  for (const size of [1, 2, 3, 7, 100, Infinity])
    it(`is told from those around it in packets of ${size} bytes`, LIMIT, async (t) => {
      const scripted = await script(t)
      const calls = await ask(scripted, CASES)
      const replies = CASES.map(({ reply }) => reply).join('')
      for (let at = 0; at < replies.length; at += size) await scripted.say(replies.slice(at, at + size))
      assert.deepEqual(
        await Promise.all(calls.map(outcome)),
        CASES.map(({ comes }) => comes),
      )
    })

  it('goes to the call whose turn it is', LIMIT, async (t) => {
    const { client, say } = await script(t)
    const order: number[] = []
    const calls = Array.from({ length: 300 }, (_, index) =>
      client.peek(index).then((found) => {
        order.push(index)
        return found
      }),
    )
    await say(Array.from({ length: 100 }, (_, index) => `FOUND ${index} 1\r\nx\r\n`).join(''))
    await Promise.all(calls.slice(0, 100))
    assert.equal(order.length, 100, 'no call is answered before its turn')
    await say(
      Array.from({ length: 200 }, (_, index) => (index % 2 ? 'NOT_FOUND\r\n' : `FOUND ${index + 100} 0\r\n\r\n`)).join(
        '',
      ),
    )
    const ids = (await Promise.all(calls)).map((found) => found?.id)
    assert.deepEqual(
      ids,
      calls.map((_, index) => (index < 100 || index % 2 === 0 ? index : undefined)),
    )
    assert.deepEqual(
      order,
      calls.map((_, index) => index),
    )
  })

  it('may have a body of many packets', LIMIT, async (t) => {
    const { client, server } = await script(t)
    const body = Buffer.alloc(20_000_000, TRICKY)
    const calls = [client.reserve(), client.reserve(), client.reserve(0)]
    server.write(`RESERVED 1 ${body.length}\r\n`)
    server.write(body)
    server.write(`\r\nRESERVED 2 ${body.length}\r\n`)
    server.write(body)
    server.write('\r\nTIMED_OUT\r\n')
    const [first, second, third] = await Promise.all(calls)
    assert.equal(first?.id, 1)
    assert.equal(second?.id, 2)
    assert.ok(first.body.equals(body) && second.body.equals(body))
    assert.equal(third, undefined)
  })

  it('that refuses names the command, and the next one goes on', LIMIT, async (t) => {
    const { client, say } = await script(t)
    for (const line of [
      'OUT_OF_MEMORY',
      'INTERNAL_ERROR',
      'BAD_FORMAT',
      'UNKNOWN_COMMAND',
      'DRAINING',
      'EXPECTED_CRLF',
      'NOT_IGNORED',
      'reserved 1 3',
      'RESERVEDX 1 3',
      'FROBNICATED with 17 pieces',
      'KICKED',
      '',
      ' ',
    ]) {
      const calls = [outcome(client.reserve()), client.touch(1)]
      await say(`${line}\r\nTOUCHED\r\n`)
      assert.deepEqual(await calls[0], refused(`The server answered reserve with '${line}'.`))
      assert.equal(await calls[1], true)
    }
  })

  it('with a body that answers another command is refused with its body', LIMIT, async (t) => {
    const { client, say } = await script(t)
    const calls = [outcome(client.reserve()), outcome(client.delete(1)), client.touch(1)]
    await say('FOUND 1 9\r\nTOUCHED\r\n\r\nOK 9\r\nTOUCHED\r\n\r\nNOT_FOUND\r\n')
    assert.deepEqual(await calls[0], refused("The server answered reserve with 'FOUND 1 9'."))
    assert.deepEqual(await calls[1], refused("The server answered delete with 'OK 9'."))
    assert.equal(await calls[2], false)
  })
})

describe('a command', () => {
  it('that goes to another tube uses it first, and once', LIMIT, async (t) => {
    const { client, say, heard } = await script(t)
    const first = client.put('mail', Buffer.from('é'))
    await until(() => heard() === 'use mail\r\nput 65536 0 60 2\r\n\u00c3\u00a9\r\n')
    await say('USING mail\r\nINSERTED 1\r\n')
    assert.deepEqual(await first, { id: 1, buried: false })
    const before = heard().length
    const second = client.kick('mail', 1)
    await until(() => heard().slice(before) === 'kick 1\r\n')
    await say('KICKED 0\r\n')
    assert.equal(await second, 0)
  })

  it('is not parted from its tube by others that are called meanwhile', LIMIT, async (t) => {
    const { client, say, heard } = await script(t)
    const calls = [client.put('a', Buffer.from('x')), client.put('b', Buffer.from('y')), client.kick('a', 1)]
    const sent = 'use a\r\nput 65536 0 60 1\r\nx\r\nuse b\r\nput 65536 0 60 1\r\ny\r\nuse a\r\nkick 1\r\n'
    await until(() => heard() === sent)
    await say('USING a\r\nINSERTED 1\r\nUSING b\r\nINSERTED 2\r\nUSING a\r\nKICKED 0\r\n')
    assert.deepEqual(await Promise.all(calls), [{ id: 1, buried: false }, { id: 2, buried: false }, 0])
  })

  it("whose tube can't be one is not sent, and the tube stays", LIMIT, async (t) => {
    const { client, say, heard } = await script(t)
    await assert.rejects(client.put('x'.repeat(300), Buffer.from('delete 1\r\n')), {
      code: 'QUEUEUP_INVALID_ARGUMENT',
    })
    const next = client.put('default', Buffer.from('x'))
    await say('INSERTED 1\r\n')
    await next
    assert.equal(heard(), 'put 65536 0 60 1\r\nx\r\n')
  })

  it('whose tube the server refuses ends the connection', LIMIT, async (t) => {
    const { client, server, say } = await script(t)
    const put = assert.rejects(client.put('a', Buffer.from('x')), { ...BROKEN, message: /refused to use a/ })
    await say('OUT_OF_MEMORY\r\n')
    await put
    await ended(server)
  })

  it('with a line break in a name is never sent', LIMIT, async (t) => {
    const { client, say, heard } = await script(t)
    for (const name of ['a\r\ndelete 1', 'a\n', '\r', 'a\0'])
      for (const call of [
        client.put(name, Buffer.from('x')),
        client.watch(name),
        client.ignore(name),
        client.kick(name, 1),
        client.peekNext(name, 'ready'),
        client.pause(name, 1),
        client.statsTube(name),
      ])
        await assert.rejects(call, { name: 'InvalidArgumentError', code: 'QUEUEUP_INVALID_ARGUMENT' })
    const call = client.touch(1)
    await say('TOUCHED\r\n')
    assert.equal(await call, true)
    assert.equal(heard(), 'touch 1\r\n')
  })
})

describe('a server that speaks something else', () => {
  for (const size of ['-1', '1073741825', '9'.repeat(30), 'many', 'NaN', 'Infinity', '-Infinity', '1.5', '1,000'])
    it(`ends the connection when it announces ${size} bytes`, LIMIT, async (t) => {
      const { client, server, say } = await script(t)
      const calls = [client.reserve(), client.touch(1), client.stats()].map(held<unknown>)
      await say(`RESERVED 1 ${size}\r\nhello\r\nTOUCHED\r\n`)
      await allBroken(client, calls, new RegExp(`announced a body of ${size} bytes`))
      await ended(server)
    })

  it('is not believed when it announces much: memory is taken for what comes', LIMIT, async (t) => {
    const { client, server, say } = await script(t)
    const call = client.reserve()
    const before = process.memoryUsage()
    await say(`RESERVED 1 ${2 ** 30}\r\n`)
    for (let part = 0; part < 50; part++) await say('hello\r\n')
    assert.equal(await settled(call), false)
    const after = process.memoryUsage()
    for (const kind of ['arrayBuffers', 'external'] as const)
      assert.ok(after[kind] - before[kind] < 50_000_000, `${kind} grew by ${after[kind] - before[kind]} bytes`)
    server.end()
    await allBroken(client, [call], /closed the connection/)
  })

  for (const [what, first] of [
    ['a line that has no end', ''],
    ['what follows an impossible size', `RESERVED 1 ${2 ** 40}\r\n`],
    ['what nobody asked for', 'TIMED_OUT\r\nTIMED_OUT\r\n'],
  ] as const)
    it(`is not listened to for ever: ${what}`, LIMIT, async (t) => {
      const { client, own, server } = await script(t)
      const call = outcome(client.reserve())
      const total = 256 * 2 ** 20
      let said = 0
      const filler = Buffer.alloc(2 ** 20, 'x')
      const more = () => {
        while (said < total && !server.destroyed)
          if (((said += filler.length), !server.write(filler))) return void server.once('drain', more)
      }
      server.write(first)
      more()
      await until(() => own.destroyed)
      assert.ok(own.bytesRead < 2 ** 20, `read ${own.bytesRead} bytes`)
      await assert.rejects(client.reserve(), BROKEN)
      await call
    })

  it('may send a line of 1024 bytes, and none longer', LIMIT, async (t) => {
    const long = await script(t)
    const call = outcome(long.client.reserve())
    await long.say(`${'x'.repeat(1024)}\r\n`)
    assert.deepEqual(await call, refused(`The server answered reserve with '${'x'.repeat(1024)}'.`))
    const longer = await script(t)
    const calls = [longer.client.reserve(), longer.client.touch(1)].map(held<unknown>)
    await longer.say(`${'x'.repeat(1025)}\r\nTOUCHED\r\n`)
    await allBroken(longer.client, calls, /sent a line that is too long/)
    await ended(longer.server)
  })

  it('ends the connection when it replies unasked, and says what it was', LIMIT, async (t) => {
    const { client, server, say } = await script(t)
    await say('RESERVED 1 5\r\nhello\r\n')
    await ended(server)
    await assert.rejects(client.touch(1), { ...BROKEN, message: /said 'RESERVED 1 5' unasked/ })
  })

  it('still has its answer taken when it replies twice', LIMIT, async (t) => {
    const { client, server, say } = await script(t)
    const call = client.reserve()
    await say('RESERVED 1 5\r\nhello\r\nTIMED_OUT\r\n')
    assert.deepEqual(await call, job(1, 'hello'))
    await ended(server)
    await assert.rejects(client.touch(1), { ...BROKEN, message: /said 'TIMED_OUT' unasked/ })
  })

  it('may be a web server', LIMIT, async (t) => {
    const { client, server, say } = await script(t)
    const call = outcome(client.stats())
    await say('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    assert.deepEqual(await call, refused("The server answered stats with 'HTTP/1.1 400 Bad Request'."))
    await allBroken(client, [], /unasked/)
    await ended(server)
  })
})

describe('a connection that the server ends', () => {
  const ends = {
    'in good order': (server: Socket) => server.end(),
    'at once': (server: Socket) => server.resetAndDestroy(),
  }
  for (const [how, end] of Object.entries(ends)) {
    it(`${how} while nothing is asked`, LIMIT, async (t) => {
      const { client, own, server } = await script(t)
      end(server)
      await until(() => own.destroyed)
      await turn()
      await allBroken(client, [], /127\.0\.0\.1:\d+ closed|to 127\.0\.0\.1:\d+ broke/)
    })

    for (const part of [
      '',
      'R',
      'RESERVED 3 5',
      'RESERVED 3 5\r',
      'RESERVED 3 5\r\n',
      'RESERVED 3 5\r\nhel',
      'RESERVED 3 5\r\nhello',
      'RESERVED 3 5\r\nhello\r',
    ])
      it(`${how} after ${JSON.stringify(part)} leaves no call waiting`, LIMIT, async (t) => {
        const { client, say, heard, server } = await script(t)
        const whole = client.reserve()
        const calls = [
          client.reserve(),
          client.touch(1),
          client.put('default', Buffer.from('x')),
          client.stats(),
          client.kick('default', 1),
        ]
        await until(() => heard().endsWith('kick 1\r\n'))
        await say(`RESERVED 2 2\r\nhi\r\n${part}`)
        end(server)
        assert.deepEqual(await whole, job(2, 'hi'), 'what came whole counts')
        await allBroken(client, calls, /(closed the connection|broke: .*)\. What had no reply may have happened\.$/)
      })
  }

  it('in the middle of a put to another tube fails both calls', LIMIT, async (t) => {
    const { client, heard, server } = await script(t)
    const calls = [client.put('a', Buffer.from('x')), client.peekNext('a', 'ready')]
    await until(() => heard().length > 0)
    server.end()
    await allBroken(client, calls, /closed the connection/)
    await ended(server)
  })

  it('on its side only is ended on the other side, too', LIMIT, async (t) => {
    const { client, own, server } = await script(t)
    const call = client.reserve()
    server.end()
    await allBroken(client, [call], /closed the connection/)
    await ended(server)
    assert.ok(own.destroyed)
  })

  it('with the reply before it counts as answered', LIMIT, async (t) => {
    const { client, server, heard } = await script(t)
    const call = client.reserve()
    await until(() => heard() !== '')
    server.end('RESERVED 1 5\r\nhello\r\n')
    assert.deepEqual(await call, job(1, 'hello'))
    await ended(server)
    await allBroken(client, [], /closed the connection/)
  })

  it('can be closed all the same', LIMIT, async (t) => {
    const { client, own, server } = await script(t)
    server.resetAndDestroy()
    await until(() => own.destroyed)
    client.close()
    client.close()
    await turn()
    await allBroken(client, [], /./)
  })
})

describe('a connection that the client closes', () => {
  it('ends every call that has no reply, and says quit', LIMIT, async (t) => {
    const scripted = await script(t)
    const { client, own, server, heard, say } = scripted
    const calls = await ask(scripted, CASES)
    await say('INSERTED 1\r\nBURIED 2\r\nJOB_TOO_BIG\r\nRESERVED 3 5\r\nhel')
    client.close()
    assert.deepEqual(await Promise.all(calls.slice(0, 2)), [
      { id: 1, buried: false },
      { id: 2, buried: true },
    ])
    assert.deepEqual(await outcome(calls[2] as Promise<unknown>), CASES[2]?.comes)
    await allBroken(client, calls.slice(3), /^The connection was closed\.$/)
    await ended(server)
    assert.equal(heard(), `${CASES.map(({ sent }) => sent).join('')}quit\r\n`, 'nothing is sent afterwards')
    server.end()
    await until(() => own.destroyed)
  })

  it('ends calls to several tubes', LIMIT, async (t) => {
    const { client, server, heard } = await script(t)
    const calls = [client.put('a', Buffer.from('x')), client.kick('b', 1), client.peekNext('c', 'buried')]
    client.close()
    await allBroken(client, calls, /^The connection was closed\.$/)
    await ended(server)
    assert.equal(heard(), 'use a\r\nput 65536 0 60 1\r\nx\r\nuse b\r\nkick 1\r\nuse c\r\npeek-buried\r\nquit\r\n')
  })

  it('may be closed twice, and takes no call afterwards', LIMIT, async (t) => {
    const { client, server, heard } = await script(t)
    client.close()
    client.close()
    await Promise.all(CASES.map(({ call }) => assert.rejects(call(client), { ...BROKEN, message: /was closed/ })))
    await ended(server)
    assert.ok(['', 'quit\r\n'].includes(heard()), heard())
  })

  it('is not troubled by replies that come late', LIMIT, async (t) => {
    const { client, own, server } = await script(t)
    const call = client.reserve()
    client.close()
    await allBroken(client, [call], /was closed/)
    await ended(server)
    server.write('RESERVED 1 5\r\nhello\r\nTIMED_OUT\r\n')
    server.end()
    await until(() => own.destroyed)
    await allBroken(client, [], /was closed/)
  })

  it('ends the calls to a server that never answers', LIMIT, async (t) => {
    const { client, heard } = await script(t)
    const calls = [client.reserve(), client.stats(), client.put('default', Buffer.from('x'))]
    await until(() => heard().endsWith('\r\nx\r\n'))
    for (const call of calls) assert.equal(await settled(call), false)
    client.close()
    await allBroken(client, calls, /was closed/)
  })

  it('ends the calls to a server that never reads', LIMIT, async (t) => {
    const { client, own } = await script(t, { listens: false })
    const calls = [client.put('default', Buffer.alloc(50_000_000)), client.touch(1)]
    await turn()
    assert.ok(own.writableLength > 10_000_000, 'the most of it is still with the client')
    client.close()
    await allBroken(client, calls, /was closed/)
  })

  it('is closed at last where the server never ends its side, or never reads', LIMIT, async (t) => {
    const [silent, deaf] = [await script(t), await script(t, { listens: false })]
    const call = deaf.client.put('default', Buffer.alloc(50_000_000))
    await turn()
    for (const { client } of [silent, deaf]) client.close()
    await allBroken(deaf.client, [call], /was closed/)
    await Promise.all([silent, deaf].map(({ client }) => client.closed()))
  })
})

describe('connecting', () => {
  it('fails where no server listens', LIMIT, async () => {
    const listener = createServer()
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
    const { port } = listener.address() as AddressInfo
    await new Promise((resolve) => listener.close(resolve))
    const { socket, result } = socketOf(() => BeanstalkdClient.connect({ host: '127.0.0.1', port }))
    await assert.rejects(result, (error: Error) => {
      assert.deepEqual({ name: error.name, code: (error as { code?: unknown }).code }, BROKEN)
      assert.match(error.message, new RegExp(`^No server answers at 127\\.0\\.0\\.1:${port} \\(.*ECONNREFUSED.*\\)\\.`))
      assert.match(error.message, /queueup serve/)
      assert.equal((error.cause as NodeJS.ErrnoException).code, 'ECONNREFUSED')
      return true
    })
    assert.ok(socket.destroyed)
  })

  it('fails where there is no such socket file', LIMIT, async () => {
    await assert.rejects(BeanstalkdClient.connect({ path: '/no/such.sock' }), {
      ...BROKEN,
      message: /at \/no\/such\.sock \(.*ENOENT.*\)/,
    })
  })

  it('fails where there is no such host', LIMIT, async (t) => {
    t.mock.method(dns, 'lookup', (host: string, _options: unknown, callback: (error: Error) => void) =>
      setImmediate(callback, Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' })),
    )
    await assert.rejects(BeanstalkdClient.connect({ host: 'queue.invalid', port: 11_300 }), {
      ...BROKEN,
      message: /at queue\.invalid:11300 \(getaddrinfo ENOTFOUND queue\.invalid\)/,
    })
  })

  it('fails when nothing comes of it in time, and holds on to nothing', LIMIT, async (t) => {
    t.mock.method(dns, 'lookup', () => undefined)
    const { socket, result } = socketOf(() => BeanstalkdClient.connect({ host: 'slow.invalid', port: 11_300 }, 20))
    await assert.rejects(result, { ...BROKEN, message: /at slow\.invalid:11300 \(nothing within 0\.02 s\)/ })
    assert.ok(socket.destroyed)
  })

  it('has no time limit left once it is done', LIMIT, async (t) => {
    const { own, client } = await script(t)
    assert.equal(own.timeout, 0)
    assert.equal(await settled(client.reserve().catch(() => undefined)), false)
  })

  it('to a server that hangs up at once fails the first call', LIMIT, async (t) => {
    const listener = createServer((socket) => socket.destroy())
    t.after(() => listener.close())
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
    const { port } = listener.address() as AddressInfo
    const client = await BeanstalkdClient.connect({ host: '127.0.0.1', port })
    await allBroken(client, [client.reserve(), client.stats()], /closed the connection|broke/)
  })

  it('takes a socket file', LIMIT, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'queueup-'))
    const listener = createServer((socket) => socket.once('data', () => socket.end('TOUCHED\r\n')))
    t.after(() => {
      listener.close()
      rmSync(folder, { recursive: true })
    })
    const path = join(folder, 'a b.sock')
    await new Promise<void>((resolve) => listener.listen(path, resolve))
    const client = await BeanstalkdClient.connect(parseAddress(`beanstalkd://${path.replaceAll(' ', '%20')}`))
    assert.equal(await client.touch(1), true)
    await assert.rejects(client.reserve(), { ...BROKEN, message: new RegExp(`a b\\.sock`) })
  })
})

describe('an address', () => {
  it('is a host and a port, or a path', () => {
    assert.deepEqual(parseAddress('beanstalkd://queue.example:1234'), { host: 'queue.example', port: 1234 })
    assert.deepEqual(parseAddress('beanstalkd://queue.example'), { host: 'queue.example', port: 11_300 })
    assert.deepEqual(parseAddress('beanstalkd://[::1]:1234'), { host: '::1', port: 1234 })
    assert.deepEqual(parseAddress('beanstalkd://'), { host: '127.0.0.1', port: 11_300 })
    assert.deepEqual(parseAddress('beanstalkd:///run/b%20c.sock'), { path: '/run/b c.sock' })
  })

  it('is refused when it is none', () => {
    const wrong = [
      ...['', 'queue', 'beanstalkd://queue:99999', 'beanstalkd://queue:x', 'beanstalkd://[::1'],
      // What would be passed over.
      ...['beanstalkd://ada:secret@queue', 'beanstalkd://queue/mail', 'beanstalkd://queue?tube=mail'],
      ...['beanstalkd:queue:11300', 'beanstalkd:///run/100%'],
    ]
    for (const url of wrong)
      assert.throws(() => parseAddress(url), { name: 'InvalidArgumentError', code: 'QUEUEUP_INVALID_ARGUMENT' }, url)
  })
})
