import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { serve } from './served.ts'

/** Sends bytes, and answers all that comes until the server ends the connection or is done with so many answers. */
function raw(port: number, bytes: string, answers = 1): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    const done = (): void => {
      socket.destroy()
      resolve(text)
    }
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.split('HTTP/1.1 ').length - 1 > answers) done()
    })
    socket.on('end', done)
    socket.on('error', done)
    socket.write(bytes)
  })
}

const TARGET = 'X-Amz-Target: AmazonSQS.ListQueues\r\nContent-Type: application/x-amz-json-1.0\r\n'

test('health, methods, paths, browsers, encodings', async (t) => {
  const { origin } = await serve(t)
  assert.equal(await (await fetch(`${origin}/health`)).text(), 'ok\n')
  assert.equal((await fetch(origin, { method: 'HEAD' })).status, 200)
  const put = await fetch(origin, { method: 'PUT', body: 'x' })
  assert.equal(put.status, 405)
  assert.equal(put.headers.get('allow'), 'GET, HEAD, POST')
  const page = await fetch(`${origin}/?Action=ListQueues`, { headers: { Origin: 'http://evil.example' } })
  assert.equal(page.status, 403)
  const packed = await fetch(origin, { method: 'POST', headers: { 'Content-Encoding': 'gzip' }, body: 'x' })
  assert.equal(packed.status, 415)
  const nothing = await fetch(`${origin}/some/path`)
  assert.equal(nothing.status, 404)
  assert.equal(await nothing.text(), '<UnknownOperationException/>\n')
  const unsaid = await fetch(origin, { method: 'POST' })
  assert.equal(unsaid.status, 400)
  assert.match(await unsaid.text(), /<Code>MissingAction<\/Code>/)
})

test('a form is a form whatever target is named beside it, unless it is one of the JSON form', async (t) => {
  const { origin } = await serve(t)
  const ask = async (target: string, body: string) => {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded;charset=utf-8', 'X-Amz-Target': target }
    return (await fetch(origin, { method: 'POST', headers, body })).text()
  }
  const made = await ask('AmazonSQSv20121105.CreateQueue', 'Action=CreateQueue&QueueName=a&Version=2012-11-05')
  assert.match(made, /<QueueUrl>.*\/a<\/QueueUrl>/)
  assert.match(await ask('AmazonSQS.CreateQueue', '{"QueueName":"b"}'), /"QueueUrl"/)
})

test('a request in two ways of saying where it ends is refused, and what follows it is none', async (t) => {
  const { port, errors } = await serve(t)
  const smuggled = `GET /?Action=CreateQueue&QueueName=smuggled HTTP/1.1\r\nHost: x\r\n\r\n`
  for (const head of [
    `Content-Length: 4\r\nTransfer-Encoding: chunked\r\n`,
    `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n`,
    `Content-Length: 2\r\nContent-Length: 3\r\n`,
    `Transfer-Encoding : chunked\r\n`,
    `Content-Length: +2\r\n`,
    `Content-Length: 0x2\r\n`,
    `Content-Length: 4\r\nContent-Length: 4\r\n`,
    `Content-Length: 4, 4\r\n`,
    `Transfer-Encoding: xchunked\r\n`,
    `Transfer-Encoding: chunked, identity\r\n`,
    `Transfer-Encoding:\r\n chunked\r\n`,
    `X-Folded: a\r\n b\r\nContent-Length: 4\r\n`,
    `Content-Length: 4\n`,
    `X-Nul: \0\r\nContent-Length: 4\r\n`,
    `Host: y\r\nContent-Length: 4\r\n`,
  ]) {
    const text = await raw(port, `POST / HTTP/1.1\r\nHost: x\r\n${TARGET}${head}\r\n0\r\n\r\n${smuggled}`)
    assert.match(text, /^HTTP\/1\.1 4(00|15) /, head)
    assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1, head)
  }
  const nowhere = await raw(port, `POST / HTTP/1.1\r\n${TARGET}Content-Length: 2\r\n\r\n{}${smuggled}`)
  assert.match(nowhere, /^HTTP\/1\.1 400 [^]*x-amzn-RequestId: [^]*SerializationException/)
  for (const request of [
    `POST / HTTP/1.0\r\nConnection: keep-alive\r\n${TARGET}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `POST / HTTP/1.1\nHost: x\nContent-Length: 0\n\n`,
    `POST / HTTP/1.1\r\nHost: x\r\n${TARGET}Transfer-Encoding: chunked\r\n\r\n0\n\n`,
    `POST / HTTP/1.1\r\nHost: x\r\n${TARGET}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n`,
  ])
    assert.match(await raw(port, request + smuggled), /^HTTP\/1\.1 400 /, request)
  // A coding that isn't taken is refused before its body; a trailer is no header.
  const packed = await raw(
    port,
    `POST / HTTP/1.1\r\nHost: x\r\n${TARGET}Transfer-Encoding: gzip, chunked\r\n\r\n${smuggled}`,
  )
  assert.match(packed, /^HTTP\/1\.1 415 /)
  const trailer = await raw(
    port,
    `POST / HTTP/1.1\r\nHost: x\r\n${TARGET}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2;a=b\r\n{}\r\n0\r\nX-Amz-Target: AmazonSQS.CreateQueue\r\n\r\n`,
  )
  assert.match(trailer, /^HTTP\/1\.1 200 /)
  const queues = await raw(port, `GET /?Action=ListQueues HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  assert.doesNotMatch(queues, /smuggled/)
  assert.deepEqual(errors, [])
})

test('chunks and Expect: 100-continue are taken; what is too large is refused before it comes', async (t) => {
  const { port } = await serve(t)
  const chunked = await raw(
    port,
    `POST / HTTP/1.1\r\nHost: x\r\n${TARGET}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n`,
  )
  assert.match(chunked, /^HTTP\/1\.1 200 /)
  const asked = await raw(
    port,
    `POST / HTTP/1.1\r\nHost: x\r\n${TARGET}Expect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
    2,
  )
  assert.match(asked, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /)
  const large = await raw(
    port,
    `POST / HTTP/1.1\r\nHost: x\r\n${TARGET}Expect: 100-continue\r\nContent-Length: 9999999\r\n\r\n`,
  )
  assert.match(large, /^HTTP\/1\.1 413 /)
})
