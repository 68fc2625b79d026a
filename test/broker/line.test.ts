import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Want } from '../../src/broker/broker.ts'
import { InvalidArgumentError, UnavailableError, UnknownOutcomeError } from '../../src/errors.ts'
import type { Queue } from '../../src/job.ts'
import { usedMemory } from '../memory.ts'
import { open, putOp, settle, type Heard } from './open.ts'

describe('a line', () => {
  it('gets at once what is there', async () => {
    const { session, put, line } = await open()
    await put(session(), 'one')
    const heard = line(session())
    await settle()
    assert.deepEqual(heard.bodies, ['one'])
  })

  it('gets a local put in the commit of the put', async () => {
    const { session, put, line, store } = await open()
    const heard = line(session())
    await settle()
    store.forget()
    await put(session(), 'one')
    await settle()
    assert.deepEqual(heard.bodies, ['one'])
    assert.equal(store.commits.length, 1)
    assert.deepEqual(store.ops, ['put', 'reserve'])
  })

  it('is not woken for a job that another gets: no herd', async () => {
    for (const want of [{}, { once: true as const }]) {
      const { session, put, line, store } = await open()
      for (let i = 0; i < 20; i++) line(session(), { queues: ['default/a', 'default/b'], ...want })
      await settle()
      store.forget()
      await put(session())
      await settle()
      assert.deepEqual(store.ops, ['put', 'reserve'])
    }
  })

  it('asks for nothing where another waits who has found nothing, and comes next', async () => {
    const { session, put, line, store } = await open()
    const first = line(session())
    await settle()
    store.forget()
    const second = line(session())
    const third = line(session(), { wait: 1000 })
    await settle()
    assert.deepEqual(store.ops, [])
    for (const body of ['1', '2', '3']) await put(session(), body)
    await settle()
    assert.deepEqual([first.bodies, second.bodies, third.bodies], [['1'], ['2'], ['3']])
  })

  it('asks where another asks just now, or could not, or in a further queue, or when it can hardly wait', async () => {
    const { session, line, store } = await open()
    const asked = async (want: Partial<Want>) => {
      store.forget()
      line(session(), want)
      await settle()
      return store.ops.length
    }
    const b: Queue = 'default/b'
    line(session())
    assert.equal(await asked({}), 2)
    assert.equal(await asked({ queues: ['default/a', b] }), 1)
    assert.equal(await asked({ wait: 999 }), 1)
    store.errors.push(new UnavailableError('not now'))
    store.hint({ ready: ['default/a'] })
    await settle()
    assert.equal(await asked({}), 1)
  })

  it('whose time is over before anybody has asked for it ends', async () => {
    const { session, line, move } = await open()
    line(session())
    await settle()
    const heard = line(session(), { wait: 1000 })
    await move(999)
    assert.deepEqual(heard.ended, [])
    await move(1)
    assert.deepEqual(heard.ended, ['timeout'])
  })

  it('takes turns with the others, who waits longest first', async () => {
    const { session, put, line } = await open()
    const lines = [1, 2, 3].map(() => line(session(), { credit: 10 }))
    await settle()
    for (let i = 0; i < 6; i++) await put(session(), `${i}`)
    await settle()
    assert.deepEqual(
      lines.map(({ bodies }) => bodies),
      [
        ['0', '3'],
        ['1', '4'],
        ['2', '5'],
      ],
    )
  })

  it('shares what comes at once with the others', async () => {
    const { session, line } = await open()
    const lines = [1, 2].map(() => line(session(), { credit: 10 }))
    await settle()
    await session().commit({ ops: [putOp('1'), putOp('2'), putOp('3'), putOp('4')] })
    await settle()
    assert.deepEqual(
      lines.map(({ jobs }) => jobs.length),
      [2, 2],
    )
  })

  it('comes before lines of lower priority while it has credit', async () => {
    const { session, put, line } = await open()
    const low = line(session(), { credit: 10 })
    const high = line(session(), { credit: 2, priority: 5 })
    await settle()
    for (let i = 0; i < 4; i++) await put(session(), `${i}`)
    await settle()
    assert.deepEqual(
      [high.bodies, low.bodies],
      [
        ['0', '1'],
        ['2', '3'],
      ],
    )
  })

  it('waits on several queues, and takes the most urgent job of all', async () => {
    const { session, put, line } = await open()
    await put(session(), 'later', { pri: 5 })
    await put(session(), 'first', { queue: 'default/b', pri: 1 })
    const heard = line(session(), { queues: ['default/a', 'default/b', 'default/none'] })
    await settle()
    assert.deepEqual(heard.bodies, ['first'])
    heard.credit(1)
    await settle()
    assert.deepEqual(heard.bodies, ['first', 'later'])
    heard.credit(1)
    await settle()
    await put(session(), 'third', { queue: 'default/none' })
    await settle()
    assert.deepEqual(heard.bodies, ['first', 'later', 'third'])
  })

  it('does not leave a job behind when another queue was more urgent to the line woken for it', async () => {
    const { session, line } = await open()
    const both = line(session(), { queues: ['default/a', 'default/b'] })
    const onlyA = line(session(), { queues: ['default/a'] })
    await settle()
    // The first wakes `both`, which takes the second; the other line has to get the first.
    await session().commit({ ops: [putOp('a', { pri: 9 }), putOp('b', { queue: 'default/b', pri: 1 })] })
    await settle()
    assert.deepEqual([both.bodies, onlyA.bodies], [['b'], ['a']])
  })

  it('gets no more than its credit', async () => {
    const { session, put, line } = await open()
    for (let i = 0; i < 5; i++) await put(session(), `${i}`)
    const heard = line(session(), { credit: 2 })
    await settle()
    assert.equal(heard.jobs.length, 2)
    heard.credit(1)
    await settle()
    assert.deepEqual(heard.bodies, ['0', '1', '2'])
  })

  it('gets many more than one reserve brings', async () => {
    const { session, line, store } = await open()
    for (let i = 0; i < 3; i++) await session().commit({ ops: Array.from({ length: 1000 }, () => putOp()) })
    store.forget()
    const heard = line(session(), { credit: 2500 })
    await settle()
    assert.equal(heard.jobs.length, 2500)
    const ops = store.commits.flat().flatMap((unit) => unit.ops)
    assert.deepEqual(
      ops.map((op) => op.do === 'reserve' && op.max),
      [1024, 1024, 452],
    )
  })

  it('goes on after a delivery that its bytes cut short', async () => {
    const { session } = await open()
    await session().commit({ ops: [putOp('12345'), putOp('12345'), putOp('12345')] })
    const deliveries: number[] = []
    session().line(
      { queues: ['default/a'], credit: 10, bytes: 10, lease: { bound: true } },
      { jobs: (jobs) => deliveries.push(jobs.length), end: () => undefined },
    )
    await settle()
    assert.deepEqual(deliveries, [2, 1])
  })

  it('that is once ends after its first delivery, and says no more', async () => {
    const { session, put, line, broker } = await open()
    await put(session())
    await put(session())
    const heard = line(session(), { credit: 10, once: true })
    await settle()
    assert.equal(heard.jobs.length, 2)
    assert.equal(broker.waiting(), 0)
    await put(session())
    await settle()
    assert.equal(heard.jobs.length, 2)
    assert.deepEqual(heard.ended, [])
  })

  it('ends with a timeout when nothing came, and not a moment sooner', async () => {
    const { session, put, line, move, broker } = await open()
    const heard = line(session(), { wait: 1000 })
    await settle()
    await move(999)
    assert.deepEqual(heard.ended, [])
    await move(1)
    assert.deepEqual(heard.ended, ['timeout'])
    assert.equal(broker.waiting(), 0)
    await put(session())
    await settle()
    assert.deepEqual(heard.jobs, [])
  })

  it('waits a little longer where a clock tells only whole steps, so that what is due then comes', async () => {
    const { session, line, move, clock } = await open()
    Object.assign(clock, { grain: 1 })
    const heard = line(session(), { wait: 1000 })
    await settle()
    await move(1001)
    assert.deepEqual(heard.ended, [])
    await move(1)
    assert.deepEqual(heard.ended, ['timeout'])
  })

  it('gets what is due at the moment at which its time is over', async () => {
    const { session, put, line, clock, move } = await open()
    const heard = line(session(), { wait: 1000 })
    await settle()
    await put(session(), 'due', { at: clock.now() + 1000 })
    await settle()
    await move(1000)
    assert.deepEqual([heard.bodies, heard.ended], [['due'], []])
  })

  it('ends at its time also while the store is unavailable', async () => {
    const { session, line, store, move } = await open()
    store.errors.push(...Array.from({ length: 20 }, () => new UnavailableError('locked')))
    const none = line(session(), { wait: 0 })
    const heard = line(session(), { wait: 1000 })
    await settle()
    assert.deepEqual([none.ended, heard.ended], [['timeout'], []])
    for (let i = 0; i < 4; i++) await move(250)
    assert.deepEqual(heard.ended, ['timeout'])
  })

  it('leaves nothing behind', async () => {
    const { session, put, line, store, clock, broker } = await open()
    const one = session()
    const work = async (lines: number) => {
      for (let i = 0; i < lines; i += 100) {
        const heard = Array.from({ length: 100 }, () => line(one, { wait: 3600_000, gone: true, once: true }))
        await Promise.all(heard.filter((_, i) => i % 2 === 0).map(() => put(one)))
        await Promise.all(heard.map(({ close }) => close()))
        store.forget()
      }
    }
    await work(1000)
    const before = usedMemory()
    await work(10_000)
    const grown = usedMemory() - before
    assert.deepEqual([broker.waiting(), clock.soonest], [0, undefined])
    assert.ok(grown < 1e6, `${grown} bytes`)
  })

  it('takes its job on disk, unless that comes back with its session', async () => {
    const { session, put, line, store } = await open()
    const unsynced = async (want: Partial<Want>) => {
      await put(session())
      store.forget()
      const heard = line(session(), { ...want, once: true })
      await settle()
      assert.equal(heard.jobs.length, 1)
      return store.commits.flat().map((unit) => unit.unsynced)
    }
    assert.deepEqual(await unsynced({ lease: { bound: true } }), [true])
    assert.deepEqual(await unsynced({ lease: { ms: 1000, bound: false } }), [undefined])
    assert.deepEqual(await unsynced({ lease: { bound: true }, gone: true }), [undefined])
  })

  it('ends at its own time, whoever has begun or gone before', async () => {
    const { session, line, move } = await open()
    const [long, short, gone, same] = [300, 100, 50, 300].map((wait) => line(session(), { wait })) as [
      Heard,
      Heard,
      Heard,
      Heard,
    ]
    await settle()
    await gone.close()
    const ended = async (ms: number) => {
      await move(ms)
      return [long, short, gone, same].map((heard) => heard.ended.length)
    }
    assert.deepEqual(await ended(99), [0, 0, 0, 0])
    assert.deepEqual(await ended(1), [0, 1, 0, 0])
    assert.deepEqual(await ended(199), [0, 1, 0, 0])
    assert.deepEqual(await ended(1), [1, 1, 0, 1])
  })

  it('that waits for no time tries once', async () => {
    const { session, put, line } = await open()
    const none = line(session(), { wait: 0 })
    await settle()
    assert.deepEqual(none.ended, ['timeout'])
    await put(session())
    const one = line(session(), { wait: 0, once: true })
    await settle()
    assert.deepEqual([one.jobs.length, one.ended], [1, []])
  })

  it('whose time is over while a job is on its way gets the job', async () => {
    const { session, put, line, store, clock } = await open()
    const heard = line(session(), { wait: 1000, once: true })
    await settle()
    let answer = () => {}
    store.gate = new Promise((resolve) => (answer = resolve))
    const putting = put(session())
    await settle()
    clock.move(2000)
    answer()
    await putting
    await settle()
    assert.deepEqual([heard.jobs.length, heard.ended], [1, []])
  })

  it('gives back untaken what was on its way when it is closed', async () => {
    const { session, put, line, store } = await open()
    const other = session()
    const one = session()
    await put(other)
    let answer = () => {}
    store.gate = new Promise((resolve) => (answer = resolve))
    const heard = line(one)
    await settle()
    const closed = heard.close()
    answer()
    await closed
    assert.deepEqual([heard.jobs, heard.ended], [[], []])
    const { jobs } = await other.look({ where: { queue: 'default/a', states: ['ready'] }, limit: 1 })
    assert.deepEqual([jobs[0]?.reserves, jobs[0]?.counts.releases], [0, 0])
    assert.equal(one.held(jobs[0]?.id ?? 0), undefined)
  })

  it('is closed for everybody who closes it, also where what was on its way is refused', async () => {
    for (const errors of [[], [new UnavailableError('locked')]]) {
      const { session, put, line, store } = await open()
      const one = session()
      await put(one)
      let answer = () => {}
      store.gate = new Promise((resolve) => (answer = resolve))
      store.errors.push(...errors)
      const heard = line(one)
      await settle()
      const closed = [heard.close(), heard.close(), one.close('released')]
      store.gate = undefined
      answer()
      await Promise.all(closed)
      assert.deepEqual([heard.jobs, heard.ended], [[], []])
    }
  })

  it('hands a job that it leaves on to the next in line', async () => {
    const { session, put, line, store } = await open()
    const first = line(session())
    const second = line(session())
    await settle()
    let answer = () => {}
    store.gate = new Promise((resolve) => (answer = resolve))
    const putting = put(session())
    await settle()
    const closed = first.close()
    store.gate = undefined
    answer()
    await Promise.all([putting, closed])
    await settle()
    assert.deepEqual([first.jobs.length, second.jobs.length], [0, 1])
  })

  it('hands the word on to the next when it leaves before it asked', async () => {
    const { session, put, line, store } = await open()
    const first = line(session())
    const second = line(session())
    await settle()
    store.forget()
    const putting = put(session())
    await first.close()
    await putting
    await settle()
    assert.deepEqual([first.jobs.length, second.jobs.length], [0, 1])
  })

  it('hands a hint on to the next when it leaves before it asked', async () => {
    const { session, line, store } = await open()
    const first = line(session())
    const second = line(session())
    await settle()
    await store.inner.commit([{ ops: [putOp()] }])[0]
    store.hint({ ready: ['default/a'] })
    await first.close()
    await settle()
    assert.deepEqual([first.jobs.length, second.jobs.length], [0, 1])
  })

  it('hands a hint on to the next also when the store was unavailable to it', async () => {
    for (const turns of [1, 10]) {
      const { session, line, store, move } = await open()
      const first = line(session())
      const second = line(session())
      await settle()
      await store.inner.commit([{ ops: [putOp()] }])[0]
      store.errors.push(new UnavailableError('locked'))
      store.hint({ ready: ['default/a'] })
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
      await first.close()
      await move(1000)
      assert.deepEqual([first.jobs.length, second.jobs.length], [0, 1])
    }
  })

  it('closes under load as soon as what is on its way is settled', async () => {
    const { session, put, line } = await open()
    let stop = false
    const load = (async () => {
      const one = session()
      while (!stop) await put(one, 'x', { queue: 'default/other' })
    })()
    const heard = line(session())
    await new Promise((resolve) => setImmediate(resolve))
    await heard.close()
    stop = true
    await load
  })

  it('that takes jobs for good gets what was on its way at its close: they are nobody else’s', async () => {
    const { session, put, line, store } = await open()
    await put(session())
    let answer = () => {}
    store.gate = new Promise((resolve) => (answer = resolve))
    const heard = line(session(), { gone: true })
    await settle()
    const closed = heard.close()
    answer()
    await closed
    assert.equal(heard.jobs.length, 1)
  })

  it('tries again when the store was unavailable', async () => {
    const { session, put, line, store, move } = await open()
    await put(session())
    store.errors.push(new UnavailableError('locked'))
    const heard = line(session())
    await settle()
    assert.deepEqual([heard.jobs.length, heard.ended], [0, []])
    await move(1000)
    assert.equal(heard.jobs.length, 1)
  })

  it('ends when the store has failed', async () => {
    const { session, line, store, broker } = await open()
    const heard = line(session(), { queues: ['default/b'] })
    const failures: string[] = []
    await settle()
    broker.failed((error) => failures.push(error.name))
    store.errors.push(new UnknownOutcomeError('the disk'))
    await assert.rejects(session().commit({ ops: [putOp()] }), UnknownOutcomeError)
    await settle()
    assert.deepEqual([heard.ended, failures], [['closed: UnknownOutcomeError'], ['UnknownOutcomeError']])
  })

  it('needs a lease that ends', async () => {
    const { session, line } = await open()
    assert.throws(() => line(session(), { lease: { bound: false } }), InvalidArgumentError)
  })
})

