/** ReceiveRequestAttemptId where several servers, one after another or side by side, have one file. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test, type TestContext } from 'node:test'
import { openSqlite } from '../../../src/stores/sqlite/index.ts'
import { ManualClock } from '../../../src/testing/clock.ts'
import { FORMS, serveStore, type Form, type Served } from './served.ts'

const folder = await mkdtemp(join(tmpdir(), 'queueup-attempts-'))
after(() => rm(folder, { recursive: true }))
let files = 0

/** Opens a server after another on one new file. */
function place(t: TestContext): () => Promise<Served> {
  const clock = new ManualClock()
  const path = join(folder, `${++files}.db`)
  return async () => {
    const served = await serveStore(await openSqlite({ path, clock, durability: 'relaxed' }), clock)
    t.after(() => served.close())
    return served
  }
}

const URL = '/000000000000/a.fifo'

async function filled({ ask, create }: Served, form: Form): Promise<void> {
  await create('a.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true', VisibilityTimeout: '600' })
  for (const MessageBody of ['1', '2', '3'])
    await ask(form, 'SendMessage', { QueueUrl: URL, MessageBody, MessageGroupId: 'g' })
}

const receive = ({ ask }: Served, form: Form, ReceiveRequestAttemptId: string) =>
  ask(form, 'ReceiveMessage', { QueueUrl: URL, MaxNumberOfMessages: 2, ReceiveRequestAttemptId })

for (const form of FORMS)
  describe(`an attempt over ${form}`, () => {
    test('gets the same from another server, until somebody has touched them', async (t) => {
      const open = place(t)
      const [one, other] = [await open(), await open()]
      await filled(one, form)
      const first = await receive(one, form, 'a')
      assert.deepEqual(first.all('Body'), ['1', '2'])
      const again = await receive(other, form, 'a')
      assert.deepEqual(again.all('MessageId'), first.all('MessageId'))
      assert.deepEqual((await receive(other, form, 'b')).all('Body'), [], 'another attempt gets none of a closed group')
      // Its receipts hold on either.
      await other.ask(form, 'DeleteMessage', { QueueUrl: URL, ReceiptHandle: again.one('ReceiptHandle') })
      assert.deepEqual((await receive(one, form, 'a')).all('Body'), [])
    })

    test('is one of its queue: the same name gets the messages of another queue there', async (t) => {
      const served = await place(t)()
      await filled(served, form)
      await receive(served, form, 'a')
      const { ask, create } = served
      const QueueUrl = await create('b.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' })
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'other', MessageGroupId: 'g' })
      const other = await ask(form, 'ReceiveMessage', { QueueUrl, ReceiveRequestAttemptId: 'a' })
      assert.deepEqual(other.all('Body'), ['other'])
    })

    test('gets the same after a restart, for five minutes from its last answer', async (t) => {
      const open = place(t)
      const before = await open()
      await filled(before, form)
      const first = await receive(before, form, 'a')
      await before.close()
      const after = await open()
      await after.move(299_000)
      assert.deepEqual((await receive(after, form, 'a')).all('MessageId'), first.all('MessageId'))
      await after.move(299_000)
      assert.deepEqual((await receive(after, form, 'a')).all('MessageId'), first.all('MessageId'))
      await after.move(300_000)
      assert.deepEqual((await receive(after, form, 'a')).all('Body'), [])
    })
  })

test('attempts of two servers at once are all remembered, also those that lie in one record', async (t) => {
  const open = place(t)
  const servers = [await open(), await open()] as const
  const { ask, create } = servers[0]
  await create('a.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' })
  const ids: string[] = []
  for (let i = 0; ids.length < 8; i++)
    if (Number.parseInt(hash('sha256', `default/a.fifo\0${i}`).slice(0, 4), 16) % 1024 === 0) ids.push(`${i}`)
  for (let i = 0; i < 16; i++)
    await ask('json', 'SendMessage', { QueueUrl: URL, MessageBody: `m${i}`, MessageGroupId: `g${i}` })
  const all = (by: number) => Promise.all(ids.map((id, i) => receive(servers[(i + by) % 2] as Served, 'json', id)))
  const first = (await all(0)).map((reply) => reply.all('MessageId'))
  assert.deepEqual(
    first.map(({ length }) => length),
    ids.map(() => 2),
  )
  assert.deepEqual(
    (await all(1)).map((reply) => reply.all('MessageId')),
    first,
  )
})
