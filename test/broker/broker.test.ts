import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createBroker } from '../../src/broker/store-broker.ts'
import { ClosedError, UnavailableError, UnknownOutcomeError } from '../../src/errors.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import { ManualClock } from '../../src/testing/clock.ts'
import { usedMemory } from '../memory.ts'
import { idOf, open, putOp, settle, WatchedStore } from './open.ts'

describe('a broker', () => {
  it('makes due at its start what became due while nobody was there', async () => {
    const clock = new ManualClock()
    const store = new WatchedStore(openMemory({ clock }))
    await store.inner.commit([{ ops: [putOp('x', { at: clock.now() + 1000 })] }])[0]
    clock.move(500)
    const broker = createBroker({ store, clock })
    await settle()
    assert.deepEqual(store.ops, ['due'])
    clock.move(500)
    await settle()
    assert.equal((await broker.session({ protocol: 'test', tenant: 'default', principal: 'x' }).stats())[0]?.ready, 1)
  })

  it('makes due more than one slice', async () => {
    const { session, store, clock, move } = await open()
    await session().commit({ ops: Array.from({ length: 1000 }, () => putOp('x', { at: clock.now() + 1000 })) })
    await move(1000)
    // The inner one, which makes nothing due by itself when one only looks.
    assert.equal((await store.stats())[0]?.ready, 1000)
  })

  it('makes due what is told of while it makes due', async () => {
    const { store } = await open()
    let answer = () => {}
    store.gate = new Promise((resolve) => (answer = resolve))
    store.hint({ due: store.now() })
    await settle()
    store.gate = undefined
    store.hint({ due: store.now() })
    store.hint({ due: store.now() })
    answer()
    await settle()
    assert.deepEqual(store.ops, ['due', 'due'])
  })

  it('makes due again what the store could not', async () => {
    const { store, move } = await open()
    store.errors.push(new UnavailableError('locked'))
    store.hint({ due: store.now() })
    await settle()
    assert.deepEqual(store.ops, ['due'])
    await move(1000)
    assert.deepEqual(store.ops, ['due', 'due'])
  })

  it('asks nothing of the store while nothing happens', async () => {
    const { session, line, put, store, move } = await open()
    await put(session())
    line(session())
    line(session(), { queues: ['default/b'] })
    await settle()
    store.forget()
    for (let i = 0; i < 50; i++) await move(1000)
    assert.deepEqual(store.ops, [])
  })

  it('counts who waits', async () => {
    const { session, line, broker } = await open()
    line(session(), { queues: ['default/a', 'default/b'] })
    const heard = line(session())
    assert.deepEqual([broker.waiting(), broker.waiting('default/a'), broker.waiting('default/b')], [2, 2, 1])
    await heard.close()
    assert.deepEqual([broker.waiting(), broker.waiting('default/a'), broker.waiting('default/b')], [1, 1, 1])
  })

  it('is draining while it is told to', async () => {
    const { broker } = await open()
    assert.equal(broker.draining, false)
    broker.drain(true)
    assert.equal(broker.draining, true)
    broker.drain(false)
    assert.equal(broker.draining, false)
  })

  it('ends all lines, returns all jobs, and closes the store', async () => {
    const { broker, session, line, put, store, clock } = await open()
    const one = session()
    const id = await put(one)
    await put(one)
    await one.commit({ ops: [{ do: 'reserve', from: id, max: 1, bytes: 1000, lease: { session: one.id } }] })
    const heard = line(one, { queues: ['default/b'] })
    const inFlight = put(session())
    const closing = broker.close()
    assert.throws(() => session(), ClosedError)
    await assert.rejects(one.commit({ ops: [putOp()] }), ClosedError)
    await closing
    await inFlight
    assert.deepEqual([heard.ended, store.closed], [['closed'], true])
    assert.equal((await store.inner.stats())[0]?.ready, 3)
    store.forget()
    clock.move(600_000)
    await settle()
    assert.deepEqual(store.ops, [])
  })

  it('gives back what was on its way to a line when it closes', async () => {
    const { broker, session, line, put, store } = await open()
    const id = await put(session())
    let answer = () => {}
    store.gate = new Promise((resolve) => (answer = resolve))
    const heard = line(session())
    await settle()
    const closing = broker.close()
    answer()
    await closing
    assert.deepEqual([heard.jobs.length, heard.ended], [0, ['closed']])
    const { jobs } = await store.inner.look({ id, limit: 1 })
    assert.deepEqual([jobs[0]?.state, jobs[0]?.reserves], ['ready', 0])
  })

  it('closes at once also where a session waits until the store takes its jobs back', async () => {
    const { broker, session, put, store } = await open()
    const one = session()
    const id = await put(one)
    await one.commit({ ops: [{ do: 'reserve', from: id, max: 1, bytes: 1000, lease: { session: one.id } }] })
    store.errors.push(new UnavailableError('The disk is full.'))
    const left = one.close('released')
    await settle()
    await broker.close()
    await left
    assert.equal(store.closed, true)
    const { jobs } = await store.inner.look({ id, limit: 1 })
    assert.equal(jobs[0]?.state, 'ready')
  })

  it('closes also while the store goes on refusing', async () => {
    const { broker, session, put, store } = await open()
    const one = session()
    const id = await put(one)
    await one.commit({ ops: [{ do: 'reserve', from: id, max: 1, bytes: 1000, lease: { session: one.id } }] })
    store.errors.push(...Array.from({ length: 100 }, () => new UnavailableError('locked')))
    const left = one.close('released')
    await settle()
    await Promise.all([broker.close(), left])
    assert.equal(store.closed, true)
  })

  it('keeps nothing of sessions that are over', async () => {
    const { session, put, store } = await open()
    const work = async (sessions: number) => {
      for (let i = 0; i < sessions; i++) {
        const one = session()
        await put(one)
        await one.commit({
          ops: [{ do: 'reserve', from: ['default/a'], max: 1, bytes: 9, lease: { session: one.id } }],
        })
        const [job] = one.holds()
        await one.commit({ ops: [{ do: 'finish', job: { id: job?.id ?? 0, held: one.id } }] })
        await one.close('released')
        store.forget()
      }
    }
    await work(500)
    const before = usedMemory()
    await work(5000)
    const grown = usedMemory() - before
    assert.ok(grown < 1e6, `${grown} bytes`)
  })

  it('says that a job has ended whose result is kept', async () => {
    const { broker, session } = await open()
    const ended: number[] = []
    const stop = broker.ended((id) => ended.push(id))
    const one = session()
    const finish = async () => {
      const [put] = await one.commit({ ops: [{ ...putOp(), msg: { body: Buffer.from('x'), result: 1000 } }] })
      await one.commit({ ops: [{ do: 'finish', job: { id: idOf(put) } }] })
      await settle()
      return idOf(put)
    }
    const id = await finish()
    assert.deepEqual(ended, [id])
    stop()
    await finish()
    assert.deepEqual(ended, [id])
  })

  it('tells once when the store has failed, whoever learns of it', async () => {
    const { broker, session, store } = await open()
    const failures: string[] = []
    broker.failed((error) => failures.push(`${error.name}: ${error.message}`))
    const follower = await session().follow()
    const follows = assert.rejects(follower.next(1), UnknownOutcomeError)
    store.hint({ health: 'failed', failure: new Error('Its file was deleted.') })
    store.hint({ health: 'failed' })
    broker.failed((error) => failures.push(`late ${error.name}`))
    assert.deepEqual(failures, [
      'UnknownOutcomeError: The store has failed: Its file was deleted. Open it again, best in a new process.',
      'late UnknownOutcomeError',
    ])
    await follows
    await broker.close()
  })

  it('closes also when the store has failed', async () => {
    const { broker, session, put, store } = await open()
    const one = session()
    await put(one)
    store.errors.push(new UnknownOutcomeError('the disk'), new UnknownOutcomeError('the disk'))
    await assert.rejects(put(one), UnknownOutcomeError)
    await broker.close()
    assert.equal(store.closed, true)
  })
})