describe('a line is woken', () => {
  it('when a delay is over', async () => {
    const { session, put, line, clock, move } = await open()
    const heard = line(session())
    await settle()
    await put(session(), 'x', { at: clock.now() + 5000 })
    await settle()
    assert.equal(heard.jobs.length, 0)
    await move(4999)
    assert.equal(heard.jobs.length, 0)
    await move(1)
    assert.equal(heard.jobs.length, 1)
  })

  it('when one delay after another is over', async () => {
    const { session, put, line, clock, move } = await open()
    for (const ms of [1000, 2000, 3000]) await put(session(), `${ms}`, { at: clock.now() + ms })
    const heard = line(session(), { credit: 9 })
    await settle()
    for (const bodies of [['1000'], ['1000', '2000'], ['1000', '2000', '3000']]) {
      await move(1000)
      assert.deepEqual(heard.bodies, bodies)
    }
  })

  it('when a delay is over before the put is committed', async () => {
    const { session, put, line, clock } = await open()
    const heard = line(session())
    await settle()
    const putting = put(session(), 'x', { at: clock.now() + 5 })
    clock.move(5)
    await putting
    await settle()
    assert.equal(heard.jobs.length, 1)
  })

  it('when a lease runs out', async () => {
    const { session, put, line, move } = await open()
    await put(session())
    line(session(), { lease: { ms: 1000, bound: true } })
    await settle()
    const heard = line(session())
    await move(999)
    assert.equal(heard.jobs.length, 0)
    await move(1)
    assert.equal(heard.jobs.length, 1)
  })

  it('when a pause ends', async () => {
    const { session, put, line, clock, move } = await open()
    await put(session())
    await session().commit({ ops: [{ do: 'record', key: 'pause/default/a', value: clock.now() + 3000 }] })
    const heard = line(session())
    await move(2999)
    assert.equal(heard.jobs.length, 0)
    await move(1)
    assert.equal(heard.jobs.length, 1)
  })

  it('by a release, a kick, and the end of a session', async () => {
    const { session, put, line } = await open()
    const holder = session()
    const id = await put(holder)
    const take = () =>
      holder.commit({ ops: [{ do: 'reserve', from: id, max: 1, bytes: 100, lease: { session: holder.id } }] })
    await take()
    const first = line(session())
    await settle()
    await holder.commit({ ops: [{ do: 'release', job: { id, held: holder.id }, as: 'asked' }] })
    await settle()
    assert.equal(first.jobs.length, 1)

    const n = first.jobs[0]?.n as number
    await holder.commit({ ops: [{ do: 'bury', job: { id, n }, why: 'asked' }] })
    const second = line(session())
    await settle()
    await holder.commit({
      ops: [{ do: 'bulk', where: { queue: 'default/a', states: ['buried', 'delayed'] }, act: 'kick', limit: 10 }],
    })
    await settle()
    assert.equal(second.jobs.length, 1)

    const third = line(session())
    await settle()
    const m = second.jobs[0]?.n as number
    await holder.commit({ ops: [{ do: 'release', job: { id, n: m }, as: 'asked', at: 0 }] })
    await settle()
    assert.equal(third.jobs.length, 1)
  })

  it('by the end of the session that held the job', async () => {
    const { session, put, line } = await open()
    await put(session())
    const one = session()
    line(one)
    await settle()
    const heard = line(session())
    await settle()
    await one.close('released')
    await settle()
    assert.equal(heard.jobs.length, 1)
  })

  it('by the next of a group, when the one before is done', async () => {
    const { session, line } = await open()
    const one = session()
    const op = { ...putOp('1'), msg: { body: Buffer.from('1'), group: 'g' } }
    await one.commit({ ops: [op, op] })
    const heard = line(one)
    await settle()
    const waiting = line(session())
    await settle()
    assert.equal(waiting.jobs.length, 0)
    await one.commit({ ops: [{ do: 'finish', job: { id: heard.jobs[0]?.id ?? 0, held: one.id } }] })
    await settle()
    assert.equal(waiting.jobs.length, 1)
  })

  it('by a hint, and as many as there are jobs', async () => {
    const { session, line, store } = await open()
    const lines = Array.from({ length: 30 }, () => line(session()))
    await settle()
    // As by another process.
    await store.inner.commit([{ ops: Array.from({ length: 20 }, () => putOp()) }])[0]
    store.forget()
    store.hint({ ready: ['default/a'] })
    await settle()
    assert.equal(lines.filter(({ jobs }) => jobs.length === 1).length, 20)
    assert.ok(store.ops.length <= 42, `${store.ops.length} reserves`)
  })

  it('by a hint that came during its reserve', async () => {
    const { session, line, store } = await open()
    let answer = () => {}
    store.gate = new Promise((resolve) => (answer = resolve))
    const heard = line(session())
    await settle()
    // Its reserve has found nothing, but it doesn't know yet.
    await store.inner.commit([{ ops: [putOp()] }])[0]
    store.hint({ ready: ['default/a'] })
    store.gate = undefined
    answer()
    await settle()
    assert.equal(heard.jobs.length, 1)
  })

  it('by a put during its reserve, of more than the others may take', async () => {
    const { session, line, store } = await open()
    const other = line(session())
    await settle()
    let answer = () => {}
    store.gate = new Promise((resolve) => (answer = resolve))
    const heard = line(session(), { queues: ['default/a', 'default/b'] })
    await settle()
    const putting = session().commit({ ops: [putOp(), putOp()] })
    await settle()
    store.gate = undefined
    answer()
    await putting
    await settle()
    assert.deepEqual([other.jobs.length, heard.jobs.length], [1, 1])
  })
})

