import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, it } from 'node:test'
import { ManualClock } from '../../../src/testing/clock.ts'
import { settle } from '../../broker/open.ts'
import type { Talk } from '../../interop/talk.ts'
import { entry, replies, serve, until, type Served } from './served.ts'

/** So many connections wait for a job. */
async function waiting({ server }: Served, count: number): Promise<void> {
  await until(() => server.counters.waiting === count)
}

/** It has no reply yet, and gets none by itself. */
async function silent(talk: Talk): Promise<void> {
  await settle()
  assert.equal(talk.answered, false)
}

describe('a reserve that finds no job', () => {
  it('waits, and gets the next that is put', async (t) => {
    const served = await serve(t)
    const [taker, putter] = [await served.open(), await served.open()]
    await taker.ask('watch a')
    const taken = taker.ask('reserve')
    await waiting(served, 1)
    assert.equal(entry(await putter.ask('stats-tube a'), 'current-waiting'), '1')
    await putter.ask('use a')
    assert.equal(await putter.ask('put 0 0 60 1', 'x'), 'INSERTED 1')
    assert.equal(await taken, 'RESERVED 1 1\r\nx')
    assert.equal(entry(await putter.ask('stats'), 'current-waiting'), '0')
  })

  it('gets a large body whole', async (t) => {
    const served = await serve(t)
    const [taker, putter] = [await served.open(), await served.open()]
    const taken = taker.ask('reserve')
    await waiting(served, 1)
    await putter.ask('put 0 0 60 50000', 'x'.repeat(50_000))
    assert.equal(await taken, `RESERVED 1 50000\r\n${'x'.repeat(50_000)}`)
  })

  it('gets what another connection releases, also where its next command comes in a packet of its own meanwhile', async (t) => {
    const served = await serve(t)
    const [taker, other] = [await served.open(), await served.open()]
    await other.ask('put 0 0 60 1', 'x')
    for (const way of ['release 1 0 0', 'kick-job 1']) {
      await other.ask('reserve-job 1')
      if (way === 'kick-job 1') await other.ask('bury 1 0')
      const taken = taker.ask('reserve')
      await waiting(served, 1)
      other.send(`${way}\r\n`)
      // The server is at the first one when the second arrives.
      await new Promise((resolve) => setImmediate(resolve))
      other.send('reserve-with-timeout 0\r\n')
      assert.equal(await taken, 'RESERVED 1 1\r\nx', way)
      assert.equal((await replies(other, 2))[1], 'TIMED_OUT')
      await taker.ask('release 1 0 0')
    }
  })

  it('gets what another connection puts, releases or kicks before that one can take it back', async (t) => {
    const served = await serve(t)
    const [taker, other] = [await served.open(), await served.open()]
    let taken = taker.ask('reserve')
    await waiting(served, 1)
    other.send('put 0 0 60 1\r\nx\r\nreserve-with-timeout 0\r\ndelete 1\r\n')
    assert.equal(await taken, 'RESERVED 1 1\r\nx')
    assert.deepEqual(await replies(other, 3), ['INSERTED 1', 'TIMED_OUT', 'NOT_FOUND'])
    await taker.ask('release 1 0 0')
    await other.ask('reserve')
    taken = taker.ask('reserve')
    await waiting(served, 1)
    other.send('release 1 0 0\r\nreserve-job 1\r\n')
    assert.equal(await taken, 'RESERVED 1 1\r\nx')
    assert.deepEqual(await replies(other, 2), ['RELEASED', 'NOT_FOUND'])
    await taker.ask('bury 1 0')
    taken = taker.ask('reserve')
    await waiting(served, 1)
    other.send('kick-job 1\r\nreserve-with-timeout 0\r\n')
    assert.equal(await taken, 'RESERVED 1 1\r\nx')
    assert.deepEqual(await replies(other, 2), ['KICKED', 'TIMED_OUT'])
  })

  it('gets the first of several that are put, whatever their priorities', async (t) => {
    const served = await serve(t)
    const [first, second, putter] = [await served.open(), await served.open(), await served.open()]
    const taken = [first.ask('reserve')]
    await waiting(served, 1)
    taken.push(second.ask('reserve'))
    await waiting(served, 2)
    putter.send('put 9 0 60 1\r\na\r\nput 5 0 60 1\r\nb\r\nput 1 0 60 1\r\nc\r\n')
    assert.deepEqual(await Promise.all(taken), ['RESERVED 1 1\r\na', 'RESERVED 2 1\r\nb'])
  })

  it('is served in the order of coming', async (t) => {
    const served = await serve(t)
    const putter = await served.open()
    const taken: Promise<string | undefined>[] = []
    for (let n = 1; n <= 3; n++) {
      taken.push((await served.open()).ask('reserve'))
      await waiting(served, n)
    }
    putter.send('put 9 0 60 1\r\na\r\nput 9 0 60 1\r\nb\r\nput 9 0 60 1\r\nc\r\n')
    assert.deepEqual(await Promise.all(taken), ['RESERVED 1 1\r\na', 'RESERVED 2 1\r\nb', 'RESERVED 3 1\r\nc'])
  })

  it('gets a job that was released, kicked, due, or whose holder left', async (t) => {
    const served = await serve(t)
    const [taker, other] = [await served.open(), await served.open()]
    await other.ask('put 0 5 60 1', 'x')
    let taken = taker.ask('reserve')
    await waiting(served, 1)
    await served.move(5000)
    assert.equal(await taken, 'RESERVED 1 1\r\nx')
    await taker.ask('release 1 0 0')
    await other.ask('reserve')
    taken = taker.ask('reserve')
    await waiting(served, 1)
    await other.ask('release 1 0 0')
    assert.equal(await taken, 'RESERVED 1 1\r\nx')
    await taker.ask('bury 1 0')
    taken = taker.ask('reserve')
    await waiting(served, 1)
    await other.ask('kick 1')
    assert.equal(await taken, 'RESERVED 1 1\r\nx')
    await taker.ask('release 1 0 0')
    await other.ask('reserve')
    taken = taker.ask('reserve')
    await waiting(served, 1)
    other.destroy()
    assert.equal(await taken, 'RESERVED 1 1\r\nx')
  })

  it('ends after its time, and at once for 0', async (t) => {
    const served = await serve(t)
    const talk = await served.open()
    assert.equal(await talk.ask('reserve-with-timeout 0'), 'TIMED_OUT')
    const taken = talk.ask('reserve-with-timeout 3')
    await waiting(served, 1)
    await served.move(2999)
    await silent(talk)
    await served.move(1)
    assert.equal(await taken, 'TIMED_OUT')
    assert.equal(served.server.counters.waiting, 0)
  })

  it('is answered TIMED_OUT where the other side has ended, and the connection ends then', async (t) => {
    const served = await serve(t)
    const [talk, early] = [await served.open(), await served.open()]
    const taken = talk.ask('reserve')
    await waiting(served, 1)
    talk.finish()
    assert.equal(await taken, 'TIMED_OUT')
    assert.equal(await talk.reply(), undefined)
    early.send('put 0 0 60 1\r\nx\r\nreserve\r\nreserve\r\nreserve-with-timeout 9\r\nlist-tube-used\r\n')
    early.finish()
    assert.deepEqual(await replies(early, 6), [
      'INSERTED 1',
      'RESERVED 1 1\r\nx',
      'TIMED_OUT',
      'TIMED_OUT',
      'USING default',
      undefined,
    ])
  })

  it('whose connection breaks takes no job', async (t) => {
    const served = await serve(t)
    const [gone, putter] = [await served.open(), await served.open()]
    gone.send('reserve\r\n')
    await waiting(served, 1)
    gone.destroy()
    await waiting(served, 0)
    await putter.ask('put 0 0 60 1', 'x')
    assert.equal(entry(await putter.ask('stats-job 1'), 'reserves'), '0')
  })
})

