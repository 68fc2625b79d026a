import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Talk } from '../../interop/talk.ts'
import { entry, replies, serve, until } from './served.ts'

describe('put', () => {
  it('answers with the id, and keeps priority, delay, time to run and body', async (t) => {
    const served = await serve(t)
    const talk = await served.open()
    await talk.ask('use a')
    assert.equal(await talk.ask('put 7 0 60 5', 'he\r\nl'), 'INSERTED 1')
    assert.equal(await talk.ask('put 4294967295 4294967295 4294967295 0', ''), 'INSERTED 2')
    assert.equal(await talk.ask('peek 1'), 'FOUND 1 5\r\nhe\r\nl')
    const [first, second] = [await talk.ask('stats-job 1'), await talk.ask('stats-job 2')]
    assert.deepEqual(
      ['tube', 'state', 'pri', 'delay', 'ttr'].map((key) => entry(first, key)),
      ['a', 'ready', '7', '0', '60'],
    )
    assert.deepEqual(
      ['state', 'pri', 'delay', 'ttr', 'time-left'].map((key) => entry(second, key)),
      ['delayed', '4294967295', '4294967295', '4294967295', '4294967294'],
    )
  })

  it('with a time to run of 0 gives one second', async (t) => {
    const talk = await (await serve(t)).open()
    await talk.ask('put 0 0 0 1', 'x')
    assert.equal(entry(await talk.ask('stats-job 1'), 'ttr'), '1')
  })

  it('of a body as large as is allowed is stored, of one byte more is not', async (t) => {
    const talk = await (await serve(t, { maxJobSize: 1000 })).open()
    assert.equal(await talk.ask('put 0 0 60 1000', 'x'.repeat(1000)), 'INSERTED 1')
    assert.equal(await talk.ask('put 0 0 60 1001', 'x'.repeat(1001)), 'JOB_TOO_BIG')
    assert.equal(await talk.ask('put 0 0 60 1', 'xyz'), 'EXPECTED_CRLF')
    assert.equal(await talk.reply(), 'UNKNOWN_COMMAND')
  })

  it('never runs the body of a refused job as commands', async (t) => {
    const talk = await (await serve(t)).open()
    await talk.ask('put 0 0 60 1', 'x')
    const evil = 'delete 1\r\n'.repeat(10_000)
    assert.equal(await talk.ask(`put 0 0 60 ${evil.length}`, evil), 'JOB_TOO_BIG')
    assert.equal(await talk.ask('peek 1'), 'FOUND 1 1\r\nx')
  })

  it('while draining is refused once its body is read, and everything else goes on', async (t) => {
    const { broker, open } = await serve(t)
    const talk = await open()
    await talk.ask('put 0 0 60 1', 'x')
    broker.drain(true)
    assert.equal(await talk.ask('put 0 0 60 8', 'delete 1'), 'DRAINING')
    assert.equal(entry(await talk.ask('stats'), 'draining'), 'true')
    assert.equal(await talk.ask('reserve'), 'RESERVED 1 1\r\nx')
    assert.equal(await talk.ask('delete 1'), 'DELETED')
  })

  it('into a full queue is OUT_OF_MEMORY, one too large for it JOB_TOO_BIG', async (t) => {
    const { broker, open } = await serve(t)
    const session = broker.session({ protocol: 'test', tenant: 'default', principal: 'test' })
    await session.commit({
      ops: [{ do: 'record', key: 'queue/default/a', value: { maxJobs: 1, maxSize: 5 } }],
    })
    const talk = await open()
    await talk.ask('use a')
    assert.equal(await talk.ask('put 0 0 60 6', '123456'), 'JOB_TOO_BIG')
    assert.equal(await talk.ask('put 0 0 60 1', 'x'), 'INSERTED 1')
    assert.equal(await talk.ask('put 0 0 60 1', 'y'), 'OUT_OF_MEMORY')
    assert.equal(entry(await talk.ask('stats'), 'total-jobs'), '1')
  })
})

