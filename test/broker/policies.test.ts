import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { changePolicy, parsePolicy, pauseQueue, policyText } from '../../src/broker/policies.ts'
import { InvalidArgumentError, UnavailableError } from '../../src/errors.ts'
import type { Queue, QueuePolicy } from '../../src/job.ts'
import { open, settle } from './open.ts'

describe('a policy as text', () => {
  it('is read', () => {
    assert.deepEqual(
      parsePolicy([
        'max-jobs=1000',
        'dead=mail.dead',
        'ttl=10m',
        'keep=100',
        'keep-for=7d',
        'overflow=drop',
        'groups=fair',
        'max-reserves=5',
        'backoff=1s,2,1h',
        'concurrency=5',
        'rate=100/1m',
      ]),
      {
        maxJobs: 1000,
        dead: 'default/mail.dead',
        ttl: 600_000,
        keep: { jobs: 100, ms: 604_800_000 },
        overflow: 'drop',
        groups: 'fair',
        maxReserves: 5,
        backoff: { first: 1000, factor: 2, max: 3_600_000 },
        concurrency: 5,
        rate: { jobs: 100, per: 60_000 },
      },
    )
  })

  it('changes what it names, and takes back what is empty', () => {
    const policy: QueuePolicy = {
      maxJobs: 5,
      keep: { jobs: 1 },
      dead: 'default/d',
      overflow: 'drop',
      backoff: { first: 1, factor: 1, max: 1 },
    }
    assert.deepEqual(parsePolicy(['max-jobs=', 'keep=', 'dead=', 'overflow=', 'backoff=', 'pri=7'], policy), { pri: 7 })
    assert.equal(policy.maxJobs, 5)
  })

  it('is written with the units of its times', () =>
    assert.deepEqual(
      policyText({
        lease: 90_000,
        delay: 0,
        ttl: 1500,
        retention: 30 * 86_400_000,
        keep: { ms: 86_400_000 },
        backoff: { first: 1000, factor: 2, max: 3_600_000 },
        rate: { jobs: 100, per: 60_000 },
      }),
      ['rate=100/1m', 'lease=90s', 'delay=0ms', 'ttl=1500ms', 'retention=30d', 'keep-for=1d', 'backoff=1s,2,1h'],
    ))

  it('is the same there and back', () => {
    const policy = fc.record(
      {
        maxJobs: fc.nat(),
        maxBytes: fc.nat(),
        maxSize: fc.nat(),
        overflow: fc.constantFrom('reject', 'drop'),
        groups: fc.constantFrom('ordered', 'fair'),
        maxReserves: fc.nat(),
        maxFailures: fc.nat(),
        dead: fc.constantFrom('default/a', 'default/a/b', 'default/-a;b'),
        lease: fc.nat(),
        delay: fc.nat(),
        pri: fc.nat(),
        ttl: fc.nat(),
        retention: fc.nat(),
        keep: fc.oneof(
          fc.record({ jobs: fc.nat() }, { noNullPrototype: true }),
          fc.record({ jobs: fc.nat(), ms: fc.nat() }, { noNullPrototype: true }),
        ),
        backoff: fc.record(
          { first: fc.nat(), factor: fc.integer({ min: 1, max: 100 }), max: fc.nat() },
          { noNullPrototype: true },
        ),
      },
      { requiredKeys: [], noNullPrototype: true },
    ) as fc.Arbitrary<QueuePolicy>
    fc.assert(fc.property(policy, (policy) => assert.deepEqual(parsePolicy(policyText(policy)), policy)))
  })

  for (const text of [
    'max-jobs=-1',
    'max-jobs=many',
    'max-jobs=1e3',
    'ttl=soon',
    'ttl=3600',
    'keep-for=7',
    'backoff=1,2,3',
    'rate=100/60',
    'overflow=burst',
    'pri=4294967296',
    'backoff=1s',
    'rate=5',
    'rate=5/0s',
    'rate=/1m',
    'concurrency=many',
    'dead=a b',
    'dead=a=b',
    'backoff=1s,0,1h',
    'backoff=1s,2,1h,4',
    'no-such=1',
    'max-jobs',
    '__proto__=1',
  ])
    it(`is refused when it is '${text}'`, () => {
      assert.throws(() => parsePolicy([text]), InvalidArgumentError)
    })

  it('is refused with what is allowed', () => {
    assert.throws(() => parsePolicy(['max-jobs=x']), /max-jobs is 'x'; it takes a whole number/)
    assert.throws(() => parsePolicy(['max-job=1']), /There are: max-jobs, max-bytes/)
  })
})

describe('a policy in the store', () => {
  it('loses nothing that another changes at the same time', async () => {
    const { session, broker } = await open()
    const set = (text: string) =>
      changePolicy(session(), broker.records, 'default/a', (old) => parsePolicy([text], old))
    await Promise.all(['max-jobs=1', 'ttl=1s', 'pri=2', 'delay=3s'].map(set))
    await broker.records.refresh()
    assert.deepEqual(broker.records.get('queue/default/a')?.value, { maxJobs: 1, ttl: 1000, pri: 2, delay: 3000 })
    assert.equal(await changePolicy(session(), broker.records, 'default/a', () => undefined), undefined)
    await broker.records.refresh()
    assert.equal(broker.records.get('queue/default/a'), undefined)
  })

  it('is never fair in a queue whose name promises order, and says what to do instead', async () => {
    const { session, broker } = await open()
    const set = (queue: Queue, policy: QueuePolicy) => changePolicy(session(), broker.records, queue, () => policy)
    for (const queue of ['default/a.fifo', 'acme/a.fifo'] as const)
      await assert.rejects(set(queue, { groups: 'fair', maxJobs: 1 }), (error: Error) => {
        assert.ok(error instanceof InvalidArgumentError)
        assert.match(error.message, /a\.fifo' can't have groups=fair.*Take groups=ordered, or a queue of another name/)
        return true
      })
    await broker.records.refresh()
    assert.deepEqual([...broker.records.list('queue/')], [])
    await set('default/a.fifo', { groups: 'ordered' })
    await set('default/a.fifo.dead', { groups: 'fair' })
  })

  it('says so when the store can not take it', async () => {
    const { session, store, broker } = await open()
    store.errors.push(new UnavailableError('full'))
    await assert.rejects(
      changePolicy(session(), broker.records, 'default/a', () => ({})),
      UnavailableError,
    )
  })

  it('pauses a queue until a moment, and resumes it', async () => {
    const { session, put, line, clock, broker } = await open()
    await put(session())
    await pauseQueue(session(), 'default/a', clock.now() + 5000, clock.now())
    const heard = line(session())
    await settle()
    assert.equal(heard.jobs.length, 0)
    await pauseQueue(session(), 'default/a', clock.now(), clock.now())
    await settle()
    assert.equal(heard.jobs.length, 1)
    assert.equal(broker.records.get('pause/default/a'), undefined)
  })
})
