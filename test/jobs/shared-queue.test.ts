import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineJobs, job, type StandardSchema } from '../../src/index.ts'
import { workerNeeds } from '../../src/jobs/queue.ts'
import { openTest } from './open.ts'

const even: StandardSchema<number, number> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      typeof value === 'number' && value % 2 === 0 ? { value } : { issues: [{ message: 'must be even', path: ['n'] }] },
  },
}
const jobs = defineJobs({
  mail: job(),
  bill: job({ queue: 'mail' }),
  half: job(even),
  renamed: job({ aliases: ['former'] }),
})

/** A body as another language puts it. */
async function putRaw(
  queue: Parameters<typeof workerNeeds>[0],
  name: string,
  body: string | Uint8Array,
): Promise<string> {
  const [result] = await workerNeeds(queue).transport.commit({
    ops: [{ do: 'put', to: [{ queue: `default/${name}`, create: true }], msg: { body: Buffer.from(body as string) } }],
  })
  assert.ok(result?.ok && result.do === 'put' && result.per[0]?.ok)
  return String(result.per[0].id)
}

test('a name that no worker here knows goes back, uncounted, for longer each time, and is set aside after hours', async (t) => {
  const queue = openTest(t, jobs)
  const { id } = await queue.put('bill')
  const known = await queue.put('mail')
  const waits: number[] = []
  for (let hours = 0; hours < 4;) {
    const { outcomes } = await queue.drain({ mail: () => undefined })
    const job = await queue.get(id)
    if (job?.state === 'buried') break
    assert.deepEqual([job?.state, job?.starts, job?.failures], ['delayed', 0, 0])
    assert.equal(outcomes[0]?.as, 'retried')
    const wait = (job?.dueAt?.getTime() ?? 0) - queue.clock.now()
    waits.push(wait / 1000)
    hours += wait / 3_600_000
    await queue.clock.advance(wait)
  }
  assert.deepEqual(waits.slice(0, 12), [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600])
  await queue.drain({ mail: () => undefined })
  const dead = await queue.get(id)
  assert.deepEqual([dead?.state, dead?.why], ['buried', 'invalid'])
  assert.match(dead?.error ?? '', /has known the name 'bill', for 24\d minutes/)
  assert.equal(await queue.get(known.id), undefined, 'the other one was worked')
})

test('who knows it works it meanwhile; a job that has been failing for hours is not set aside by one who does not', async (t) => {
  const queue = openTest(t, jobs)
  const bill = { bill: () => Promise.reject(new Error('no')) }
  const { id } = await queue.put('bill', undefined, { backoff: { first: '5h', max: '5h' } })
  await queue.drain(bill)
  await queue.clock.advance('5h')
  await queue.drain({ mail: () => undefined })
  assert.equal((await queue.get(id))?.state, 'delayed')
  await queue.clock.advance('1s')
  await queue.drain(bill)
  await queue.clock.advance('5h')
  await queue.drain({ mail: () => undefined })
  assert.equal((await queue.get(id))?.state, 'delayed', 'since the last failure nobody was ignorant of it for hours')
})

test('what is no message is set aside with the reason, and disturbs nobody', async (t) => {
  const queue = openTest(t, jobs)
  const cases: [string | Uint8Array, RegExp][] = [
    ['', /no JSON in UTF-8/],
    ['{"job":', /no JSON in UTF-8/],
    [Buffer.from([0xff, 0xfe]), /no JSON in UTF-8/],
    ['[]', /no JSON object/],
    ['null', /no JSON object/],
    ['"mail"', /no JSON object/],
    ['{"args":{}}', /has no 'job'/],
    ['{"job":7}', /has no 'job'/],
    ['{"job":""}', /has no 'job'/],
  ]
  const ids = []
  for (const [body] of cases) ids.push(await putRaw(queue, 'mail', body))
  await queue.put('mail')
  const { done, dead } = await queue.drain({ mail: () => undefined })
  assert.deepEqual([done, dead], [1, cases.length])
  for (const [i, [body, reason]] of cases.entries()) {
    const info = await queue.get(ids[i] ?? '')
    assert.deepEqual([info?.state, info?.why, info?.name], ['buried', 'invalid', info?.name === '' ? '' : info?.name])
    assert.match(info?.error ?? '', reason)
    if (info?.name === '') assert.deepEqual(Buffer.from(info.body ?? []), Buffer.from(body as string))
  }
})

test('arguments that fail validation at work are set aside with the reason', async (t) => {
  const queue = openTest(t, jobs)
  const id = await putRaw(queue, 'half', '{"job":"half","args":3}')
  const { outcomes } = await queue.drain({ half: ({ args }) => args / 2 })
  assert.equal(outcomes[0]?.as, 'dead')
  const info = await queue.get(id)
  assert.deepEqual(
    [info?.why, info?.error],
    ['invalid', "ValidationError: The arguments of 'half' are not as defined: n: must be even."],
  )
})

test("another language's options that make no sense are passed over", async (t) => {
  const queue = openTest(t, jobs)
  const message = {
    job: 'mail',
    retries: -1,
    timeout: '1 h',
    maxStarts: 1.5,
    backoff: { first: 'x' },
    unique: 3,
    traceparent: {},
  }
  await putRaw(queue, 'mail', JSON.stringify(message))
  await putRaw(
    queue,
    'mail',
    JSON.stringify({ job: 'mail', retries: 1, backoff: { first: 5000, factor: 0, max: 1, jitter: 9 } }),
  )
  const fail = () => Promise.reject(new Error('no'))
  assert.equal((await queue.drain({ mail: fail })).retried, 2)
})

test('a job that waits under a former name is worked under the new one', async (t) => {
  const queue = openTest(t, jobs)
  await putRaw(queue, 'former', '{"job":"former","args":{}}')
  const { outcomes } = await queue.drain({ renamed: ({ name }) => name })
  assert.deepEqual(
    outcomes.map(({ as, name, result }) => [as, name, result]),
    [['done', 'renamed', 'renamed']],
  )
  assert.throws(() => queue.work({ former: () => 1 } as never), /'former' is an alias; name the handler 'renamed'/)
})
