import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
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

    await one.commit({ ops: [{ do: 'bury', job: { id, held: one.id }, why: 'rejected' }] })
    assert.equal(await why(id), 'Buried as rejected; nobody gets it until it is kicked.')

    const late = await put(one, 'x', { at: clock.now() + 600_000 })
    assert.equal(await why(late), `Delayed for another 10 min, until ${new Date(clock.now() + 600_000).toISOString()}.`)

    const op = { ...putOp('x', { queue: 'default/g' as const }), msg: { body: Buffer.from('x'), group: 'customer 7' } }
    const [first, second] = await one.commit({ ops: [op, op] })
    assert.equal(await why(idOf(second)), `Its group 'customer 7' is closed by job ${idOf(first)}, which comes first.`)
  })
})
