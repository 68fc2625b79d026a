import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClosedError, UnavailableError } from '../../src/errors.ts'
import { open, putOp, settle } from './open.ts'

describe('a batch', () => {
  it('gathers what all sessions ask in one turn into one commit', async () => {
    const { session, put, store } = await open()
    await Promise.all([put(session()), put(session()), put(session())])
    assert.deepEqual(
      store.commits.map((units) => units.length),
      [3],
    )
  })

  it('waits for what the next turns bring, but not for ever', async () => {
    const { session, put, store } = await open()
    const first = put(session())
    let stop = false
    const stream = (async () => {
      while (!stop) {
        void put(session())
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    await first
    stop = true
    await stream
    const size = store.commits[0]?.length ?? 0
    assert.ok(size >= 2 && size <= 4, `${size} units`)
  })

  it('cuts a commit, but never a unit', async () => {
    const { session, store } = await open()
    const unit = (ops: number) => ({ ops: Array.from({ length: ops }, () => putOp()) })
    await Promise.all([600, 600, 600, 2000, 1].map((ops) => session().commit(unit(ops))))
    assert.deepEqual(
      store.commits.map((units) => units.map((unit) => unit.ops.length)),
      [[600, 600], [600, 2000], [1]],
    )
  })
})

describe('a session', () => {
  it('has one unit in flight, and keeps their order', async () => {
    const { session, store } = await open()
    const one = session()
    const answers: number[] = []
    await Promise.all([1, 2, 3].map((n) => one.commit({ ops: [putOp(`${n}`)] }).then(() => answers.push(n))))
    assert.deepEqual(answers, [1, 2, 3])
    assert.deepEqual(
      store.commits.map((units) => units.length),
      [1, 1, 1],
    )
  })

  it('goes on with the next unit when one was rejected', async () => {
    const { session, store } = await open()
    const one = session()
    store.errors.push(new UnavailableError('full'))
    const first = one.commit({ ops: [putOp()] })
    const second = one.commit({ ops: [putOp()] })
    await assert.rejects(first, UnavailableError)
    assert.equal((await second)[0]?.ok, true)
  })

  it('does what was committed before its close, and refuses what comes after', async () => {
    const { session, store, broker } = await open()
    const one = session()
    const first = one.commit({ ops: [putOp()] })
    const second = one.commit({ ops: [putOp()] })
    const closed = one.close('released')
    await assert.rejects(one.commit({ ops: [putOp()] }), ClosedError)
    assert.throws(
      () => one.line({ queues: ['default/a'], credit: 1, lease: { bound: true } }, { jobs() {}, end() {} }),
      ClosedError,
    )
    await Promise.all([first, second, closed])
    assert.deepEqual(store.ops, ['put', 'put', 'end'])
    await settle()
    await broker.close()
  })

  it('ends in the end, even if the store could not do it at once', async () => {
    const { session, store, put, move } = await open()
    const one = session()
    await put(one)
    await one.commit({ ops: [{ do: 'reserve', from: ['default/a'], max: 1, bytes: 1000, lease: { session: one.id } }] })
    store.errors.push(new UnavailableError('locked'))
    const closed = one.close('released')
    await settle()
    assert.equal((await store.stats())[0]?.reserved, 1)
    await move(1000)
    await closed
    assert.equal((await store.stats())[0]?.ready, 1)
  })

  it('sees jobs and queues of its tenant only', async () => {
    const { broker, session, put } = await open()
    const other = broker.session({ protocol: 'test', tenant: 'acme', principal: 'someone' })
    const id = await put(session())
    const theirs = await put(other, 'x', { queue: 'acme/a' })
    const one = session()
    assert.deepEqual(
      [(await one.stats()).map(({ queue }) => queue), (await other.stats()).map(({ queue }) => queue)],
      [['default/a'], ['acme/a']],
    )
    assert.equal((await one.look({ id, limit: 1 })).jobs.length, 1)
    assert.equal((await one.look({ id: theirs, limit: 1 })).jobs.length, 0)
    assert.equal((await one.look({ where: { queue: 'acme/a', states: ['ready'] }, limit: 1 })).jobs.length, 0)
    assert.equal(await one.why(theirs), undefined)
  })

  it('has an id that no other has, in this process or another', async () => {
    const { session } = await open()
    const other = await open({ process: 'p2' })
    const ids = [session().id, session().id, other.session().id]
    assert.equal(new Set(ids).size, 3)
  })
})