describe('reserve', () => {
  it('gives a returned job before later ones of equal priority', async (t) => {
    const talk = await (await serve(t)).open()
    for (const body of 'abc') await talk.ask('put 5 0 60 1', body)
    await talk.ask('reserve')
    assert.equal(await talk.ask('release 1 5 0'), 'RELEASED')
    assert.equal(await talk.ask('reserve'), 'RESERVED 1 1\r\na')
    await talk.ask('bury 1 5')
    assert.equal(await talk.ask('kick 1'), 'KICKED 1')
    assert.equal(await talk.ask('reserve'), 'RESERVED 1 1\r\na')
  })

  it('gives a large body as it is', async (t) => {
    const talk = await (await serve(t)).open()
    const body = '\0\xff\r\n'.repeat(16_000)
    talk.send(Buffer.from(`put 0 0 60 64000\r\n${body}\r\n`, 'latin1'))
    assert.equal(await talk.reply(), 'INSERTED 1')
    assert.equal(await talk.ask('reserve'), `RESERVED 1 64000\r\n${body}`)
    assert.equal(await talk.ask('peek 1'), `FOUND 1 64000\r\n${body}`)
    await talk.ask('release 1 0 0')
    talk.send('reserve\r\nlist-tube-used\r\n')
    assert.deepEqual(await replies(talk, 2), [`RESERVED 1 64000\r\n${body}`, 'USING default'])
  })

  it('gives short bodies and long ones in their order, byte for byte', async (t) => {
    const talk = await (await serve(t)).open()
    const bodies = [1023, 1024, 1, 20_000, 1025, 0].map((size) => '\0\xff\r\n'.repeat(size).slice(0, size))
    for (const body of bodies) {
      talk.send(Buffer.from(`put 0 0 60 ${body.length}\r\n${body}\r\n`, 'latin1'))
      assert.match((await talk.reply()) ?? '', /^INSERTED/)
    }
    talk.send(`${'reserve\r\n'.repeat(bodies.length)}list-tube-used\r\n`)
    const expected = bodies.map((body, i) => `RESERVED ${i + 1} ${body.length}\r\n${body}`)
    assert.deepEqual(await replies(talk, bodies.length + 1), [...expected, 'USING default'])
  })

  it('reserve-job takes a job by its id, in whatever state but reserved, from any tube', async (t) => {
    const served = await serve(t)
    const [talk, other] = [await served.open(), await served.open()]
    await other.ask('use elsewhere')
    await other.ask('put 0 0 60 5', 'ready')
    await other.ask('put 0 99 60 7', 'delayed')
    await other.ask('put 0 0 60 6', 'buried')
    await other.ask('reserve-job 3')
    await other.ask('bury 3 0')
    await other.ask('pause-tube elsewhere 100')
    talk.send('reserve-job 1\r\nreserve-job 2\r\nreserve-job 3\r\nreserve-job 3\r\nreserve-job 4\r\nlist-tube-used\r\n')
    assert.deepEqual(await replies(talk, 6), [
      'RESERVED 1 5\r\nready',
      'RESERVED 2 7\r\ndelayed',
      'RESERVED 3 6\r\nburied',
      'NOT_FOUND',
      'NOT_FOUND',
      'USING default',
    ])
    assert.equal(await other.ask('reserve-job 1'), 'NOT_FOUND')
    assert.equal(await talk.ask('delete 2'), 'DELETED')
  })
})