describe('a reserve whose connection breaks while it is looked for a job', () => {
  it('does not count as one that waits', async (t) => {
    const served = await serve(t)
    const other = await served.open()
    let look = () => {}
    served.store.gate = new Promise((resolve) => (look = resolve))
    const socket = connect(served.at)
    socket.write('reserve\r\n')
    await until(() => served.store.ops.includes('reserve'))
    socket.resetAndDestroy()
    await settle()
    served.store.gate = undefined
    look()
    const stats = await other.ask('stats')
    assert.equal(entry(stats, 'current-connections'), '1')
    assert.equal(entry(stats, 'current-waiting'), '0')
  })
})

describe('what stands behind a reserve that waits', () => {
  it('has no effect before it', async (t) => {
    const served = await serve(t)
    const [taker, other] = [await served.open(), await served.open()]
    taker.send('reserve\r\nuse late\r\nwatch later\r\nput 0 0 60 1\r\ny\r\nlist-tube-used\r\nx\r\n')
    await waiting(served, 1)
    await settle()
    assert.equal(await other.ask('list-tubes'), 'OK 14\r\n---\n- default\n')
    const stats = await other.ask('stats')
    assert.deepEqual(
      ['cmd-put', 'cmd-use', 'cmd-watch', 'current-producers', 'cmd-reserve'].map((key) => entry(stats, key)),
      ['0', '0', '0', '0', '1'],
    )
    await other.ask('put 0 0 60 1', 'x')
    assert.deepEqual(await replies(taker, 6), [
      'RESERVED 1 1\r\nx',
      'USING late',
      'WATCHING 2',
      'INSERTED 2',
      'USING late',
      'UNKNOWN_COMMAND',
    ])
  })

  it('begins its delays when its turn has come', async (t) => {
    const served = await serve(t)
    const [taker, other] = [await served.open(), await served.open()]
    taker.send('reserve\r\nput 0 10 60 1\r\ny\r\n')
    await waiting(served, 1)
    await served.move(60_000)
    await other.ask('put 0 0 60 1', 'x')
    assert.deepEqual(await replies(taker, 2), ['RESERVED 1 1\r\nx', 'INSERTED 2'])
    const stats = await other.ask('stats-job 2')
    assert.deepEqual([entry(stats, 'state'), entry(stats, 'time-left'), entry(stats, 'delay')], ['delayed', '9', '10'])
  })

  it('is refused by a server that drains since', async (t) => {
    const served = await serve(t)
    const [taker, other] = [await served.open(), await served.open()]
    taker.send('reserve\r\nput 0 0 60 1\r\ny\r\nput 0 0 60 1\r\nz\r\ndelete 1\r\n')
    await waiting(served, 1)
    await other.ask('put 0 9 60 1', 'x')
    served.broker.drain(true)
    await other.ask('kick 1')
    assert.deepEqual(await replies(taker, 4), ['RESERVED 1 1\r\nx', 'DRAINING', 'DRAINING', 'DELETED'])
    assert.equal(entry(await other.ask('stats'), 'cmd-put'), '3')
  })

  it('is read no further than a bound', async (t) => {
    const served = await serve(t)
    const [taker, other] = [await served.open(), await served.open()]
    taker.send('reserve\r\n')
    await waiting(served, 1)
    const puts = 40_000
    taker.send('put 0 99 60 100\r\n'.concat('x'.repeat(100), '\r\n').repeat(puts))
    await settle()
    await other.ask('put 0 0 60 1', 'x')
    const all = await replies(taker, puts + 1)
    assert.equal(all[0], 'RESERVED 1 1\r\nx')
    assert.equal(all.at(-1), `INSERTED ${puts + 1}`)
  })

  it('goes on in order, over hundreds of commands with waits among them', async (t) => {
    const served = await serve(t)
    const [taker, putter] = [await served.open(), await served.open()]
    const rounds = 100
    let text = ''
    for (let n = 1; n <= rounds; n++)
      text += `use own\r\nwatch t${n}\r\nreserve\r\nput 0 0 60 1\r\n${n % 10}\r\ndelete ${2 * n - 1}\r\n`
    taker.send(text)
    for (let n = 1; n <= rounds; n++) {
      assert.deepEqual(await replies(taker, 2), ['USING own', `WATCHING ${n + 1}`])
      await waiting(served, 1)
      await putter.ask(`use t${n}`)
      await putter.ask('put 0 0 60 3', `job`)
      assert.deepEqual(await replies(taker, 3), [`RESERVED ${2 * n - 1} 3\r\njob`, `INSERTED ${2 * n}`, 'DELETED'])
    }
  })
})

