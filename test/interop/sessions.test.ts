import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { needs } from '../needs.ts'
import { servers } from './servers.ts'
import { Talk } from './talk.ts'

for (const server of needs('beanstalkd') ? servers : servers.slice(1))
  describe(`a session with ${server.name}`, { concurrency: true }, () => {
    /** Starts it, runs with a way to connect, and stops it. */
    async function run(
      body: (open: () => Promise<Talk>, signal: (name: NodeJS.Signals) => void) => Promise<void>,
      flags?: string[],
    ): Promise<void> {
      const peer = await server.start(flags)
      const talks: Talk[] = []
      try {
        await body(
          async () => {
            const talk = await Talk.to({ host: '127.0.0.1', port: peer.port })
            talks.push(talk)
            return talk
          },
          (name) => peer.process.kill(name),
        )
      } finally {
        for (const talk of talks) talk.destroy()
        await peer.stop()
      }
    }
    const replies = async (talk: Talk, count: number) => {
      const all: (string | undefined)[] = []
      while (all.length < count) all.push(await talk.reply(5_000))
      return all
    }

    it('hands a waiting reserve the job of another connection at once', () =>
      run(async (open) => {
        const [taker, putter] = [await open(), await open()]
        await taker.ask('watch a')
        const taken = taker.ask('reserve')
        await putter.ask('use a')
        await putter.ask('put 1 0 60 1', 'x')
        assert.equal(await taken, 'RESERVED 1 1\r\nx')
      }))

    it('gives the smallest priority over all watched tubes, and of equal ones the oldest', () =>
      run(async (open) => {
        const talk = await open()
        for (const [tube, pri] of [
          ['a', 3],
          ['b', 1],
          ['a', 1],
          ['b', 0],
          ['c', 0],
        ]) {
          await talk.ask(`use ${tube}`)
          await talk.ask(`put ${pri} 0 60 1`, 'x')
        }
        await talk.ask('watch a')
        await talk.ask('watch b')
        const order: (string | undefined)[] = []
        for (let n = 0; n < 5; n++) order.push((await talk.ask('reserve-with-timeout 0'))?.split('\r\n')[0])
        assert.deepEqual(order, ['RESERVED 4 1', 'RESERVED 2 1', 'RESERVED 3 1', 'RESERVED 1 1', 'TIMED_OUT'])
      }))

    it('answers hundreds of commands sent at once, in their order', () =>
      run(async (open) => {
        const talk = await open()
        const jobs = Array.from({ length: 300 }, (_, n) => n + 1)
        talk.send(jobs.map((n) => `put 1 0 60 ${String(n).length}\r\n${n}\r\n`).join(''))
        talk.send(jobs.map((n) => `reserve\r\nstats-job ${n}\r\ndelete ${n}\r\nlist-tube-used\r\n`).join(''))
        assert.deepEqual(
          await replies(talk, 300),
          jobs.map((n) => `INSERTED ${n}`),
        )
        for (const n of jobs) {
          const [reserved, stats, deleted, used] = await replies(talk, 4)
          assert.equal(reserved, `RESERVED ${n} ${String(n).length}\r\n${n}`)
          assert.match(stats ?? '', /state: reserved\n/)
          assert.deepEqual([deleted, used], ['DELETED', 'USING default'])
        }
      }))

    it('takes commands and bodies in single bytes', () =>
      run(async (open) => {
        const talk = await open()
        for (const byte of 'put 1 0 60 4\r\n\r\n\r\n\r\nreserve\r\n') {
          talk.send(byte)
          await new Promise((done) => setTimeout(done, 1))
        }
        assert.deepEqual(await replies(talk, 2), ['INSERTED 1', 'RESERVED 1 4\r\n\r\n\r\n'])
      }))

    it('reads nothing while a reserve waits, and all of it then', () =>
      run(async (open) => {
        const [taker, putter] = [await open(), await open()]
        taker.send('reserve\r\ndelete 1\r\nreserve\r\ndelete 2\r\nput 1 0 60 1\r\nx\r\n')
        assert.equal(await putter.ask('put 1 0 60 1', 'a'), 'INSERTED 1')
        assert.deepEqual(await replies(taker, 2), ['RESERVED 1 1\r\na', 'DELETED'])
        assert.equal(await putter.ask('put 1 0 60 1', 'b'), 'INSERTED 2')
        assert.deepEqual(await replies(taker, 3), ['RESERVED 2 1\r\nb', 'DELETED', 'INSERTED 3'])
      }))

    it('of a connection that ends gives its jobs back at once, with no counter changed', () =>
      run(async (open) => {
        const [worker, other] = [await open(), await open()]
        await other.ask('put 7 0 60 1', 'x')
        assert.equal(await worker.ask('reserve'), 'RESERVED 1 1\r\nx')
        const taken = other.ask('reserve')
        worker.destroy()
        assert.equal(await taken, 'RESERVED 1 1\r\nx')
        assert.match(
          (await other.ask('stats-job 1')) ?? '',
          /pri: 7\n[^]*reserves: 2\ntimeouts: 0\nreleases: 0\nburies: 0\nkicks: 0\n/,
        )
      }))

    it('that is closed on one side answers what came, and TIMED_OUT to a reserve that would wait', () =>
      run(async (open) => {
        const talk = await open()
        talk.send('put 1 0 60 1\r\nx\r\nreserve\r\nreserve\r\n')
        talk.finish()
        assert.deepEqual(await replies(talk, 4), ['INSERTED 1', 'RESERVED 1 1\r\nx', 'TIMED_OUT', undefined])
        const next = await open()
        assert.equal(await next.ask('reserve-with-timeout 0'), 'RESERVED 1 1\r\nx')
      }))

    it('that is closed on one side while a reserve waits answers TIMED_OUT', () =>
      run(async (open) => {
        const talk = await open()
        const waiting = talk.ask('reserve')
        await (await open()).ask('list-tubes')
        talk.finish()
        assert.equal(await waiting, 'TIMED_OUT')
        assert.equal(await talk.reply(5_000), undefined)
      }))

    it('warns a waiting reserve a second before the end of a time to run', () =>
      run(async (open) => {
        const talk = await open()
        await talk.ask('put 1 0 2 1', 'x')
        const start = performance.now()
        await talk.ask('reserve')
        assert.equal(await talk.ask('reserve'), 'DEADLINE_SOON')
        const waited = performance.now() - start
        assert.ok(waited > 900 && waited < 1_800, `${waited} ms`)
        assert.equal(await talk.ask('reserve-with-timeout 0'), 'DEADLINE_SOON')
        // A job that is ready comes before the warning.
        await talk.ask('put 1 0 60 1', 'y')
        assert.equal(await talk.ask('reserve'), 'RESERVED 2 1\r\ny')
        assert.equal(await talk.ask('touch 1'), 'TOUCHED')
        assert.equal(await talk.ask('reserve-with-timeout 0'), 'TIMED_OUT')
      }))

    it('says whole seconds that are left: of ten that have just begun, nine', () =>
      run(async (open) => {
        const talk = await open()
        const left = async (line: string) => Number(/time-left: (\d+)\n/.exec((await talk.ask(line)) ?? '')?.[1])
        for (let n = 1; n < 20; n += 2) {
          await talk.ask('put 1 0 10 1', 'x')
          await talk.ask(`reserve-job ${n}`)
          assert.equal(await left(`stats-job ${n}`), 9)
          await talk.ask('put 1 10 60 1', 'x')
          assert.equal(await left(`stats-job ${n + 1}`), 9)
          await talk.ask('pause-tube default 10')
          assert.equal(await left('stats-tube default'), 9)
        }
      }))

    it('sees a connection that has ended no more, nor what it had', () =>
      run(async (open) => {
        const talk = await open()
        for (let n = 1; n <= 30; n++) {
          const other = await open()
          for (const line of [`use u${n}`, `watch w${n}`]) await other.ask(line)
          await other.ask('put 1 0 60 1', 'x')
          await other.ask(`reserve-job ${n}`)
          other.destroy()
          assert.equal(await talk.ask('list-tubes'), `OK ${18 + `${n}`.length}\r\n---\n- default\n- u${n}\n`)
          const stats = (await talk.ask('stats')) ?? ''
          for (const entry of ['current-connections: 1', 'current-workers: 0', 'current-jobs-reserved: 0'])
            assert.match(stats, new RegExp(`${entry}\n`))
          assert.equal(await talk.ask(`delete ${n}`), 'DELETED')
        }
      }))

    it('that waits ends without a reply when the server does', () =>
      run(async (open, signal) => {
        const talk = await open()
        const waiting = talk.ask('reserve')
        await (await open()).ask('list-tubes')
        signal('SIGTERM')
        assert.equal(await waiting, undefined)
      }))

    it('tells a version that is a number', () =>
      run(async (open) => {
        assert.match((await (await open()).ask('stats')) ?? '', /\nversion: "1\.\d+"\n/)
      }))

    it('takes no more jobs after SIGUSR1, and hands out those it has', () =>
      run(async (open, signal) => {
        const talk = await open()
        await talk.ask('put 1 0 60 1', 'x')
        assert.match((await talk.ask('stats')) ?? '', /draining: false\n/)
        signal('SIGUSR1')
        let reply: string | undefined
        do reply = await talk.ask('stats')
        while (reply && !/draining: true\n/.test(reply))
        assert.equal(await talk.ask('put 1 0 60 1', 'y'), 'DRAINING')
        assert.equal(await talk.ask('reserve'), 'RESERVED 1 1\r\nx')
        assert.equal(await talk.ask('delete 1'), 'DELETED')
      }))

    it('skips the body of a job that is too big, and never runs it as commands', () =>
      run(async (open) => {
        const talk = await open()
        await talk.ask('put 1 0 60 1', 'x')
        const evil = 'delete 1\r\n'.repeat(20_000)
        assert.equal(await talk.ask(`put 1 0 60 ${evil.length}`, evil), 'JOB_TOO_BIG')
        assert.equal(await talk.ask('peek 1'), 'FOUND 1 1\r\nx')
      }))

    it('listens on a Unix socket', async () => {
      const dir = await mkdtemp(join(tmpdir(), 'queueup-'))
      const path = join(dir, 'socket')
      const peer = await server.start(['-l', `unix:${path}`], { path })
      try {
        const talk = await Talk.to({ path })
        assert.equal(await talk.ask('put 1 0 60 1', 'x'), 'INSERTED 1')
        await talk.close()
      } finally {
        await peer.stop()
        await rm(dir, { recursive: true })
      }
    })

    it('goes on after kill -9 with each job that was put, in its state', async () => {
      const dir = await mkdtemp(join(tmpdir(), 'queueup-'))
      try {
        const peer = await server.start(['-b', dir, '-f0'])
        const talk = await Talk.to({ host: '127.0.0.1', port: peer.port })
        await talk.ask('use a')
        await talk.ask('watch a')
        for (const body of ['ready', 'reserved', 'buried', 'deleted', 'kicked'])
          await talk.ask(`put 5 0 60 ${body.length}`, body)
        await talk.ask('put 5 1000 60 7', 'delayed')
        for (const id of [2, 3, 4, 5]) await talk.ask(`reserve-job ${id}`)
        await talk.ask('bury 3 9')
        await talk.ask('delete 4')
        await talk.ask('bury 5 8')
        await talk.ask('kick-job 5')
        peer.process.kill('SIGKILL')
        await peer.stop()

        const again = await server.start(['-b', dir, '-f0'])
        const next = await Talk.to({ host: '127.0.0.1', port: again.port })
        const states: string[] = []
        for (let id = 1; id <= 6; id++) {
          const stats = (await next.ask(`stats-job ${id}`)) ?? ''
          states.push(
            `${/tube: "?(\w+)/.exec(stats)?.[1]} ${/state: (\w+)/.exec(stats)?.[1]} ${/pri: (\d+)/.exec(stats)?.[1]}`,
          )
        }
        assert.deepEqual(states, [
          'a ready 5',
          'a ready 5',
          'a buried 9',
          'undefined undefined undefined',
          'a ready 8',
          'a delayed 5',
        ])
        // Ours takes ids from its file in blocks: what was left of one is lost with the process.
        const later = /^INSERTED (\d+)$/.exec((await next.ask('put 1 0 60 1', 'x')) ?? '')?.[1]
        assert.ok(Number(later) >= 7 && Number(later) <= 2007, `INSERTED ${later}`)
        await next.close()
        await again.stop()
      } finally {
        await rm(dir, { recursive: true })
      }
    })
  })
