import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encodeError, formOf, type Request } from '../../../src/protocols/sqs/codec.ts'
import { SqsError } from '../../../src/protocols/sqs/sqs-error.ts'
import { ACTIONS } from '../../../src/protocols/sqs/model.ts'
import { serve } from './served.ts'

/** So many are sent to a server: 100,000 in a long run. */
const ROUNDS = 2000 * Number(process.env['QUEUEUP_LONG'] ?? 1)

/** A small generator of pseudo-random numbers (mulberry32), so that a failure can be made again. */
function dice(seed: number): (sides: number) => number {
  return (sides) => {
    seed = (seed + 0x6d2b79f5) | 0
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) % sides
  }
}

const VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1e308,
  9_007_199_254_740_993,
  1.5,
  '',
  'x',
  '\u0000',
  '\ud800',
  '%s%n%n',
  '../../etc/passwd',
  'x'.repeat(5000),
  [],
  [[]],
  [null],
  {},
  { ['__proto__']: { a: 1 } },
  { constructor: { prototype: 1 } },
  { DataType: 'String', StringValue: {} },
  'http://127.0.0.1/000000000000/a',
  'http://127.0.0.1/000000000000/a.fifo',
]
const BYTES = [
  '{',
  '}',
  '[',
  ']',
  '"',
  '\\u0',
  ':',
  ',',
  '%',
  '%2',
  '%ff',
  '&',
  '=',
  '.',
  '+',
  '\0',
  '\u{1F600}',
  '&#x41;',
  '<!ENTITY a "b">',
]

function request(roll: (sides: number) => number): Request {
  const names = Object.keys(ACTIONS) as (keyof typeof ACTIONS)[]
  const action = names[roll(names.length)] as keyof typeof ACTIONS
  const members = Object.keys(ACTIONS[action].in.members)
  const json = roll(2) === 0
  const input: [string, unknown][] = members
    .filter(() => roll(4) > 0)
    .map((name) => [roll(20) === 0 ? '__proto__' : name, VALUES[roll(VALUES.length)]])
  let text: string
  if (json) {
    text = JSON.stringify(Object.fromEntries(input))
    if (roll(50) === 0) text = '['.repeat(100_000)
    if (roll(50) === 0) text = '{"a":'.repeat(10_000)
  } else {
    const field = (name: string, value: unknown) =>
      `${encodeURIComponent(name + ['', '.1', '.1.Name', '.1.Value', '.0.1.2.3.4.5.6.7.8.9', '.member'][roll(6)])}=${encodeURIComponent(String(value).toWellFormed())}`
    text = [`Action=${action}`, ...input.map(([name, value]) => field(name, value))].join('&')
  }
  for (let cuts = roll(3); cuts > 0; cuts--) {
    const at = roll(text.length + 1)
    text = text.slice(0, at) + BYTES[roll(BYTES.length)] + text.slice(at + roll(4))
  }
  const body = Buffer.from(text)
  if (body.length > 0 && roll(20) === 0) body[roll(body.length)] = 0xff
  return {
    method: 'POST',
    url: ['/', '/000000000000/a', '/%00', '/?Action=%zz'][roll(20) > 3 ? 0 : roll(4)] as string,
    contentType: json ? 'application/x-amz-json-1.0' : 'application/x-www-form-urlencoded',
    target: json ? `AmazonSQS.${action}` : undefined,
    body,
  }
}

test('whatever comes is decoded or refused, and nothing of it sticks', () => {
  for (let seed = 0; seed < 2 * ROUNDS; seed++) {
    const made = request(dice(seed))
    const form = formOf(made)
    try {
      decode(made, form)
    } catch (error) {
      assert.ok(error instanceof SqsError, `seed ${seed}: ${String(error)}`)
      assert.ok(error.status < 500)
      const { body } = encodeError(form, error, 'id')
      if (form === 'json') JSON.parse(body)
      else assert.doesNotMatch(body.replace(/&(amp|lt|gt|quot|apos|#xD);/g, ''), /[&\0]/)
    }
  }
  assert.equal(Object.keys(Object.prototype).length, 0)
  assert.equal(({} as { a?: number }).a, undefined)
})

test('over the wire: an answer in the right shape, none of them an accident', async (t) => {
  const { origin, create, errors, ask } = await serve(t)
  await create('a')
  await create('a.fifo', { FifoQueue: 'true' })
  for (let from = 0; from < ROUNDS; from += 20)
    await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const { url, contentType = '', target, body } = request(dice(1_000_000 + from + i))
        const response = await fetch(origin + url, {
          method: 'POST',
          headers: { 'Content-Type': contentType, ...(target !== undefined && { 'X-Amz-Target': target }) },
          body: Uint8Array.from(body),
        })
        const text = await response.text()
        assert.ok(response.status < 500, `seed ${1_000_000 + from + i}: ${response.status} ${text}`)
        if (response.status !== 200) assert.match(text, target === undefined ? /^<\?xml.*<Code>/ : /^\{"__type":"/)
      }),
    )
  assert.deepEqual(errors, [])
  assert.equal((await ask('json', 'ListQueues')).status, 200)
})

test('of too many values nothing is looked at, of somewhat too many it is said what is wrong; text counts for nothing', async (t) => {
  const { ask, create } = await serve(t)
  const QueueUrl = await create('a')
  const batch = (count: number, MessageBody: string) =>
    ask('json', 'SendMessageBatch', {
      QueueUrl,
      Entries: Array.from({ length: count }, (_, i) => ({ Id: `${i}`, MessageBody })),
    })
  for (const count of [11, 100, 2000])
    assert.equal((await batch(count, 'x'.repeat(40))).code, 'TooManyEntriesInBatchRequest')
  assert.equal((await batch(20_000, 'x')).code, 'SerializationException')
  const nested = `{"QueueUrl":"a","more":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
  assert.throws(
    () =>
      decode(
        {
          method: 'POST',
          url: '/',
          contentType: undefined,
          target: 'AmazonSQS.PurgeQueue',
          body: Buffer.from(nested),
        },
        'json',
      ),
    { is: 'MalformedInput' },
  )
  const sent = await batch(1, '[{"a\\\\": 1, "b": "\\""},]'.repeat(20_000))
  assert.equal(sent.status, 200, sent.text)
  assert.equal(sent.code, undefined)
})