describe('DEADLINE_SOON', () => {
  it('tells a holder that would wait, a second before its time to run is over', async (t) => {
    const served = await serve(t)
    const talk = await served.open()
    await talk.ask('put 0 0 10 1', 'x')
    await talk.ask('reserve')
    assert.equal(await talk.ask('reserve-with-timeout 0'), 'TIMED_OUT')
    const warned = talk.ask('reserve')
    await waiting(served, 1)
    await served.move(8999)
    await silent(talk)
    await served.move(1)
    assert.equal(await warned, 'DEADLINE_SOON')
    assert.equal(await talk.ask('reserve-with-timeout 0'), 'DEADLINE_SOON')
    assert.equal(await talk.ask('reserve-with-timeout 9'), 'DEADLINE_SOON')
    assert.equal(await talk.ask('touch 1'), 'TOUCHED')
    assert.equal(await talk.ask('reserve-with-timeout 0'), 'TIMED_OUT')
  })

  for (const line of ['release 1 0 100', 'bury 1 0', 'delete 1'])
    it(`comes no more after ${line}`, async (t) => {
      const talk = await (await serve(t)).open()
      await talk.ask('put 0 0 1 1', 'x')
      await talk.ask('reserve')
      assert.equal(await talk.ask('reserve-with-timeout 0'), 'DEADLINE_SOON')
      await talk.ask(line)
      assert.equal(await talk.ask('reserve-with-timeout 0'), 'TIMED_OUT')
    })

  it('comes where the only job that is ready is in a paused tube', async (t) => {
    const served = await serve(t)
    const talk = await served.open()
    await talk.ask('put 0 0 2 1', 'x')
    await talk.ask('put 0 0 60 1', 'y')
    await talk.ask('reserve')
    await talk.ask('pause-tube default 100')
    const warned = talk.ask('reserve')
    await waiting(served, 1)
    await served.move(1000)
    assert.equal(await warned, 'DEADLINE_SOON')
    assert.equal(await talk.ask('reserve-with-timeout 0'), 'DEADLINE_SOON')
  })

  it('comes at once for a time to run of one second, but after a job that is ready', async (t) => {
    const talk = await (await serve(t)).open()
    await talk.ask('put 0 0 1 1', 'x')
    await talk.ask('put 0 0 60 1', 'y')
    await talk.ask('reserve')
    assert.equal(await talk.ask('reserve'), 'RESERVED 2 1\r\ny')
    assert.equal(await talk.ask('reserve'), 'DEADLINE_SOON')
  })

  it('comes, and the time-out is counted, also after a kick-job of what its holder has', async (t) => {
    const served = await serve(t)
    const talk = await served.open()
    await talk.ask('put 0 0 1 1', 'x')
    await talk.ask('reserve')
    assert.equal(await talk.ask('kick-job 1'), 'NOT_FOUND')
    assert.equal(await talk.ask('reserve-with-timeout 0'), 'DEADLINE_SOON')
    await served.move(1000)
    assert.match((await talk.ask('stats')) ?? '', /\njob-timeouts: 1\n/)
  })

  it('comes also where a touch is sent behind the reserve that it answers', async (t) => {
    const talk = await (await serve(t)).open()
    await talk.ask('put 0 0 1 1', 'x')
    talk.send('reserve\r\nreserve\r\ntouch 1\r\nreserve\r\n')
    assert.deepEqual(await replies(talk, 4), ['RESERVED 1 1\r\nx', 'DEADLINE_SOON', 'TOUCHED', 'DEADLINE_SOON'])
  })

  it('is not for reserve-job, nor for other connections', async (t) => {
    const served = await serve(t)
    const [talk, other] = [await served.open(), await served.open()]
    await talk.ask('put 0 0 1 1', 'x')
    await talk.ask('reserve')
    assert.equal(await talk.ask('reserve-job 1'), 'NOT_FOUND')
    assert.equal(await other.ask('reserve-with-timeout 0'), 'TIMED_OUT')
  })
})