describe('a job that is reserved', () => {
  it('is deleted, released, buried and touched by its holder alone', async (t) => {
    const served = await serve(t)
    const [holder, other] = [await served.open(), await served.open()]
    await other.ask('put 5 0 60 1', 'x')
    await holder.ask('reserve')
    for (const command of ['delete 1', 'release 1 0 0', 'bury 1 0', 'touch 1', 'kick-job 1'])
      assert.equal(await other.ask(command), 'NOT_FOUND', command)
    assert.equal(await holder.ask('touch 1'), 'TOUCHED')
    assert.equal(await holder.ask('release 1 9 30'), 'RELEASED')
    const stats = await other.ask('stats-job 1')
    assert.deepEqual(
      ['state', 'pri', 'delay', 'time-left', 'reserves', 'releases'].map((key) => entry(stats, key)),
      ['delayed', '9', '30', '29', '1', '1'],
    )
    assert.equal(await other.ask('delete 1'), 'DELETED')
    assert.equal(await holder.ask('delete 1'), 'NOT_FOUND')
  })

  it('is touched for as long as its time to run', async (t) => {
    const { open, move } = await serve(t)
    const talk = await open()
    await talk.ask('put 0 0 10 1', 'x')
    await talk.ask('reserve')
    await move(8000)
    assert.equal(entry(await talk.ask('stats-job 1'), 'time-left'), '1')
    assert.equal(await talk.ask('touch 1'), 'TOUCHED')
    await move(9000)
    assert.equal(entry(await talk.ask('stats-job 1'), 'state'), 'reserved')
    await move(1000)
    const stats = await talk.ask('stats-job 1')
    assert.deepEqual([entry(stats, 'state'), entry(stats, 'timeouts')], ['ready', '1'])
    assert.equal(await talk.ask('touch 1'), 'NOT_FOUND')
    assert.equal(entry(await talk.ask('stats'), 'job-timeouts'), '1')
  })

  it('goes back at once when its connection ends, with no counter changed', async (t) => {
    const served = await serve(t)
    const [holder, other] = [await served.open(), await served.open()]
    await other.ask('put 7 0 60 1', 'x')
    await holder.ask('reserve')
    const taken = other.ask('reserve')
    holder.destroy()
    assert.equal(await taken, 'RESERVED 1 1\r\nx')
    const stats = await other.ask('stats-job 1')
    assert.deepEqual(
      ['pri', 'reserves', 'timeouts', 'releases', 'buries', 'kicks'].map((key) => entry(stats, key)),
      ['7', '2', '0', '0', '0', '0'],
    )
  })

  it('counts as failed when its connection ends, but not when that quits or the server stops', async (t) => {
    const { broker, open, server } = await serve(t)
    const session = broker.session({ protocol: 'test', tenant: 'default', principal: 'test' })
    await session.commit({
      ops: [{ do: 'record', key: 'queue/default/default', value: { maxFailures: 2, dead: 'default/dead' } }],
    })
    const other = await open()
    await other.ask('put 0 0 60 1', 'x')
    const failures = async () => (await session.look({ id: 1, limit: 1 })).jobs[0]?.failures
    for (const end of [(holder: Talk) => holder.send('quit\r\n'), (holder: Talk) => holder.destroy()]) {
      const holder = await open()
      assert.equal(await holder.ask('reserve'), 'RESERVED 1 1\r\nx')
      end(holder)
      assert.equal(await other.ask('reserve'), 'RESERVED 1 1\r\nx')
      await other.ask('release 1 0 0')
    }
    assert.equal(await failures(), 1)
    const holder = await open()
    await holder.ask('reserve')
    await server.close()
    assert.equal(await failures(), 1)
    const at = await server.listen({ host: '127.0.0.1', port: 0 })
    const last = await Talk.to(at)
    await last.ask('reserve')
    last.finish()
    await last.reply()
    const [dead] = (await session.look({ where: { queue: 'default/dead', states: ['ready'] }, limit: 1 })).jobs
    assert.deepEqual([dead?.id, dead?.failures], [1, 2])
  })

  it('is back for one whose command is read in the same turn as the end of its connection, whichever comes first', async (t) => {
    const served = await serve(t)
    const other = await served.open()
    let id = 0
    for (const end of ['destroy', 'reset'] as const)
      for (const command of ['reserve-with-timeout 0', 'reserve-job', 'delete']) {
        await other.ask('put 0 0 60 1', 'x')
        id++
        const holder = await served.open()
        await holder.ask('reserve')
        other.send(`${command}${command.endsWith('0') ? '' : ` ${id}`}\r\n`)
        holder[end]()
        assert.equal(
          await other.reply(),
          command === 'delete' ? 'DELETED' : `RESERVED ${id} 1\r\nx`,
          `${command}, ${end}`,
        )
        await other.ask(`delete ${id}`)
      }
  })

  it('goes back when its connection quits, and what follows quit is not run', async (t) => {
    const served = await serve(t)
    const [holder, other] = [await served.open(), await served.open()]
    await other.ask('put 0 0 60 1', 'x')
    await other.ask('put 0 0 60 1', 'y')
    holder.send('reserve\r\nquit\r\ndelete 1\r\ndelete 2\r\n')
    assert.equal(await holder.reply(), 'RESERVED 1 1\r\nx')
    assert.equal(await holder.reply(), undefined)
    assert.equal(await other.ask('reserve'), 'RESERVED 1 1\r\nx')
    assert.equal(await other.ask('reserve'), 'RESERVED 2 1\r\ny')
  })
})

