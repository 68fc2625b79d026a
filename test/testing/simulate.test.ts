import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LeaseLostError, StoppedError, type Handlers } from '../../src/index.ts'
import { testQueue } from '../../src/testing/index.ts'
import { jobs } from './mail.ts'

/** Waits until it is told, or its signal fires. */
function waiting() {
  const told: string[] = []
  const { promise, resolve } = Promise.withResolvers<number>()
  const handlers: Handlers<typeof jobs> = {
    count: (_job, { signal, attempt, put }) => {
      told.push(`begins ${attempt}`)
      signal.addEventListener('abort', () => told.push((signal.reason as Error).name))
      return Promise.race([
        promise.then(async (value) => {
          await put('nightly')
          told.push('put')
          return value
        }),
        new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
      ])
    },
  }
  return { told, handlers, finish: () => resolve(1) }
}

test('crash: the job comes again after a little while, its start counted; the dead do nothing more', async () => {
  const queue = testQueue(jobs)
  const { told, handlers, finish } = waiting()
  const worker = queue.work(handlers)
  const { id } = await queue.put('count', { to: 1 })
  await queue.waitFor('count', undefined, 'started')
  await queue.simulate.crash()
  const job = await queue.get(id)
  assert.deepEqual([job?.state, job?.starts, job?.failures], ['delayed', 1, 1])
  assert.equal(worker.health().running, false)
  await worker.done
  finish()
  await queue.settled()
  assert.deepEqual(told, ['begins 1'], 'no signal, and what it puts is not put')
  queue.refutePut('nightly')
  queue.work({ count: (_job, { attempt }) => attempt })
  await queue.clock.advance('1s')
  assert.equal((await queue.waitFor('count')).result, 2)
  await queue.close()
})

test('crash during a stop: what waits for the stop goes on', async () => {
  const queue = testQueue(jobs)
  const { told, handlers } = waiting()
  queue.work(handlers)
  await queue.put('count', { to: 1 })
  await queue.settled()
  const stopped = queue.simulate.stop()
  await queue.settled()
  await queue.simulate.crash()
  await stopped
  assert.deepEqual(told, ['begins 1'])
  await queue.close()
})

test('crash of one worker leaves the other one alone', async () => {
  const queue = testQueue(jobs)
  const first = waiting()
  const worker = queue.work(first.handlers, { concurrency: 1 })
  await queue.put('count', { to: 1 })
  await queue.settled()
  const second = waiting()
  queue.work(second.handlers, { concurrency: 1 })
  await queue.put('count', { to: 2 })
  await queue.settled()
  await queue.simulate.crash(worker)
  second.finish()
  assert.equal((await queue.waitFor('count')).id, '2')
  await assert.rejects(queue.simulate.crash(worker), /isn't running/)
  await queue.close()
})

test('loseLease: the signal fires, and what the handler says is not taken', async () => {
  const queue = testQueue(jobs)
  const { told, handlers } = waiting()
  queue.work(handlers)
  const { id } = await queue.put('count', { to: 1 })
  await queue.waitFor('count', undefined, 'started')
  await queue.simulate.loseLease(id)
  assert.deepEqual(told, ['begins 1', LeaseLostError.name])
  await queue.clock.advance('1s')
  assert.equal(told.at(-1), 'begins 2')
  assert.match((await queue.waitFor('count', undefined, 'lost')).why, /isn't this worker's any more/)
  await assert.rejects(queue.simulate.loseLease('99'), /isn't being worked/)
  await queue.close()
})

test('stop: finishes what it has, or gives it back when its time is over', async () => {
  const queue = testQueue(jobs)
  const { told, handlers, finish } = waiting()
  queue.work(handlers)
  const { id } = await queue.put('count', { to: 1 })
  await queue.waitFor('count', undefined, 'started')
  const stopped = queue.simulate.stop({ within: '5s' })
  await queue.clock.advance('4s')
  assert.deepEqual(told, ['begins 1'])
  await queue.clock.advance('1s')
  await stopped
  assert.deepEqual(told, ['begins 1', StoppedError.name])
  const job = await queue.get(id)
  assert.deepEqual([job?.state, job?.starts, job?.failures], ['ready', 0, 0])

  queue.work(handlers)
  await queue.settled()
  const again = queue.simulate.stop()
  finish()
  await again
  assert.equal(await queue.get(id).then((one) => one?.outcome?.as), undefined)
  await queue.close()
})

test('stop within no time gives back at once, on a clock that stands still', async () => {
  const queue = testQueue(jobs)
  const { told, handlers } = waiting()
  const worker = queue.work(handlers)
  const { id } = await queue.put('count', { to: 1 })
  await queue.waitFor('count', undefined, 'started')
  await queue.simulate.stop({ within: 0 })
  assert.deepEqual(told, ['begins 1', StoppedError.name])
  const job = await queue.get(id)
  assert.deepEqual([job?.state, job?.starts, job?.failures, worker.health().running], ['ready', 0, 0, false])

  const patient = queue.work(handlers)
  await queue.settled()
  void queue.simulate.stop({ within: '1h' })
  await patient.stop({ within: 0 })
  assert.deepEqual(told.slice(2), ['begins 1', StoppedError.name])
  await queue.close()
})

test('close ends handlers that take no notice of anything', async () => {
  const queue = testQueue(jobs)
  queue.work({ nightly: () => new Promise(() => undefined) })
  await queue.put('nightly')
  await queue.waitFor('nightly', undefined, 'started')
  await queue.close()
})
