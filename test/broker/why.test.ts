import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Queue } from '../../src/job.ts'
import { open, putOp, idOf, settle } from './open.ts'

describe('why a job is not running', () => {
  it('is said in one sentence, whatever the reason', async () => {
    const { session, put, line, clock } = await open()
    const one = session('127.0.0.1:4711')
    const why = (id: number) => session().why(id)

    assert.equal(await why(99), undefined)

    const id = await put(one)
    assert.equal(await why(id), "Ready, but nobody waits for jobs of queue 'a'.")

    await one.commit({ ops: [{ do: 'record', key: 'pause/default/a', value: clock.now() + 30_000 }] })
    assert.equal(await why(id), "Its queue 'a' is paused for another 30 s.")
    const heard = line(session())
    await settle()
    assert.equal(heard.jobs.length, 0)
    await one.commit({ ops: [{ do: 'record', key: 'pause/default/a', value: undefined }] })
    await settle()
    assert.equal(heard.jobs.length, 1)
    await one.commit({ ops: [{ do: 'release', job: { id, n: heard.jobs[0]?.n ?? 0 }, as: 'asked' }] })

    await one.commit({ ops: [{ do: 'reserve', from: id, max: 1, bytes: 100, lease: { ms: 60_000, session: one.id } }] })
    assert.equal(await why(id), 'Reserved by test client 127.0.0.1:4711 for another 60 s; taken 2 times so far.')

    const behind = await put(one)
    assert.equal(await why(behind), "Ready, but nobody waits for jobs of queue 'a' now; 1 of them is being worked.")
    await one.commit({ ops: [{ do: 'finish', job: { id: behind } }] })

    await one.commit({ ops: [{ do: 'bury', job: { id, held: one.id }, why: 'rejected' }] })
    assert.equal(await why(id), 'Buried as rejected; nobody gets it until it is kicked.')

    const late = await put(one, 'x', { at: clock.now() + 600_000 })
    assert.equal(await why(late), `Delayed for another 10 min, until ${new Date(clock.now() + 600_000).toISOString()}.`)

    const op = { ...putOp('x', { queue: 'default/g' as const }), msg: { body: Buffer.from('x'), group: 'customer 7' } }
    const [first, second] = await one.commit({ ops: [op, op] })
    assert.equal(await why(idOf(second)), `Its group 'customer 7' is closed by job ${idOf(first)}, which comes first.`)
  })

  it('knows who waits in another process', async () => {
    const { session, put, store } = await open()
    const id = await put(session())
    const waits = (self: boolean) =>
      Object.assign(store, {
        processes: () => Promise.resolve([{ name: 'p', pid: 1, waits: ['default/a'], jobs: 0, self }]),
      })
    waits(true)
    assert.equal(await session().why(id), "Ready, but nobody waits for jobs of queue 'a'.")
    waits(false)
    assert.equal(await session().why(id), "Ready: whoever waits for queue 'a' gets it next, after those before it.")
  })

  it('names the limit that is reached', async () => {
    const { session, clock } = await open()
    const one = session('127.0.0.1:4711')
    const why = (id: number) => session().why(id)
    const put = async (gate: string, queue: Queue = 'default/a') => {
      const msg = { body: Buffer.from('x'), gates: [gate] }
      const [put] = await one.commit({ ops: [{ ...putOp('x', { queue }), msg }] })
      return idOf(put)
    }
    const take = (id: number) =>
      one.commit({ ops: [{ do: 'reserve', from: id, max: 1, bytes: 9, lease: { session: one.id } }] })
    const record = (key: string, value: object) => one.commit({ ops: [{ do: 'record', key, value }] })

    await record('limit/mail', { concurrency: 1 })
    await record('limit/api', { rate: { jobs: 2, per: 60_000 } })
    await take(await put('mail'))
    assert.equal(await why(await put('mail')), "Limit 'mail' of 1 at a time is reached; 1 runs now.")

    await take(await put('api/7'))
    await take(await put('api/7'))
    clock.move(20_000)
    assert.equal(await why(await put('api/7')), "Limit 'api/7' of 2 in 60 s is reached; it opens in 40 s.")
    clock.move(39_500)
    assert.equal(await why(await put('api/7')), "Limit 'api/7' of 2 in 60 s is reached; it opens in 500 ms.")

    await record('queue/default/b', { concurrency: 2 })
    for (let i = 0; i < 3; i++) await take(await put('open', 'default/b'))
    const waits = await put('open', 'default/b')
    assert.equal(await why(waits), "The limit of queue 'b' of 2 at a time is reached; 3 run now.")
  })
})
