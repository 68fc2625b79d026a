/** HTTP as SQS is served over it: no request within another, no body without end, no page of a browser, no key that every object has. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { SqsServer } from '../../src/protocols/sqs/index.ts'
import { createBroker } from '../../src/broker/store-broker.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import { guard } from '../protocols/sqs/guarded.ts'
import { sign } from '../protocols/sqs/signer.ts'

interface Open {
  port: number
  errors: Error[]
  queues(): Promise<string[]>
}

/** A server that asks nobody for a key. */
async function open(t: TestContext): Promise<Open> {
  const broker = createBroker({ store: openMemory() })
  const errors: Error[] = []
  const server = new SqsServer({ broker, onError: (error) => errors.push(error) })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  t.after(async () => {
    await server.close()
    await broker.close()
  })
  const session = broker.session({ protocol: 'test', tenant: 'default', principal: 'test' })
  return { port, errors, queues: async () => (await session.stats()).map(({ queue }) => queue) }
}

/** Sends these bytes, and resolves to all that comes back before the connection ends or falls silent. */
async function raw(port: number, bytes: string | Buffer, ends = true): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' })
  let heard = ''
  socket.setEncoding('latin1').on('data', (text: string) => (heard += text))
  socket.on('error', () => undefined)
  socket.write(bytes)
  if (ends) socket.end()
  await new Promise((resolve) => socket.once('close', resolve))
  return heard
}

const create = (name: string): string => `Action=CreateQueue&Version=2012-11-05&QueueName=${name}`
const FORM = 'Content-Type: application/x-www-form-urlencoded\r\n'
const inner = `POST / HTTP/1.1\r\nHost: x\r\n${FORM}Content-Length: ${create('smuggled').length}\r\n\r\n${create('smuggled')}`

describe('a request within another', () => {
  const chunked = `0\r\n\r\n${inner}`
  for (const [how, bytes] of Object.entries({
    'by a length and chunks': `POST / HTTP/1.1\r\nHost: x\r\n${FORM}Content-Length: ${chunked.length}\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`,
    'by chunks and a length': `POST / HTTP/1.1\r\nHost: x\r\n${FORM}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${chunked}`,
    'by two lengths': `POST / HTTP/1.1\r\nHost: x\r\n${FORM}Content-Length: 0\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`,
    'by a length that is a list': `POST / HTTP/1.1\r\nHost: x\r\n${FORM}Content-Length: 0, ${inner.length}\r\n\r\n${inner}`,
    'by a length below zero': `POST / HTTP/1.1\r\nHost: x\r\n${FORM}Content-Length: -1\r\n\r\n${inner}`,
    'by an encoding that is not the last': `POST / HTTP/1.1\r\nHost: x\r\n${FORM}Transfer-Encoding: chunked, identity\r\n\r\n${chunked}`,
    'by a space before the colon': `POST / HTTP/1.1\r\nHost: x\r\n${FORM}Transfer-Encoding : chunked\r\n\r\n${chunked}`,
    'by a line end alone': `POST / HTTP/1.1\nHost: x\nX: y\n\n${inner}`,
    'by a folded header': `POST / HTTP/1.1\r\nHost: x\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n${inner}`,
    'by an extension of a chunk with a line end': `POST / HTTP/1.1\r\nHost: x\r\n${FORM}Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\nx\r\n${chunked}`,
  }))
    test(`${how} is not run`, async (t) => {
      const server = await open(t)
      const heard = await raw(server.port, bytes)
      assert.match(heard, /^HTTP\/1\.1 400 Bad Request\r\n[^]*\r\nConnection: close\r\n/i)
      assert.equal(heard.match(/HTTP\/1\.1/g)?.length, 1, heard)
      assert.deepEqual(await server.queues(), [])
      assert.deepEqual(server.errors, [])
    })

  test('as the body of one that is refused is not run', async (t) => {
    const server = await open(t)
    for (const head of [
      'PUT / HTTP/1.1',
      'POST / HTTP/1.1\r\nContent-Encoding: gzip',
      'POST / HTTP/1.1\r\nOrigin: http://evil.example',
    ]) {
      const heard = await raw(
        server.port,
        `${head}\r\nHost: x\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`,
        false,
      )
      assert.match(heard, /^HTTP\/1\.1 4\d\d/)
      assert.equal(heard.match(/HTTP\/1\.1/g)?.length, 1, heard)
    }
    assert.deepEqual(await server.queues(), [])
  })
})