describe('a paused tube', () => {
  it('gives no job until the pause is over', async (t) => {
    const served = await serve(t)
    const [talk, other] = [await served.open(), await served.open()]
    await talk.ask('put 0 0 60 1', 'x')
    assert.equal(await other.ask('pause-tube default 5'), 'PAUSED')
    assert.equal(await talk.ask('reserve-with-timeout 0'), 'TIMED_OUT')
    const taken = talk.ask('reserve')
    await waiting(served, 1)
    await served.move(4999)
    await silent(talk)
    await served.move(1)
    assert.equal(await taken, 'RESERVED 1 1\r\nx')
  })

  it('gives a job that is due meanwhile when its pause is over', async (t) => {
    const served = await serve(t)
    const [talk, other] = [await served.open(), await served.open()]
    await other.ask('put 0 1 60 1', 'x')
    await other.ask('pause-tube default 2')
    const taken = talk.ask('reserve')
    await waiting(served, 1)
    await served.move(1500)
    assert.equal(await other.ask('peek-ready'), 'FOUND 1 1\r\nx')
    await silent(talk)
    await served.move(500)
    assert.equal(await taken, 'RESERVED 1 1\r\nx')
  })

  it('goes on at once when it is paused for 0 seconds', async (t) => {
    const served = await serve(t)
    const [talk, other] = [await served.open(), await served.open()]
    await talk.ask('put 0 0 60 1', 'x')
    await other.ask('pause-tube default 500')
    const taken = talk.ask('reserve')
    await waiting(served, 1)
    assert.equal(await other.ask('pause-tube default 0'), 'PAUSED')
    assert.equal(await taken, 'RESERVED 1 1\r\nx')
  })

  it('stays so while it has neither jobs nor clients', async (t) => {
    const served = await serve(t)
    const talk = await served.open()
    await talk.ask('use a')
    assert.equal(await talk.ask('pause-tube a 100'), 'PAUSED')
    await talk.ask('use default')
    assert.equal(await talk.ask('stats-tube a'), 'NOT_FOUND')
    await served.move(40_000)
    await talk.ask('use a')
    await talk.ask('watch a')
    const stats = await talk.ask('stats-tube a')
    assert.deepEqual(
      ['pause', 'pause-time-left', 'cmd-pause-tube'].map((key) => entry(stats, key)),
      ['100', '59', '1'],
    )
    await talk.ask('put 0 0 60 1', 'x')
    assert.equal(await talk.ask('reserve-with-timeout 0'), 'TIMED_OUT')
  })
})

