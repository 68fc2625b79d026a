import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { UnavailableError } from '../../src/errors.ts'
import type { Queue, QueuePolicy } from '../../src/job.ts'
import { open, settle, type Desk } from './open.ts'

async function policy({ session }: Desk, queue: Queue, value: QueuePolicy): Promise<void> {
  await session().commit({ ops: [{ do: 'record', key: `queue/${queue}`, value }] })
}

async function take({ session }: Desk, queue: Queue) {
  const one = session()
  const [result] = await one.commit({
    ops: [{ do: 'reserve', from: [queue], max: 1, bytes: 1000, lease: { session: one.id } }],
  })
  const job = result?.ok && result.do === 'reserve' ? result.jobs[0] : undefined
  return { one, job }
}

const counts = async ({ store }: Desk) => {
  const stats = await store.stats()
  return Object.fromEntries(
    stats.map(({ queue, ready, delayed, buried }) => [queue.slice('default/'.length), [ready, delayed, buried]]),
  )
}

describe('a dead letter', () => {
  it('goes to where its queue sends it, with its story', async () => {
    const desk = await open()
    await policy(desk, 'default/a', { dead: 'default/dead', maxReserves: 1 })
    const id = await desk.put(desk.session())
    const { one, job } = await take(desk, 'default/a')
    await one.commit({ ops: [{ do: 'release', job: { id, n: job?.n ?? 0 }, as: 'failed' }] })
    await settle()
    const { jobs } = await desk.session().look({ id, limit: 1 })
    assert.deepEqual([jobs[0]?.queue, jobs[0]?.state], ['default/dead', 'ready'])
    assert.deepEqual(
      jobs[0]?.deaths?.map(({ queue, why, count }) => [queue, why, count]),
      [['default/a', 'exhausted', 1]],
    )
  })

  it('goes there at once when its session ends', async () => {
    const desk = await open()
    await policy(desk, 'default/a', { dead: 'default/dead', maxFailures: 1 })
    await desk.put(desk.session())
    const { one } = await take(desk, 'default/a')
    await one.close('lost')
    await settle()
    assert.deepEqual(await counts(desk), { a: [0, 0, 0], dead: [1, 0, 0] })
  })

  it('wakes who waits for it', async () => {
    const desk = await open()
    await policy(desk, 'default/a', { dead: 'default/dead', ttl: 1000 })
    const heard = desk.line(desk.session(), { queues: ['default/dead'] })
    await desk.put(desk.session(), 'late')
    await desk.move(999)
    assert.deepEqual(heard.bodies, [])
    await desk.move(1)
    assert.deepEqual(heard.bodies, ['late'])
  })

  it('stays buried while its target is full, and follows later', async () => {
    const desk = await open()
    await policy(desk, 'default/a', { dead: 'default/dead', maxJobs: 1, overflow: 'drop' })
    await policy(desk, 'default/dead', { maxJobs: 1 })
    for (const body of ['1', '2', '3']) await desk.put(desk.session(), body)
    await settle()
    assert.deepEqual(await counts(desk), { a: [1, 0, 1], dead: [1, 0, 0] })
    const { one, job } = await take(desk, 'default/dead')
    await one.commit({ ops: [{ do: 'finish', job: { id: job?.id ?? 0, n: job?.n ?? 0 } }] })
    await desk.move(60_000)
    assert.deepEqual((await counts(desk))['dead'], [1, 0, 0])
  })

  it('follows when the store was unavailable', async () => {
    const desk = await open()
    await policy(desk, 'default/a', { dead: 'default/dead', maxJobs: 1, overflow: 'drop' })
    await desk.put(desk.session(), '1')
    const putting = desk.put(desk.session(), '2')
    await putting
    desk.store.errors.push(new UnavailableError('locked'))
    await settle()
    await desk.move(60_000)
    assert.deepEqual((await counts(desk))['dead'], [1, 0, 0])
  })

  it('that goes round without anybody’s doing is stopped', async () => {
    const desk = await open()
    // Two full queues that send to each other what is too much.
    await policy(desk, 'default/a', { dead: 'default/b', maxJobs: 1, overflow: 'drop' })
    await policy(desk, 'default/b', { dead: 'default/a', maxJobs: 1, overflow: 'drop' })
    for (let i = 0; i < 6; i++) await desk.put(desk.session(), `${i}`)
    desk.store.forget()
    await settle()
    await settle()
    const ops = desk.store.ops.length
    await settle()
    assert.equal(desk.store.ops.length, ops, 'it goes on and on')
    assert.deepEqual(await counts(desk), { a: [1, 0, 0], b: [1, 0, 0] })
  })

  it('that expires in both queues leaves', async () => {
    const desk = await open()
    await policy(desk, 'default/a', { dead: 'default/b', ttl: 10 })
    await policy(desk, 'default/b', { dead: 'default/a', ttl: 10 })
    const id = await desk.put(desk.session())
    for (let i = 0; i < 5; i++) await desk.move(10)
    assert.deepEqual(await counts(desk), { a: [0, 0, 0], b: [0, 0, 0] })
    assert.deepEqual((await desk.session().look({ id, limit: 1 })).jobs, [])
  })

  it('that is exhausted in both queues stays buried', async () => {
    for (const ms of [10, 2000]) {
      const desk = await open()
      await policy(desk, 'default/a', { dead: 'default/b', maxReserves: 1 })
      await policy(desk, 'default/b', { dead: 'default/a', maxReserves: 1 })
      const lines = ['default/a', 'default/b'].map((queue) =>
        desk.line(desk.session(), { queues: [queue as Queue], credit: 9, lease: { ms, bound: true } }),
      )
      const id = await desk.put(desk.session())
      await settle()
      for (let i = 0; i < 5; i++) await desk.move(ms)
      assert.deepEqual(
        lines.map(({ jobs }) => jobs.length),
        [1, 1],
      )
      const { jobs } = await desk.session().look({ id, limit: 1 })
      assert.equal(jobs[0]?.state, 'buried')
    }
  })

  it('may come back after a while: a retry by two queues', async () => {
    const desk = await open()
    await policy(desk, 'default/work', { dead: 'default/wait' })
    await policy(desk, 'default/wait', { dead: 'default/work', ttl: 5000 })
    const id = await desk.put(desk.session(), 'x', { queue: 'default/work' })
    for (let round = 0; round < 20; round++) {
      const { one, job } = await take(desk, 'default/work')
      assert.equal(job?.id, id, `round ${round}`)
      await one.commit({ ops: [{ do: 'bury', job: { id, n: job?.n ?? 0 }, why: 'rejected' }] })
      await settle()
      assert.deepEqual((await counts(desk))['wait'], [1, 0, 0])
      await desk.move(5000)
    }
  })
})