describe('kick', () => {
  it('wakes buried jobs in the order of their burial, and delayed ones only where none is buried', async (t) => {
    const talk = await (await serve(t)).open()
    for (let n = 1; n <= 4; n++) await talk.ask('put 0 0 60 1', String(n))
    await talk.ask('put 0 500 60 1', 'l')
    await talk.ask('put 0 100 60 1', 's')
    for (const id of [3, 1, 4]) {
      await talk.ask(`reserve-job ${id}`)
      assert.equal(await talk.ask(`bury ${id} 9`), 'BURIED')
    }
    const states = async () => {
      const all: (string | undefined)[] = []
      for (let id = 1; id <= 6; id++) all.push(entry(await talk.ask(`stats-job ${id}`), 'state'))
      return all.map((state) => state?.[0]).join('')
    }
    assert.equal(await talk.ask('peek-buried'), 'FOUND 3 1\r\n3')
    assert.equal(await talk.ask('kick 2'), 'KICKED 2')
    assert.equal(await states(), 'rrrbdd')
    assert.equal(await talk.ask('kick 10'), 'KICKED 1')
    assert.equal(await states(), 'rrrrdd')
    assert.equal(await talk.ask('kick 1'), 'KICKED 1')
    assert.equal(await states(), 'rrrrdr', 'the soonest first')
    assert.equal(entry(await talk.ask('stats-job 6'), 'delay'), '100', 'as it was asked for')
    assert.equal(await talk.ask('kick 0'), 'KICKED 0')
    assert.equal(await talk.ask('kick 4294967295'), 'KICKED 1')
    assert.equal(await talk.ask('kick 1'), 'KICKED 0')
    assert.deepEqual(
      [entry(await talk.ask('stats-job 3'), 'kicks'), entry(await talk.ask('stats-job 3'), 'pri')],
      ['1', '9'],
    )
  })

  it('of thousands kicks as many as it is told', async (t) => {
    const talk = await (await serve(t)).open()
    const jobs = 2500
    talk.send('put 0 9 60 1\r\nx\r\n'.repeat(jobs))
    await replies(talk, jobs)
    assert.equal(await talk.ask('kick 2100'), 'KICKED 2100')
    assert.equal(await talk.ask('kick 2100'), 'KICKED 400')
  })

  it('kicks only in the used tube', async (t) => {
    const talk = await (await serve(t)).open()
    await talk.ask('put 0 100 60 1', 'x')
    await talk.ask('use a')
    assert.equal(await talk.ask('kick 1'), 'KICKED 0')
  })

  it('kick-job wakes one job, if it is buried or delayed', async (t) => {
    const talk = await (await serve(t)).open()
    await talk.ask('put 0 100 60 1', 'x')
    await talk.ask('use a')
    assert.equal(await talk.ask('kick-job 1'), 'KICKED')
    assert.equal(await talk.ask('kick-job 1'), 'NOT_FOUND')
    await talk.ask('reserve')
    assert.equal(await talk.ask('kick-job 1'), 'NOT_FOUND', 'not even by its holder')
    await talk.ask('bury 1 0')
    assert.equal(await talk.ask('kick-job 1'), 'KICKED')
    assert.equal(await talk.ask('kick-job 9'), 'NOT_FOUND')
  })
})

