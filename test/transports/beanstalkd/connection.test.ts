import assert from 'node:assert/strict'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import type { Queue } from '../../../src/job.ts'
import { openBeanstalkd } from '../../../src/transports/beanstalkd/index.ts'
import type { Op, Transport } from '../../../src/transports/transport.ts'
import { never, putOf, text } from '../../contract/transport/subject.ts'
import { queueup } from '../../interop/servers.ts'
import { Proxy } from './proxy.ts'

const LIMIT = { timeout: 60_000 }
const mail: Queue = 'default/mail'

const put = (name: string): Op => ({ do: 'put', to: [{ queue: mail, create: true }], msg: { body: Buffer.from(name) } })

async function transportTo(t: TestContext, server: Server): Promise<Transport> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const transport = await openBeanstalkd(`beanstalkd://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.after(async () => {
    await transport.close()
    server.close()
  })
  return transport
}

async function proxied(t: TestContext): Promise<{ proxy: Proxy; transport: Transport }> {
  const peer = await queueup()
  const proxy = await Proxy.open(peer.port)
  const transport = await openBeanstalkd(proxy.url)
  t.after(async () => {
    await transport.close()
    proxy.close()
    await peer.stop()
  })
  return { proxy, transport }
}

test('where no server listens the error says what to start', LIMIT, async () => {
  const proxy = await Proxy.open(undefined)
  proxy.close()
  await assert.rejects(openBeanstalkd(proxy.url), {
    name: 'ConnectionError',
    message: /^No server answers at 127\.0\.0\.1:\d+ \(.*ECONNREFUSED.*Start one with "queueup serve"/,
  })
  await assert.rejects(openBeanstalkd('beanstalkd:///no/such.sock'), { name: 'ConnectionError', message: /such\.sock/ })
})

test('where something else listens it is an error, too', LIMIT, async (t) => {
  const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  t.after(() => web.close())
  const { port } = web.address() as AddressInfo
  await assert.rejects(openBeanstalkd(`beanstalkd://127.0.0.1:${port}`), {
    name: 'ConnectionError',
    message: /doesn't speak beanstalkd's protocol: .*HTTP/,
  })
})

test('when the connection is lost, so is what was held: it is told, and ready again', LIMIT, async (t) => {
  const { proxy, transport } = await proxied(t)
  const lost: { id: number; n?: number; why: string }[] = []
  transport.lost((lease) => lost.push(lease))
  await transport.commit({ ops: [put('a'), put('b')] })
  const [a, b] = await transport.reserve({ queues: [mail], max: 2 }, never)
  assert.ok(a && b)
  // Where it hasn't come as far as to wait, it connects again by itself.
  const waiting = transport.reserve({ queues: ['default/other'], max: 1, wait: 2000 }, never).catch((error: Error) => {
    assert.equal(error.name, 'ConnectionError')
    return []
  })
  proxy.cut()
  assert.deepEqual(await waiting, [])
  await until(() => lost.length === 2)
  assert.deepEqual(
    lost.map(({ id, n }) => [id, n]),
    [a, b].map(({ id, n }) => [id, n]),
  )
  assert.match(lost[0]?.why ?? '', /connection was lost/)
  const [result] = await transport.commit({ ops: [{ do: 'finish', job: { id: a.id, n: a.n as number } }] })
  assert.deepEqual(result, { ok: false, why: 'stale' })
  const [again] = await transport.reserve({ queues: [mail], max: 1 }, never)
  assert.equal(again?.id, a.id)
  assert.equal(again.failures, 1, 'a worker was lost with it')
})

test('while a server restarts, what is asked waits for it', LIMIT, async (t) => {
  const { proxy, transport } = await proxied(t)
  const port = proxy.to
  proxy.to = undefined
  await cut(proxy, transport)
  const asked = [transport.commit({ ops: [put('x')] }), transport.stats()] as const
  const reserved = transport.reserve({ queues: [mail], max: 1 }, never)
  setTimeout(() => (proxy.to = port), 100)
  const [[result]] = await Promise.all(asked)
  assert.ok(putOf(result).ok)
  assert.equal(text((await reserved)[0]?.body), 'x')
})

test('and when it stays away, it is an error, and nothing was put', LIMIT, async (t) => {
  const { proxy, transport } = await proxied(t)
  const port = proxy.to
  proxy.to = undefined
  await cut(proxy, transport)
  await assert.rejects(transport.commit({ ops: [put('x')] }), { name: 'ConnectionError' })
  proxy.to = port
  await until(async () => (await transport.stats().catch(() => undefined)) !== undefined)
  assert.deepEqual(await transport.stats([mail]), [])
})

test('a put that was sent and not answered may have happened, and says so', LIMIT, async (t) => {
  const silent = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      const sent = bytes.toString()
      if (sent.startsWith('watch')) socket.write('WATCHING 1\r\n')
      if (sent.startsWith('stats')) socket.write('OK 4\r\n---\n\r\n')
      if (sent.includes('put ')) socket.destroy()
    })
  })
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const transport = await openBeanstalkd(`beanstalkd://127.0.0.1:${(silent.address() as AddressInfo).port}`)
  t.after(async () => {
    await transport.close()
    silent.close()
  })
  const unit = { ops: [put('a'), put('b')] }
  await assert.rejects(transport.commit(unit), { name: 'UnknownOutcomeError', message: /may have happened/ })
})