describe('what is too much', () => {
  const status = (heard: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(heard)?.[1])

  test('is refused by its head alone: of headers, of a body, before it is sent', async (t) => {
    const { port } = await open(t)
    assert.equal(status(await raw(port, `POST / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`)), 431)
    const large = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n'
    assert.equal(status(await raw(port, `${large}\r\n`, false)), 413)
    const heard = await raw(port, `${large}Expect: 100-continue\r\n\r\n`, false)
    assert.equal(status(heard), 413)
    assert.doesNotMatch(heard, /100 Continue/)
  })

  test('is refused as it comes, in chunks', async (t) => {
    const { port } = await open(t)
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
    const heard = await raw(
      port,
      `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(70)}`,
      false,
    )
    assert.equal(status(heard), 413)
  })

  test('is refused when it is compressed, whatever it would be', async (t) => {
    const { port } = await open(t)
    const bomb = gzipSync(Buffer.alloc(10_000_000))
    for (const encoding of ['gzip', 'deflate', 'br', 'zstd', 'gzip, gzip', 'x-gzip'])
      assert.equal(
        status(
          await raw(
            port,
            Buffer.concat([
              Buffer.from(
                `POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: ${encoding}\r\nContent-Length: ${bomb.length}\r\n\r\n`,
              ),
              bomb,
            ]),
            false,
          ),
        ),
        415,
        encoding,
      )
  })

  test('is refused when it is deep: in JSON, in the names of a form', async (t) => {
    const { port, errors } = await open(t)
    const post = (headers: Record<string, string>, body: string): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body })
    const json = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.CreateQueue' }
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    for (const answer of [
      await post(json, `{"QueueName":${'['.repeat(200_000)}${']'.repeat(200_000)}}`),
      await post(json, `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`),
      await post(form, `${create('x')}&${'a.'.repeat(100_000)}b=1`),
      await post(form, `${create('x')}${'&a=b'.repeat(100_000)}`),
    ]) {
      assert.ok(answer.status === 400 || answer.status === 413, String(answer.status))
      await answer.text()
    }
    assert.deepEqual(errors, [])
  })
})

test('a page in a browser may not: by its origin, nor by what the browser says of where it came from', async (t) => {
  const { port, queues } = await open(t)
  const ask = (headers: Record<string, string>): Promise<string> =>
    raw(
      port,
      `POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n${Object.entries(headers)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('')}${FORM}Content-Length: ${create('owned').length}\r\n\r\n${create('owned')}`,
    )
  for (const headers of [
    { Origin: 'http://evil.example' },
    { Origin: 'null' },
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
    { Origin: 'http://127.0.0.1' },
  ]) {
    const heard = await ask(headers)
    assert.match(heard, /^HTTP\/1\.1 403/)
    assert.doesNotMatch(heard, /access-control-allow/i)
  }
  assert.deepEqual(await queues(), [])
})

