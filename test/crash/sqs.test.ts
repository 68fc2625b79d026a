/** kill -9 with SQS clients: what was answered with 200 is there, and a receipt from before deletes after it. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ask, type Reply } from '../protocols/sqs/served.ts'

const ROUNDS = 2 * Number(process.env['QUEUEUP_LONG'] ?? 1)
const CLIENTS = 8
const cli = join(import.meta.dirname, '../../src/cli/queueup.ts')

async function start(folder: string): Promise<{ child: ChildProcess; origin: string }> {
  const child = spawn(
    process.execPath,
    [cli, 'serve', '--store', `file:${join(folder, 'q.db')}`, '--beanstalkd', '127.0.0.1:0', '--sqs', '127.0.0.1:0'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  let said = ''
  // It goes on saying things: its output stays open.
  const origin = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      const at = /SQS clients find it at (http:\/\/[^ ]+)\.\n/.exec(said)?.[1]
      if (at !== undefined) resolve(at)
    })
    child.once('exit', () => reject(new Error(`The server did not come to listen: ${said}`)))
  })
  return { child, origin }
}

test('what was acknowledged survives, and receipts hold', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'queueup-sqs-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const sent = new Set<string>()
  const deleted = new Set<string>()
  const held = new Map<string, string>()
  let { child, origin } = await start(folder)
  t.after(() => child.kill('SIGKILL'))
  await ask(origin, 'json', 'CreateQueue', { QueueName: 'a', Attributes: { VisibilityTimeout: '43200' } })
  const url = '/000000000000/a'

  for (let round = 0; round < ROUNDS; round++) {
    let alive = true
    const at = origin
    const client = async (no: number): Promise<void> => {
      const tell = (action: string, input: object): Promise<Reply> =>
        ask(at, 'json', action, { QueueUrl: url, ...input })
      for (let i = 0; alive; i++) {
        const MessageBody = `${round}-${no}-${i}`
        if ((await tell('SendMessage', { MessageBody })).status === 200) sent.add(MessageBody)
        if (i % 3 !== 0) continue
        const received = await tell('ReceiveMessage', {})
        const body = received.one('Body')
        if (body !== undefined) held.set(body, received.one('ReceiptHandle') ?? '')
      }
    }
    const clients = Promise.allSettled(Array.from({ length: CLIENTS }, (_, no) => client(no)))
    while (sent.size < (round + 1) * 100) await new Promise((resolve) => setImmediate(resolve))
    child.kill('SIGKILL')
    await once(child, 'exit')
    alive = false
    await clients
    ;({ child, origin } = await start(folder))
    for (const [body, ReceiptHandle] of held) {
      const reply = await ask(origin, 'json', 'DeleteMessage', { QueueUrl: url, ReceiptHandle })
      assert.equal(reply.status, 200, reply.text)
      deleted.add(body)
    }
    held.clear()
  }

  const left = new Set<string>()
  const counts = await ask(origin, 'json', 'GetQueueAttributes', { QueueUrl: url, AttributeNames: ['All'] })
  for (;;) {
    const received = await ask(origin, 'json', 'ReceiveMessage', { QueueUrl: url, MaxNumberOfMessages: 10 })
    if (received.all('Body').length === 0) break
    for (const body of received.all('Body')) {
      assert.ok(!deleted.has(body), `${body} was deleted`)
      left.add(body)
    }
  }
  // What was received when the server died, and whose answer was lost with it, is in flight.
  const lost = [...sent].filter((body) => !left.has(body) && !deleted.has(body))
  assert.ok(lost.length <= Number(counts.one('ApproximateNumberOfMessagesNotVisible')), lost.join())
  assert.ok(lost.length <= CLIENTS * ROUNDS)
})
