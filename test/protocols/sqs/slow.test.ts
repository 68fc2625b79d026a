/** Clients that take their time, or all there is of something. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { settle } from '../../broker/open.ts'
import { usedMemory } from '../../memory.ts'
import { needs } from '../../needs.ts'
import { certificate } from './certificate.ts'
import { serve } from './served.ts'

const HEAD = 'POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.ListQueues\r\n'

interface Client {
  socket: Socket
  /** All that came, when the server has ended the connection. */
  ended: Promise<string>
}

async function client(port: number): Promise<Client> {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return { socket, ended: new Promise((resolve) => socket.once('close', () => resolve(text))) }
}

/** Sends a byte now and then until it is cut off. */
async function drip({ socket, ended }: Client, head: string, byte: string): Promise<string> {
  socket.write(head)
  const dripping = setInterval(() => socket.write(byte), 20)
  try {
    return await ended
  } finally {
    clearInterval(dripping)
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await settle()
}

test('who sends a head, or a body, byte by byte is cut off; others are served meanwhile', async (t) => {
  const { port, ask, errors, server } = await serve(t, { timeouts: { headers: 200, request: 400 } })
  const slow = [
    drip(await client(port), 'POST / HTTP/1.1\r\n', 'x'),
    drip(await client(port), `${HEAD}X-More: 1\r\n`, 'X'),
    drip(await client(port), `${HEAD}Content-Length: 60000\r\n\r\n`, ' '),
    drip(await client(port), `${HEAD}Transfer-Encoding: chunked\r\n\r\n`, '1\r\n \r\n'),
  ]
  assert.equal((await ask('json', 'ListQueues')).status, 200)
  for (const text of await Promise.all(slow)) assert.match(text, /^HTTP\/1\.1 408 [\s\S]*RequestTimeout/)
  assert.equal(server.kept, 0)
  assert.deepEqual(errors, [])
})

test('who connects and says nothing is cut off', async (t) => {
  const { port } = await serve(t, { timeouts: { headers: 200, request: 200 } })
  assert.match(await (await client(port)).ended, /^HTTP\/1\.1 408 /)
})

if (needs('openssl'))
  test('who never ends its TLS handshake is cut off', async (t) => {
    const { port } = await serve(t, { tls: certificate('slow'), timeouts: { handshake: 200 } })
    const silent = await client(port)
    const begun = await client(port)
    // The beginning of a ClientHello.
    begun.socket.write(Buffer.from([22, 3, 1, 2, 0, 1]))
    assert.deepEqual(await Promise.all([silent.ended, begun.ended]), ['', ''])
  })

test('who never takes its answers is cut off, and what it was to get comes to others', async (t) => {
  const { port, ask, create, server } = await serve(t, { timeouts: { untaken: 300 } })
  const QueueUrl = await create('a')
  const size = 1 << 20
  for (let i = 0; i < 10; i++) await ask('json', 'SendMessage', { QueueUrl, MessageBody: 'x'.repeat(size) })
  const { socket, ended } = await client(port)
  socket.pause()
  const body = JSON.stringify({ QueueUrl, MaxNumberOfMessages: 10 })
  socket.write(
    `POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  await until(() => server.kept >= 10 * size)
  await until(() => server.kept === 0)
  await settle()
  const received = await ask('json', 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, AttributeNames: ['All'] })
  assert.equal(received.all('Body').length, 10)
  assert.deepEqual(new Set(received.all('ApproximateReceiveCount')), new Set(['1']))
  socket.resume()
  await ended
})

test('answers that nobody takes are bounded in all: the next who asks for much is cut off, and who asks for little is not', async (t) => {
  const size = 1 << 20
  const { port, ask, create, server } = await serve(t, { maxBuffered: 12 * size })
  const QueueUrl = await create('a')
  for (let i = 0; i < 20; i++) await ask('json', 'SendMessage', { QueueUrl, MessageBody: 'x'.repeat(size) })
  const body = JSON.stringify({ QueueUrl, MaxNumberOfMessages: 10 })
  const sockets: Client[] = []
  for (let i = 0; i < 2; i++) {
    const one = await client(port)
    one.socket.pause()
    one.socket.write(
      `POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    sockets.push(one)
    if (i === 0) await until(() => server.kept >= 10 * size)
  }
  for (const { socket } of sockets.slice(1)) socket.resume()
  assert.deepEqual(await Promise.all(sockets.slice(1).map(({ ended }) => ended)), [''])
  assert.ok(server.kept <= 12 * size)
  assert.equal((await ask('json', 'ListQueues')).status, 200)
  sockets[0]?.socket.destroy()
  await until(() => server.kept === 0)
  await settle()
  const received = await ask('json', 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 1 })
  assert.equal(received.all('Body').length, 1)
})

test('bodies that are being sent are bounded in all, and by their connections’ end', async (t) => {
  const { port, ask, server } = await serve(t, { maxBuffered: 100_000 })
  const first = await client(port)
  first.socket.write(`${HEAD}Content-Length: 65000\r\n\r\n${' '.repeat(64_000)}`)
  await until(() => server.kept === 64_000)
  const second = await client(port)
  second.socket.write(`${HEAD}Content-Length: 65000\r\n\r\n${' '.repeat(64_000)}`)
  assert.match(await second.ended, /^HTTP\/1\.1 503 [\s\S]*Too much is being sent/)
  assert.equal((await ask('json', 'ListQueues')).status, 200)
  first.socket.destroy()
  await until(() => server.kept === 0)
})

test('a body that comes in pieces of a byte takes little more than its bytes', async (t) => {
  const { port, server } = await serve(t)
  const { socket, ended } = await client(port)
  const bytes = 200_000
  const before = usedMemory()
  socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`)
  socket.write('1\r\n \r\n'.repeat(bytes - 2))
  await until(() => server.kept === bytes - 2)
  const took = (usedMemory() - before) / bytes
  socket.write('2\r\n{}\r\n0\r\n\r\n')
  socket.end()
  assert.match(await ended, /^HTTP\/1\.1 200 /)
  assert.ok(took < 50, `${took.toFixed(1)} bytes each`)
})

test('a connection has so many requests at a time, however many receives it would let wait', async (t) => {
  const { port, create, server } = await serve(t)
  const QueueUrl = await create('a')
  const body = JSON.stringify({ QueueUrl, WaitTimeSeconds: 20 })
  const { socket, ended } = await client(port)
  const request = `POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  socket.write(request.repeat(32))
  await until(() => server.waiting === 32)
  socket.write(request.repeat(1000))
  assert.equal(await ended, '')
  await until(() => server.waiting === 0)
})

test('there are so many connections, and there is room again when some have gone', async (t) => {
  const { port } = await serve(t, { maxConnections: 2 })
  const first = await client(port)
  const second = await client(port)
  assert.equal(await (await client(port)).ended, '')
  first.socket.destroy()
  await first.ended
  const asking = `GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
  for (let text = ''; text === '';) {
    const again = await client(port)
    again.socket.write(asking)
    text = await again.ended
    if (text !== '') assert.match(text, /^HTTP\/1\.1 200 /)
  }
  second.socket.destroy()
})