describe('records', () => {
  it('are there from the start, and follow what changes', async () => {
    const clock = new ManualClock()
    const store = new WatchedStore(openMemory({ clock }))
    await store.inner.commit([{ ops: [{ do: 'record', key: 'queue/default/a', value: { maxJobs: 1 } }] }])[0]
    const broker = createBroker({ store, clock })
    await broker.records.refresh()
    assert.deepEqual(broker.records.get('queue/default/a')?.value, { maxJobs: 1 })

    const told: string[][] = []
    const stop = broker.records.watch('queue/', (keys) => told.push([...keys]))
    const session = broker.session({ protocol: 'test', tenant: 'default', principal: 'x' })
    await session.commit({
      ops: [
        { do: 'record', key: 'queue/default/b', value: {} },
        { do: 'record', key: 'another', value: 1 },
      ],
    })
    await session.commit({ ops: [{ do: 'record', key: 'other', value: 1 }] })
    await settle()
    assert.deepEqual(told, [['queue/default/b']])
    assert.deepEqual([...broker.records.list('queue/')].map(({ key }) => key).sort(), [
      'queue/default/a',
      'queue/default/b',
    ])
    await session.commit({ ops: [{ do: 'record', key: 'queue/default/a', value: undefined }] })
    await broker.records.refresh()
    assert.equal(broker.records.get('queue/default/a'), undefined)
    assert.deepEqual(told.slice(1), [['queue/default/a']])
    stop()
    await session.commit({ ops: [{ do: 'record', key: 'queue/default/c', value: {} }] })
    await settle()
    assert.equal(told.length, 2)
  })

  it('are read again when the store could not tell them', async () => {
    const { broker, session, store, move } = await open()
    store.records = () => {
      Reflect.deleteProperty(store, 'records')
      return Promise.reject(new UnavailableError('locked'))
    }
    await session().commit({ ops: [{ do: 'record', key: 'queue/default/a', value: 1 }] })
    await settle()
    assert.equal(broker.records.get('queue/default/a'), undefined)
    await move(1000)
    assert.equal(broker.records.get('queue/default/a')?.value, 1)
  })

  it('of a session vanish with it', async () => {
    const { broker, session } = await open()
    const one = session()
    await one.commit({ ops: [{ do: 'record', key: 'house', value: 1, session: one.id }] })
    await broker.records.refresh()
    assert.equal(broker.records.get('house')?.value, 1)
    await one.close('released')
    await broker.records.refresh()
    assert.equal(broker.records.get('house'), undefined)
  })

  it('whose moment comes are told of', async () => {
    const { broker, session, clock, move } = await open()
    await session().commit({ ops: [{ do: 'record', key: 'schedule/a', value: 1, at: clock.now() + 1000 }] })
    await settle()
    let told = 0
    broker.records.watch('schedule/', () => told++)
    await move(999)
    assert.equal(told, 0)
    await move(1)
    assert.equal(told, 1)
  })
})