describe('peek', () => {
  it('shows the next job of a state in the used tube, paused or not', async (t) => {
    const talk = await (await serve(t)).open()
    for (const state of ['ready', 'delayed', 'buried']) assert.equal(await talk.ask(`peek-${state}`), 'NOT_FOUND')
    await talk.ask('put 5 0 60 1', 'a')
    await talk.ask('put 1 0 60 1', 'b')
    await talk.ask('put 1 90 60 1', 'c')
    await talk.ask('put 1 80 60 1', 'd')
    await talk.ask('pause-tube default 100')
    assert.equal(await talk.ask('peek-ready'), 'FOUND 2 1\r\nb')
    assert.equal(await talk.ask('peek-delayed'), 'FOUND 4 1\r\nd')
    assert.equal(await talk.ask('peek 3'), 'FOUND 3 1\r\nc')
    assert.equal(await talk.ask('peek 5'), 'NOT_FOUND')
    await talk.ask('use a')
    assert.equal(await talk.ask('peek-ready'), 'NOT_FOUND')
  })
})

describe('tubes', () => {
  it('are used, watched and ignored, the last one not', async (t) => {
    const talk = await (await serve(t)).open()
    assert.equal(await talk.ask('list-tube-used'), 'USING default')
    assert.equal(await talk.ask('use a'), 'USING a')
    assert.equal(await talk.ask('watch b'), 'WATCHING 2')
    assert.equal(await talk.ask('watch b'), 'WATCHING 2')
    assert.equal(await talk.ask('watch c'), 'WATCHING 3')
    assert.equal(await talk.ask('list-tubes-watched'), 'OK 22\r\n---\n- default\n- b\n- c\n')
    assert.equal(await talk.ask('ignore nowhere'), 'WATCHING 3')
    assert.equal(await talk.ask('ignore default'), 'WATCHING 2')
    assert.equal(await talk.ask('ignore b'), 'WATCHING 1')
    assert.equal(await talk.ask('ignore c'), 'NOT_IGNORED')
    assert.equal(await talk.ask('list-tubes-watched'), 'OK 8\r\n---\n- c\n')
  })

  it('are there while they have jobs, or somebody uses or watches them', async (t) => {
    const served = await serve(t)
    const [talk, other] = [await served.open(), await served.open()]
    const tubes = async () =>
      (await talk.ask('list-tubes'))
        ?.split('\n')
        .filter((line) => line.startsWith('- '))
        .toSorted()
    await other.ask('use a')
    await other.ask('watch b')
    assert.deepEqual(await tubes(), ['- a', '- b', '- default'])
    await other.ask('put 0 0 60 1', 'x')
    assert.equal(entry(await talk.ask('stats'), 'current-tubes'), '3')
    await other.ask('use default')
    await other.ask('ignore b')
    assert.deepEqual(await tubes(), ['- a', '- default'])
    assert.equal(await talk.ask('stats-tube b'), 'NOT_FOUND')
    assert.equal(await talk.ask('pause-tube b 1'), 'NOT_FOUND')
    await talk.ask('delete 1')
    assert.deepEqual(await tubes(), ['- default'])
    assert.equal(await talk.ask('stats-tube a'), 'NOT_FOUND')
  })
})