/** Tells whole milliseconds, as the machine's does. */
class WholeClock extends ManualClock {
  readonly grain = 1
  override now(): number {
    return Math.floor(super.now())
  }
}

describe('what begins within a millisecond', () => {
  for (const { what, sends, says } of [
    { what: 'a wait', sends: () => 'reserve-with-timeout 1\r\n', says: ['TIMED_OUT'] },
    { what: 'a delay', sends: () => 'put 0 1 60 1\r\nx\r\nreserve\r\n', says: [/^INSERTED/, /^RESERVED/] },
    {
      what: 'a pause',
      sends: (tube: string) => `put 0 0 60 1\r\nx\r\npause-tube ${tube} 1\r\nreserve\r\n`,
      says: [/^INSERTED/, 'PAUSED', /^RESERVED/],
    },
  ])
    it(`does not end early with what began before: ${what}`, async (t) => {
      const served = await serve(t, {}, new WholeClock())
      const [first, second] = [await served.open(), await served.open()]
      for (const [talk, tube] of [
        [first, 'a'],
        [second, 'b'],
      ] as const) {
        for (const line of [`use ${tube}`, `watch ${tube}`, 'ignore default']) await talk.ask(line)
        await served.move(0.4)
        talk.send(sends(tube))
        for (const reply of says.slice(0, -1)) assert.match((await talk.reply()) ?? '', new RegExp(reply))
      }
      await waiting(served, 2)
      await served.move(999.9)
      await silent(second)
      await served.move(2.1)
      assert.match((await second.reply()) ?? '', new RegExp(says.at(-1) as string))
    })

  for (const Clock of [ManualClock, WholeClock])
    for (const [what, line] of [
      ['a delay', 'put 0 1 60 1\r\nx\r\n'],
      ['a pause', 'put 0 0 60 1\r\nx\r\npause-tube default 1\r\n'],
    ] as const)
      it(`comes before the end of a wait that began later: ${what}, by a ${Clock.name}`, async (t) => {
        const served = await serve(t, {}, new Clock())
        const talk = await served.open()
        talk.send(`${line}reserve-with-timeout 1\r\n`)
        await waiting(served, 1)
        await settle()
        await served.move(1010)
        const said = await replies(talk, what === 'a delay' ? 2 : 3)
        assert.equal(said.at(-1), 'RESERVED 1 1\r\nx')
      })

  it('is warned of a second before its end, not more', async (t) => {
    const served = await serve(t, {}, new WholeClock())
    const talk = await served.open()
    await served.move(0.9)
    await talk.ask('put 0 0 2 1', 'x')
    await talk.ask('reserve')
    await served.move(0.2)
    talk.send('reserve\r\n')
    await waiting(served, 1)
    await served.move(999.4)
    await silent(talk)
    await served.move(1)
    assert.equal(await talk.reply(), 'DEADLINE_SOON')
  })
})