test(
  'a job that was to be deleted is not, once its connection is lost: a server that starts again gives its id to another',
  LIMIT,
  async (t) => {
    let connections = 0
    const server = createServer((socket) => {
      connections++
      socket.on('error', () => undefined)
      createInterface({ input: socket }).on('line', (line) => {
        if (line === 'watch default') socket.write('WATCHING 1\r\n')
        else if (line === 'stats') socket.write('OK 0\r\n\r\n')
        else if (line === 'use mail') socket.write('USING mail\r\n')
        else if (line === 'peek-ready') socket.end('FOUND 1 1\r\nx\r\n')
        else if (connections > 1) socket.write('DELETED\r\n')
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const transport = await openBeanstalkd(`beanstalkd://127.0.0.1:${(server.address() as AddressInfo).port}`)
    t.after(async () => {
      await transport.close()
      server.close()
    })
    const clear = transport.commit({
      ops: [{ do: 'bulk', where: { queue: mail, states: ['ready'] }, act: 'delete', limit: 1 }],
    })
    await assert.rejects(clear, { name: 'UnknownOutcomeError' })
    assert.equal(connections, 1)
  },
)

test('a connection is not closed as one to spare while a finish on it has no answer', LIMIT, async (t) => {
  const asked: string[] = []
  let answer = () => {}
  const late = new Promise<void>((resolve) => (answer = resolve))
  let id = 0
  const server = createServer((socket) => {
    let last: Promise<unknown> = Promise.resolve()
    socket.on('error', () => undefined)
    createInterface({ input: socket }).on('line', (line) => {
      asked.push(line)
      const about = '---\nstate: reserved\nttr: 60\ntube: mail\n'
      const reply = /^(watch|ignore)/.test(line)
        ? 'WATCHING 1'
        : line.endsWith('timeout 0')
          ? 'TIMED_OUT'
          : line.startsWith('reserve')
            ? `RESERVED ${++id} 1\r\nx`
            : line.startsWith('stats')
              ? `OK ${about.length}\r\n${about}`
              : 'DELETED'
      last = last.then(() => (reply === 'DELETED' ? late : undefined)).then(() => socket.write(`${reply}\r\n`))
    })
  })
  const transport = await transportTo(t, server)
  const take = () => transport.reserve({ queues: [mail], max: 1, wait: 5000 }, never)
  const jobs = (await Promise.all([take(), take(), take(), take()])).flat()
  const finished = jobs.map((job) =>
    transport.commit({ ops: [{ do: 'finish', job: { id: job.id, n: job.n as number } }] }),
  )
  const heard = (command: string) => asked.filter((line) => line.startsWith(command)).length
  await until(() => heard('delete') === 4)
  const before = heard('reserve')
  const none = transport.reserve({ queues: [mail], max: 1, wait: 0 }, never)
  await until(() => heard('reserve') > before)
  answer()
  assert.deepEqual((await Promise.all(finished)).flat(), Array(4).fill({ ok: true, do: 'finish' }))
  assert.deepEqual(await none, [])
})

test('a server that can not give out jobs now is unavailable, and is asked again', LIMIT, async (t) => {
  const replies = ['INTERNAL_ERROR', 'OUT_OF_MEMORY', 'RESERVED 7 1\r\nx']
  const about = '---\nstate: reserved\nttr: 60\ntube: mail\n'
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    createInterface({ input: socket }).on('line', (line) => {
      if (line.startsWith('stats')) socket.write(`OK ${about.length}\r\n${about}\r\n`)
      else socket.write(line.startsWith('reserve') ? `${replies.shift() ?? 'TIMED_OUT'}\r\n` : 'WATCHING 1\r\n')
    })
  })
  const transport = await transportTo(t, server)
  const take = () => transport.reserve({ queues: [mail], max: 1, wait: 5000 }, never)
  for (const reply of replies.slice(0, 2))
    await assert.rejects(take(), { name: 'UnavailableError', message: RegExp(reply) })
  assert.deepEqual(
    (await take()).map(({ id }) => id),
    [7],
  )
})

test('a connection cut at random moments loses no job', LIMIT, async (t) => {
  const { proxy, transport } = await proxied(t)
  const acknowledged = new Set<string>()
  const worked = new Set<string>()
  let cuts = 0
  let over = false
  const cutting = (async () => {
    for (; cuts < 25; cuts++) {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 60))
      proxy.cut()
    }
  })()
  const putting = (async () => {
    for (let i = 0; cuts < 25; i++) {
      const names = Array.from({ length: 20 }, (_, j) => `${i}-${j}`)
      try {
        const results = await transport.commit({ ops: names.map(put) })
        results.forEach((result, j) => putOf(result).ok && acknowledged.add(names[j] as string))
      } catch (error) {
        assert.ok(['ConnectionError', 'UnknownOutcomeError'].includes((error as Error).name), String(error))
      }
    }
  })()
  const working = (async () => {
    while (!over)
      try {
        const jobs = await transport.reserve({ queues: [mail], max: 50, wait: 1000 }, never)
        const ops = jobs.map(({ id, n }): Op => ({ do: 'finish', job: { id, n: n as number } }))
        for (const job of jobs) worked.add(text(job.body))
        if (ops.length > 0) await transport.commit({ ops })
      } catch (error) {
        assert.ok(['ConnectionError', 'UnknownOutcomeError'].includes((error as Error).name), String(error))
      }
  })()
  await Promise.all([cutting, putting])
  await until(async () => {
    const [stats] = await transport.stats([mail]).catch(() => [undefined])
    return stats !== undefined && stats.ready + stats.reserved === 0
  })
  over = true
  await working
  assert.ok(acknowledged.size > 0)
  assert.deepEqual(
    [...acknowledged].filter((name) => !worked.has(name)),
    [],
  )
})

/** Resolves when the transport knows: what is asked then either failed, or waits for the server. */
async function cut(proxy: Proxy, transport: Transport): Promise<void> {
  proxy.cut()
  const asked = transport.stats().catch(() => undefined)
  await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, 500))])
}

async function until(so: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await so())) await new Promise((resolve) => setTimeout(resolve, 10))
}