test('nor may one whose own name was led to this machine, which says neither with a GET', async (t) => {
  const [open_, asking] = [await open(t), await guard(t)]
  const get = async (port: number, host: string, path = '/?Action=CreateQueue&QueueName=owned'): Promise<string> =>
    (await raw(port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).slice(9, 12)
  for (const host of [
    'evil.example',
    'evil.example:9324',
    '127.0.0.1.evil.example',
    '1.2.3.4x',
    'evil.',
    'localhost.example',
  ])
    assert.equal(await get(open_.port, host), '403', host)
  assert.deepEqual(await open_.queues(), [])
  for (const host of ['localhost:9324', '127.0.0.1:9324', '[::1]:9324', '[::ffff:127.0.0.1]', 'queue', 'a.localhost'])
    assert.equal(await get(open_.port, host), '200', host)
  assert.equal(await get(open_.port, 'evil.example', '/health'), '200')
  assert.match(
    await raw(asking.port, 'GET /?Action=ListQueues HTTP/1.1\r\nHost: a.example\r\n\r\n'),
    /MissingAuthenticationToken/,
  )
})

test('keys that every object has are keys as others, in JSON, in a form, in headers', async (t) => {
  const { port, errors } = await open(t)
  const post = async (headers: Record<string, string>, body: string): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body })
    await answer.text()
    return answer.status
  }
  for (const word of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    for (const action of [word, 'CreateQueue', 'SendMessage', 'SetQueueAttributes', 'TagQueue']) {
      const json = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${action}` }
      for (const body of [
        `{"${word}":{"polluted":true},"QueueName":"a"}`,
        `{"QueueName":"${word}","Attributes":{"${word}":"1"},"tags":{"${word}":"1"}}`,
        `{"QueueUrl":"/000000000000/a","MessageBody":"x","MessageAttributes":{"${word}":{"DataType":"String","StringValue":"1"}},"Tags":{"${word}":"1"},"Attributes":{"${word}":"1"}}`,
      ])
        assert.ok((await post(json, body)) < 500, body)
      const form = { 'content-type': 'application/x-www-form-urlencoded', [word]: 'x' }
      for (const body of [
        `Action=${action}&${word}.polluted=1&QueueName=a`,
        `Action=${action}&QueueName=${word}&Attribute.1.Name=${word}&Attribute.1.Value=1&Tag.1.Key=${word}&Tag.1.Value=1`,
        `Action=${action}&QueueUrl=/000000000000/a&MessageBody=x&MessageAttribute.1.Name=${word}&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=1`,
      ])
        assert.ok((await post(form, body)) < 500, body)
    }
  }
  assert.deepEqual(errors, [])
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
  assert.deepEqual(Object.keys(Object.prototype), [])
})

test('a number that is none, or too large, in any action is refused, and nothing is 500', async (t) => {
  const { port, errors } = await open(t)
  const ask = async (action: string, fields: string): Promise<number> => {
    const body = `Action=${action}&Version=2012-11-05&QueueName=a&QueueUrl=/000000000000/a&ReceiptHandle=x&MessageBody=x&${fields}`
    const answer = await fetch(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body,
    })
    await answer.text()
    return answer.status
  }
  assert.equal(await ask('CreateQueue', ''), 200)
  for (const n of ['1e9', '-1', 'NaN', 'Infinity', '0x10', '1.5', '9223372036854775808', '1'.repeat(300)])
    for (const [action, name] of [
      ['SendMessage', 'DelaySeconds'],
      ['ReceiveMessage', 'MaxNumberOfMessages'],
      ['ReceiveMessage', 'VisibilityTimeout'],
      ['ReceiveMessage', 'WaitTimeSeconds'],
      ['ChangeMessageVisibility', 'VisibilityTimeout'],
      ['ListQueues', 'MaxResults'],
      ['SetQueueAttributes', 'Attribute.1.Name=DelaySeconds&Attribute.1.Value'],
      ['SetQueueAttributes', 'Attribute.1.Name=VisibilityTimeout&Attribute.1.Value'],
      ['SetQueueAttributes', 'Attribute.1.Name=MaximumMessageSize&Attribute.1.Value'],
      ['SetQueueAttributes', 'Attribute.1.Name=MessageRetentionPeriod&Attribute.1.Value'],
    ] as const) {
      const status = await ask(action, `${name}=${n}`)
      assert.ok(status >= 400 && status < 500, `${action} ${name}=${n}: ${status}`)
    }
  assert.deepEqual(errors, [])
})

test('who has no key fills no memory with a body', async (t) => {
  const guarded = await guard(t)
  const heard = await raw(guarded.port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n', false)
  assert.match(heard, /^HTTP\/1\.1 403/)
  const { rawHeaders } = await sign({ method: 'POST', path: '/' }, { id: 'NOBODY', secret: 'nothing' }, Date.now())
  const head = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${rawHeaders[i + 1]}\r\n`] : [])).join('')
  const refused = await raw(guarded.port, `POST / HTTP/1.1\r\n${head}Content-Length: 1000000\r\n\r\n`, false)
  assert.match(refused, /^HTTP\/1\.1 403[^]*InvalidClientTokenId/)
})

test('what stands behind a hundred headers is not passed over', async (t) => {
  const { port } = await guard(t)
  for (const more of [98, 99, 100, 2000]) {
    const head = `POST / HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(more)}Content-Length: 1000000\r\n\r\n`
    assert.match(await raw(port, head, false), /^HTTP\/1\.1 (400|403|431)/, `${more}`)
  }
})