describe('waiting on a shared store', () => {
  const traits = { shared: true }

  it('is told to the store once for all queues, and looked for once more when others know', async () => {
    const { session, line, store } = await open({ traits, slowPoll: false })
    line(session(), { queues: ['default/a', 'default/b'] })
    line(session(), { queues: ['default/b'] })
    const before = line(session(), { queues: ['default/c'] })
    await new Promise((resolve) => setImmediate(resolve))
    await store.inner.commit([{ ops: [putOp('x', { queue: 'default/c' })] }])[0]
    await settle()
    assert.deepEqual(store.waits, [['default/a', 'default/b', 'default/c']])
    assert.equal(before.jobs.length, 1)
  })

  it('is told again when fewer are waited for, but not at once', async () => {
    const { session, line, store, move } = await open({ traits, slowPoll: false })
    line(session(), { queues: ['default/a'] })
    const heard = line(session(), { queues: ['default/b'] })
    await settle()
    await heard.close()
    await settle()
    assert.equal(store.waits.length, 1)
    await move(1000)
    assert.deepEqual(store.waits.at(-1), ['default/a'])
  })

  it('is told again when the store could not take it', async () => {
    const { session, line, store, move } = await open({ traits, slowPoll: false })
    const heard = line(session())
    store.errors.push(new UnavailableError('locked'), new UnavailableError('locked'))
    await settle()
    assert.equal(store.waits.length, 1)
    await store.inner.commit([{ ops: [putOp()] }])[0]
    await move(1000)
    assert.deepEqual(store.waits.at(-1), ['default/a'])
    assert.equal(heard.jobs.length, 1)
  })

  it('looks now and then, without having been told', async () => {
    const { session, line, store, move } = await open({ traits, slowPoll: 500 })
    const heard = line(session())
    await settle()
    await store.inner.commit([{ ops: [putOp()] }])[0]
    await settle()
    assert.equal(heard.jobs.length, 0)
    await move(500)
    assert.equal(heard.jobs.length, 1)
  })

  it('looks more rarely while no other process is known', async () => {
    const { session, line, store, move } = await open({ traits, slowPoll: 500 })
    store.others = 0
    const heard = line(session())
    await settle()
    await store.inner.commit([{ ops: [putOp()] }])[0]
    await move(2000)
    assert.equal(heard.jobs.length, 0)
    await move(500)
    assert.equal(heard.jobs.length, 1)
    store.others = 1
    const other = line(session())
    await settle()
    await store.inner.commit([{ ops: [putOp()] }])[0]
    await move(500)
    assert.equal(other.jobs.length, 1)
  })

  it('costs nothing while nobody waits', async () => {
    const { session, line, store, move } = await open({ traits, slowPoll: 500 })
    const heard = line(session())
    await settle()
    await heard.close()
    await move(2000)
    store.forget()
    for (let i = 0; i < 10; i++) await move(1000)
    assert.deepEqual(store.ops, [])
  })
})
