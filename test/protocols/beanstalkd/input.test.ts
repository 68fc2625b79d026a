import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import fc from 'fast-check'
import { serve, until, type Served } from './served.ts'

const long = Number(process.env['QUEUEUP_LONG'] ?? 1)
/** Lines of random input, so many at a time. */
const PORTION = 10_000
const LINES = Math.min(100_000, PORTION * long)
const seed = Number(process.env['QUEUEUP_SEED'] ?? Date.now() % 2 ** 31)

/** What connections have said to servers, and what they are answered by one without jobs. Ids count from 1. */
const sessions: Record<string, { said: string; replies: string }> = {
  'a producer and worker': {
    said: 'use mail\r\nwatch mail\r\nignore default\r\nput 1 0 60 5\r\nhello\r\nput 0 0 60 4\r\n\r\n\r\n\r\nreserve\r\ntouch 2\r\ndelete 2\r\nreserve-with-timeout 0\r\nrelease 1 9 0\r\nreserve-job 1\r\nbury 1 3\r\nkick 1\r\npeek-ready\r\nreserve-with-timeout 5\r\nreserve-with-timeout 0\r\ndelete 1\r\nquit\r\n',
    replies:
      'USING mail\r\nWATCHING 2\r\nWATCHING 1\r\nINSERTED 1\r\nINSERTED 2\r\nRESERVED 2 4\r\n\r\n\r\n\r\nTOUCHED\r\nDELETED\r\nRESERVED 1 5\r\nhello\r\nRELEASED\r\nRESERVED 1 5\r\nhello\r\nBURIED\r\nKICKED 1\r\nFOUND 1 5\r\nhello\r\nRESERVED 1 5\r\nhello\r\nTIMED_OUT\r\nDELETED\r\n',
  },
  'one that is refused much': {
    said: `put 1 0 60 1\r\nx\r\nput 1 0 60 30\r\ndelete 1\r\ndelete 1\r\ndelete 1\r\n\r\nput 1 0 60 2\r\nxyz!\r\nput 1 0 60\r\n${'y'.repeat(230)}\r\nstats\0\r\nuse a b\r\nnothing\r\nrelease 1 1 0\r\npause-tube a 1\r\nreserve-with-timeout -1\r\npeek 1\r\ndelete 1\r\n`,
    replies:
      'INSERTED 1\r\nJOB_TOO_BIG\r\nEXPECTED_CRLF\r\nUNKNOWN_COMMAND\r\nBAD_FORMAT\r\nBAD_FORMAT\r\nBAD_FORMAT\r\nBAD_FORMAT\r\nUNKNOWN_COMMAND\r\nNOT_FOUND\r\nNOT_FOUND\r\nBAD_FORMAT\r\nFOUND 1 1\r\nx\r\nDELETED\r\n',
  },
}

/** Sends these pieces, one after another was read, then ends its side, and resolves to all that comes back. */
async function say({ at }: Served, pieces: readonly Buffer[]): Promise<string> {
  const socket = connect({ ...at, noDelay: true })
  let heard = ''
  socket.setEncoding('latin1').on('data', (text: string) => (heard += text))
  for (const piece of pieces) {
    await new Promise((resolve) => socket.write(piece, resolve))
    await new Promise((resolve) => setImmediate(resolve))
  }
  socket.end()
  await new Promise((resolve) => socket.once('close', resolve))
  return heard
}

/** The same words, with ids that begin there. */
function from(said: string, first: number): string {
  return said.replace(
    /^(delete|touch|release|reserve-job|bury|peek) (\d)\b/gm,
    (_, word: string, id: string) => `${word} ${Number(id) + first - 1}`,
  )
}