describe('statistics', () => {
  const keys = (reply: string | undefined) =>
    reply
      ?.split('\n')
      .slice(2, -1)
      .map((line) => line.split(': ')[0])

  it('of the server have the keys of beanstalkd, in its order', async (t) => {
    const talk = await (await serve(t)).open()
    const stats = await talk.ask('stats')
    assert.equal(
      keys(stats)?.join(' '),
      'current-jobs-urgent current-jobs-ready current-jobs-reserved current-jobs-delayed current-jobs-buried cmd-put cmd-peek cmd-peek-ready cmd-peek-delayed cmd-peek-buried cmd-reserve cmd-reserve-with-timeout cmd-delete cmd-release cmd-use cmd-watch cmd-ignore cmd-bury cmd-kick cmd-touch cmd-stats cmd-stats-job cmd-stats-tube cmd-list-tubes cmd-list-tube-used cmd-list-tubes-watched cmd-pause-tube job-timeouts total-jobs max-job-size current-tubes current-connections current-producers current-workers current-waiting total-connections pid version rusage-utime rusage-stime uptime binlog-oldest-index binlog-current-index binlog-records-migrated binlog-records-written binlog-max-size draining id hostname os platform',
    )
    assert.match(entry(stats, 'id') ?? '', /^[a-f][0-9a-f]{15}$/)
    assert.match(entry(stats, 'version') ?? '', /^"\d+\.\d+"$/)
    assert.match(entry(stats, 'rusage-utime') ?? '', /^\d+\.\d{6}$/)
  })

  it('of the server count jobs, commands and connections', async (t) => {
    const served = await serve(t)
    const [talk, producer, worker] = [await served.open(), await served.open(), await served.open()]
    await producer.ask('put 1023 0 60 1', 'x')
    await producer.ask('put 1024 0 60 1', 'x')
    await producer.ask('put 1 9 60 1', 'x')
    await producer.ask('put 0 0 60 99999', 'x'.repeat(99_999))
    await producer.ask('put 0 0 60 x')
    await worker.ask('reserve-job 99')
    await worker.ask('reserve-with-timeout 0')
    await worker.ask('bury 1 5')
    await worker.ask('reserve')
    await served.move(2500)
    const stats = await talk.ask('stats')
    const expected = {
      'current-jobs-urgent': 0,
      'current-jobs-ready': 0,
      'current-jobs-reserved': 1,
      'current-jobs-delayed': 1,
      'current-jobs-buried': 1,
      // One of a bad format is none.
      'cmd-put': 4,
      'cmd-reserve': 1,
      'cmd-reserve-with-timeout': 1,
      'cmd-bury': 1,
      'cmd-stats': 1,
      'cmd-list-tube-used': 3,
      'total-jobs': 3,
      'max-job-size': 65535,
      'current-tubes': 1,
      'current-connections': 3,
      'current-producers': 1,
      'current-workers': 1,
      'current-waiting': 0,
      'total-connections': 3,
      uptime: 2,
      draining: 'false',
    }
    for (const [key, value] of Object.entries(expected)) assert.equal(entry(stats, key), String(value), key)
    worker.destroy()
    await until(() => served.server.counters.connections === 2)
    const after = await producer.ask('stats')
    assert.deepEqual([entry(after, 'current-workers'), entry(after, 'total-connections')], ['0', '3'])
  })

  it('tell what is read of other connections in the same turn', async (t) => {
    const served = await serve(t)
    const [talk, other] = [await served.open(), await served.open()]
    other.send('reserve\r\n')
    assert.equal(entry(await talk.ask('stats'), 'current-waiting'), '1')
    talk.send('stats\r\n')
    other.destroy()
    assert.equal(entry(await talk.reply(), 'current-connections'), '1')
  })

  it('of the server count a command that was refused for what it asks, not one of a bad format', async (t) => {
    const talk = await (await serve(t)).open()
    const counted = 'peek 9,peek-ready,delete 9,release 9 0 0,bury 9 0,touch 9,kick 5,stats-job 9,stats-tube nowhere'
    for (const line of counted.split(',')) await talk.ask(line)
    for (const line of ['ignore nowhere', 'ignore default', 'pause-tube nowhere 1', 'pause-tube -x 1'])
      await talk.ask(line)
    for (const line of 'use -x,watch -x,ignore -x,kick x,stats-tube -x,delete x,list-tubesx,pause-tube a'.split(','))
      assert.equal(await talk.ask(line), 'BAD_FORMAT', line)
    const stats = await talk.ask('stats')
    const counts = [...(stats ?? '').matchAll(/^cmd-(\S+): (?!0)(.*)$/gm)].map(([, name, count]) => `${name} ${count}`)
    assert.equal(
      counts.join(),
      'peek 1,peek-ready 1,delete 1,release 1,ignore 2,bury 1,kick 1,touch 1,stats 1,stats-job 1,stats-tube 1,list-tube-used 1,pause-tube 2',
    )
  })

  it('quote the name of a tube only where YAML would read something else than a text', async (t) => {
    const talk = await (await serve(t)).open()
    const texts = 'mail 2fa 1st-queue 550e8400-e29b-41d4-a716-446655440000 $app +x ;a /1 1/2 (a) _a i18n n1'
    const others = '123 0.5 .5 1_0 1e5 e4 +1 0x1f 0o7 0b1 2024-01-01 _1 . .nan true No n'
    const names: (string | undefined)[] = []
    for (const name of `${texts} ${others}`.split(' ')) {
      await talk.ask(`use ${name}`)
      names.push(entry(await talk.ask(`stats-tube ${name}`), 'name'))
    }
    assert.deepEqual(names, [...texts.split(' '), ...others.split(' ').map((name) => `"${name}"`)])
  })

  it('of a tube have its jobs, its connections and its pause', async (t) => {
    const served = await serve(t)
    const [talk, other] = [await served.open(), await served.open()]
    await talk.ask('use a')
    await talk.ask('watch a')
    await talk.ask('put 1 0 60 1', 'x')
    await talk.ask('put 9999 0 60 1', 'x')
    await talk.ask('put 1 9 60 1', 'x')
    await talk.ask('delete 1')
    await talk.ask('pause-tube a 7')
    await served.move(2000)
    assert.equal(
      await other.ask('stats-tube a'),
      `OK 259\r\n---\nname: a\ncurrent-jobs-urgent: 0\ncurrent-jobs-ready: 1\ncurrent-jobs-reserved: 0\ncurrent-jobs-delayed: 1\ncurrent-jobs-buried: 0\ntotal-jobs: 3\ncurrent-using: 1\ncurrent-watching: 1\ncurrent-waiting: 0\ncmd-delete: 1\ncmd-pause-tube: 1\npause: 7\npause-time-left: 4\n`,
    )
    await served.move(5000)
    const stats = await other.ask('stats-tube a')
    assert.deepEqual([entry(stats, 'pause'), entry(stats, 'pause-time-left')], ['0', '0'])
  })

  it('of a job have all that happened to it', async (t) => {
    const { open, move } = await serve(t)
    const talk = await open()
    await talk.ask('use a')
    await talk.ask('put 5 0 60 1', 'x')
    await move(3000)
    await talk.ask('reserve-job 1')
    await talk.ask('release 1 6 0')
    await talk.ask('reserve-job 1')
    await talk.ask('bury 1 7')
    await talk.ask('kick-job 1')
    await talk.ask('reserve-job 1')
    await move(1500)
    assert.equal(
      (await talk.ask('stats-job 1'))?.replace(/^OK \d+\r\n/, ''),
      '---\nid: 1\ntube: a\nstate: reserved\npri: 7\nage: 4\ndelay: 0\nttr: 60\ntime-left: 58\nfile: 0\nreserves: 3\ntimeouts: 0\nreleases: 1\nburies: 1\nkicks: 1\n',
    )
    assert.equal(await talk.ask('stats-job 2'), 'NOT_FOUND')
  })
})

describe('what is no job', () => {
  it('is NOT_FOUND for each command that names one', async (t) => {
    const talk = await (await serve(t)).open()
    for (const id of ['0', '1', '9007199254740993', '18446744073709551615'])
      for (const command of [
        `delete ${id}`,
        `release ${id} 1 0`,
        `bury ${id} 1`,
        `touch ${id}`,
        `kick-job ${id}`,
        `reserve-job ${id}`,
        `peek ${id}`,
        `stats-job ${id}`,
      ])
        assert.equal(await talk.ask(command), 'NOT_FOUND', command)
  })
})