describe('what a client sends', () => {
  for (const [name, { said, replies: expected }] of Object.entries(sessions)) {
    it(`as ${name} does, cut in two at any byte, is answered alike`, async (t) => {
      const text = Buffer.from(said, 'latin1')
      for (let cut = 0; cut <= text.length; cut++) {
        const one = await serve(t, { maxJobSize: 20 })
        assert.equal(await say(one, [text.subarray(0, cut), text.subarray(cut)]), expected, `cut at ${cut}`)
      }
    })

    it(`as ${name} does, one byte at a time, is answered alike`, async (t) => {
      const served = await serve(t, { maxJobSize: 20 })
      assert.equal(
        await say(
          served,
          [...Buffer.from(said, 'latin1')].map((byte) => Buffer.from([byte])),
        ),
        expected,
      )
    })

    it(`as ${name} does, and breaks off at any byte, leaves no lease and disturbs nobody`, async (t) => {
      const served = await serve(t, { maxJobSize: 20 })
      const other = await served.open()
      await other.ask('use other')
      await other.ask('watch other')
      await other.ask('ignore default')
      for (let cut = 0; cut < said.length; cut++) {
        const inserted = await other.ask('put 0 0 600 1', 'z')
        const first = Number(inserted?.split(' ')[1]) + 1
        assert.equal(await other.ask('reserve'), `RESERVED ${first - 1} 1\r\nz`)
        const before = served.server.counters.totalConnections
        const socket = connect(served.at)
        await new Promise((resolve) => socket.once('connect', resolve))
        if (cut > 0) await new Promise((resolve) => socket.write(from(said, first).slice(0, cut), 'latin1', resolve))
        // Half of them with an RST, which may overtake what was sent.
        if (cut % 2) socket.destroy()
        else socket.resetAndDestroy()
        await until(() => served.server.counters.totalConnections > before && served.server.counters.connections === 1)
        assert.equal(await other.ask(`delete ${first - 1}`), 'DELETED')
        await until(async () => (await served.store.stats()).every((queue) => queue.reserved === 0))
      }
      assert.deepEqual(served.errors, [])
    })
  }

  it(`may be anything: ${LINES} random and mutated lines leave the server sound`, async (t: TestContext) => {
    const served = await serve(t, { maxJobSize: 1000, maxPending: 1 << 16 })
    const witness = await served.open()
    await witness.ask('use witness')
    await witness.ask('watch witness')
    const kept = await witness.ask('put 5 0 4294967295 4', 'kept')
    const id = Number(kept?.split(' ')[1])
    assert.match((await witness.ask('reserve')) ?? '', /kept$/)
    const before = process.memoryUsage().rss
    // Not the witness's own tube: its job may be peeked at, but is held by it.
    const words =
      'put|peek|peek-ready|peek-delayed|peek-buried|reserve|reserve-with-timeout 0|reserve-job|delete|release|bury|kick|kick-job|touch|stats|stats-job|stats-tube|use|watch|ignore|list-tubes|list-tubes-watched|list-tube-used|pause-tube|qui|'.split(
        '|',
      )
    const argument = fc.oneof(
      fc.integer({ min: 0, max: 30 }).map(String),
      fc.constantFrom(
        '-1',
        '4294967295',
        '4294967296',
        '18446744073709551616',
        'a',
        'b',
        '-a',
        '',
        ' ',
        '\0',
        '\r',
        '\n',
        '\xff',
        '1x',
        '99999999999999999999999',
      ),
      fc.string({ unit: 'binary-ascii', maxLength: 250 }),
    )
    const line = fc
      .tuple(
        fc.constantFrom(...words),
        fc.array(argument, { maxLength: 5 }),
        fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', '\r', ''),
      )
      .map(([word, rest, end]) => [word, ...rest].join(' ') + end)
    const put = fc
      .tuple(
        fc.string({ unit: 'binary-ascii', maxLength: 40 }),
        fc.integer({ min: -2, max: 2 }),
        fc.constantFrom(0, 1, 9),
      )
      .map(([body, off, delay]) => `put 1 ${delay} 1 ${Math.max(0, body.length + off)}\r\n${body}\r\n`)
    const mutated = fc
      .tuple(
        fc.constantFrom(...Object.values(sessions).map((one) => one.said)),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      )
      .map(([said, changes]) => {
        const bytes = Buffer.from(said, 'latin1')
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        return bytes.toString('latin1')
      })
    const any = fc.oneof(
      { weight: 6, arbitrary: line },
      { weight: 3, arbitrary: put },
      { weight: 1, arbitrary: mutated },
    )
    for (let portion = 0; portion < LINES / PORTION; portion++) {
      const lines = fc.sample(any, { seed: seed + portion, numRuns: PORTION })
      // A reserve for ever would hold up what follows it: here it ends with the connection.
      for (let at = 0; at < lines.length; at += 200) {
        await Promise.all(
          [0, 50, 100, 150].map((n) => say(served, [Buffer.from(lines.slice(at + n, at + n + 50).join(''), 'latin1')])),
        )
        if (at % 1000 === 0) served.clock.move(1000)
      }
    }
    // Not all of them count: some are refused, or swallowed by what was said to be a body.
    const run = [...served.server.counters.commands.values()].reduce((sum, count) => sum + count, 0)
    assert.ok(run > LINES / 10, `${run} commands`)
    assert.equal(await witness.ask('list-tube-used'), 'USING witness', `QUEUEUP_SEED=${seed}`)
    assert.equal(
      await witness.ask('stats-job ' + id).then((stats) => /state: (\w+)/.exec(stats ?? '')?.[1]),
      'reserved',
    )
    assert.equal(await witness.ask(`delete ${id}`), 'DELETED')
    await until(() => served.server.counters.connections === 1)
    assert.ok((await served.store.stats()).every((queue) => queue.reserved === 0))
    assert.equal(served.broker.waiting(), 0)
    assert.deepEqual(served.errors, [])
    const grown = process.memoryUsage().rss - before
    assert.ok(grown < 300_000_000, `${grown} bytes`)
  })
})
