/** What a message and a queue are to SQS and to the other protocols: the table in docs/sqs.md, line by line. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { describe, test, type TestContext } from 'node:test'
import type { QueuePolicy } from '../../../src/job.ts'
import { BeanstalkdServer } from '../../../src/protocols/beanstalkd/index.ts'
import { Talk } from '../../interop/talk.ts'
import { FORMS, serve, type Served } from './served.ts'

/** SQS, and a beanstalkd client on the same queues. */
async function both(t: TestContext): Promise<Served & { talk: Talk }> {
  const served = await serve(t)
  const server = new BeanstalkdServer({ broker: served.broker, clock: served.clock })
  const talk = await Talk.to(await server.listen({ host: '127.0.0.1', port: 0 }))
  t.after(async () => {
    talk.destroy()
    await server.close()
  })
  return { ...served, talk }
}

const arn = (name: string): string => `arn:aws:sqs:us-east-1:000000000000:${name}`

for (const form of FORMS)
  describe(`SQS over ${form}, beside beanstalkd`, { concurrency: true }, () => {
    test('a message is a job: its body alone, its id, its delay, its lease, and how often it was taken', async (t) => {
      const { ask, create, talk, move } = await both(t)
      const QueueUrl = await create('mail')
      const sent = await ask(form, 'SendMessage', {
        QueueUrl,
        MessageBody: 'text',
        DelaySeconds: 5,
        MessageAttributes: { a: { DataType: 'String', StringValue: 'x' } },
        MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: 'Root=1' } },
      })
      const id = parseInt((sent.one('MessageId') ?? '').replaceAll('-', '').slice(-15), 16)
      assert.match((await talk.ask(`stats-job ${id}`)) ?? '', /^state: delayed$[^]*^delay: 5$/m)
      await move(5000)
      await talk.ask('watch mail')
      assert.equal(await talk.ask('reserve'), `RESERVED ${id} 4\r\ntext`)
      await talk.ask(`release ${id} 0 0`)
      const received = await ask(form, 'ReceiveMessage', {
        ...{ QueueUrl, VisibilityTimeout: 40 },
        AttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      })
      assert.equal(received.one('MessageId'), sent.one('MessageId'))
      assert.equal(received.one('ApproximateReceiveCount'), '2')
      assert.equal(received.one('StringValue'), 'x')
      assert.equal(received.one('AWSTraceHeader'), 'Root=1')
      assert.match((await talk.ask(`stats-job ${id}`)) ?? '', /^state: reserved$[^]*^time-left: 39$/m)
    })

    test('a body that is no text is Base64 and says so, whatever attributes are asked for', async (t) => {
      const { ask, talk, origin } = await both(t)
      await talk.ask('use tube')
      await talk.ask('put 0 0 60 3', '\0\x01\x02')
      const received = await ask(form, 'ReceiveMessage', { QueueUrl: `${origin}/000000000000/tube` })
      assert.equal(received.one('Body'), 'AAEC')
      assert.equal(received.one('MD5OfBody'), hash('md5', 'AAEC'), 'of what the client sees')
      assert.match(received.text, /queueup\.encoding/)
      assert.equal(received.one('StringValue'), 'base64')
    })

    test("a receive that names no time has the job's own where the queue has none", async (t) => {
      const { ask, talk, move, origin } = await both(t)
      const QueueUrl = `${origin}/000000000000/tube`
      await talk.ask('use tube')
      await talk.ask('put 0 0 20 1', 'x')
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl })).one('Body'), 'x')
      await move(19_000)
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl })).one('Body'), undefined)
      await move(1000)
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl, VisibilityTimeout: 5 })).one('Body'), 'x')
      await move(5000)
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl })).one('Body'), 'x')
    })

    test('a group of a FIFO queue is in order, and closed, for all of them', async (t) => {
      const { ask, create, talk } = await both(t)
      const QueueUrl = await create('a.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' })
      const id: Record<string, number> = {}
      for (const MessageBody of ['1', '2', '3']) {
        const sent = await ask(form, 'SendMessage', { QueueUrl, MessageBody, MessageGroupId: 'g' })
        id[MessageBody] = parseInt((sent.one('MessageId') ?? '').slice(-12), 16)
      }
      await talk.ask('watch a.fifo')
      assert.equal(await talk.ask('reserve'), `RESERVED ${id['1']} 1\r\n1`)
      assert.deepEqual((await ask(form, 'ReceiveMessage', { QueueUrl })).all('Body'), [])
      await talk.ask(`delete ${id['1']}`)
      const received = await ask(form, 'ReceiveMessage', { QueueUrl })
      assert.deepEqual(received.all('Body'), ['2'])
      assert.equal(await talk.ask('reserve-with-timeout 0'), 'TIMED_OUT')
      await ask(form, 'DeleteMessage', { QueueUrl, ReceiptHandle: received.one('ReceiptHandle') })
      assert.equal(await talk.ask('reserve-with-timeout 0'), `RESERVED ${id['3']} 1\r\n3`)
    })

    test('groups of a standard queue take turns for all of them', async (t) => {
      const { ask, create, talk } = await both(t)
      const QueueUrl = await create('a')
      for (const [MessageBody, MessageGroupId] of [
        ['n0', 'noisy'],
        ['n1', 'noisy'],
        ['n2', 'noisy'],
        ['q0', 'quiet'],
      ])
        await ask(form, 'SendMessage', { QueueUrl, MessageBody, MessageGroupId })
      await talk.ask('watch a')
      const order: (string | undefined)[] = []
      for (let i = 0; i < 4; i++) order.push((await talk.ask('reserve-with-timeout 0'))?.split('\r\n')[1])
      assert.deepEqual(order, ['n0', 'q0', 'n1', 'n2'])
    })

    test('what is counted: ready and waiting, in flight, delayed; not what was buried', async (t) => {
      const { ask, create, talk } = await both(t)
      const counts = async (QueueUrl: string): Promise<(string | undefined)[]> => {
        const reply = await ask(form, 'GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })
        return ['', 'NotVisible', 'Delayed'].map((which) => reply.one(`ApproximateNumberOfMessages${which}`))
      }
      const fifo = await create('a.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' })
      for (const MessageBody of ['1', '2', '3'])
        await ask(form, 'SendMessage', { QueueUrl: fifo, MessageBody, MessageGroupId: 'g' })
      await ask(form, 'ReceiveMessage', { QueueUrl: fifo })
      assert.deepEqual(await counts(fifo), ['2', '1', '0'])
      const QueueUrl = await create('a')
      await talk.ask('use a')
      await talk.ask('watch a')
      const id = /\d+/.exec((await talk.ask('put 0 0 60 1', 'x')) ?? '')?.[0]
      await talk.ask('reserve')
      assert.deepEqual(await counts(QueueUrl), ['0', '1', '0'])
      await talk.ask(`bury ${id} 0`)
      await talk.ask('put 0 9 60 1', 'y')
      await talk.ask('put 0 0 60 1', 'z')
      assert.deepEqual(await counts(QueueUrl), ['1', '0', '1'])
    })

    test('attributes are the policy of the queue, whoever sets it', async (t) => {
      const { ask, create, broker } = await both(t)
      await create('dead')
      const QueueUrl = await create('a')
      const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arn('dead'), maxReceiveCount: 3 })
      const set = { VisibilityTimeout: '7', DelaySeconds: '3', MessageRetentionPeriod: '90', RedrivePolicy }
      await ask(form, 'SetQueueAttributes', { QueueUrl, Attributes: { ...set, MaximumMessageSize: '2048' } })
      const policy = () => broker.records.get('queue/default/a')?.value as QueuePolicy
      assert.deepEqual(policy(), {
        ...{ lease: 7000, delay: 3000, retention: 90_000, maxSize: 2048 },
        ...{ dead: 'default/dead', maxReserves: 3 },
      })
      const session = broker.session({ protocol: 'test', tenant: 'default', principal: 'operator' })
      const value = { ...policy(), lease: 8000, maxReserves: 4 }
      await session.commit({ ops: [{ do: 'record', key: 'queue/default/a', value }] })
      await broker.records.refresh()
      const got = await ask(form, 'GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })
      assert.equal(got.one('VisibilityTimeout'), '8')
      assert.deepEqual(JSON.parse(got.one('RedrivePolicy') ?? ''), {
        deadLetterTargetArn: arn('dead'),
        maxReceiveCount: 4,
      })
    })

    test('a queue of another protocol is adopted with its jobs; names that SQS can not say are hidden', async (t) => {
      const { ask, talk, origin } = await both(t)
      const hidden = ['a.b', 'a/b', 'x'.repeat(81), 'a;b']
      for (const tube of ['tube', ...hidden]) {
        await talk.ask(`use ${tube}`)
        await talk.ask('put 0 0 60 1', 'x')
      }
      const QueueUrl = `${origin}/000000000000/tube`
      const names = await ask(form, 'ListQueues')
      assert.deepEqual(names.all(form === 'json' ? 'QueueUrls' : 'QueueUrl'), [QueueUrl])
      for (const QueueName of hidden)
        assert.match((await ask(form, 'GetQueueUrl', { QueueName })).code ?? '', /QueueDoesNotExist|NonExistentQueue/)
      const made = await ask(form, 'CreateQueue', { QueueName: 'tube', Attributes: { VisibilityTimeout: '9' } })
      assert.equal(made.one('QueueUrl'), QueueUrl)
      const received = await ask(form, 'ReceiveMessage', { QueueUrl })
      assert.equal(received.one('Body'), 'x')
      await ask(form, 'DeleteMessage', { QueueUrl, ReceiptHandle: received.one('ReceiptHandle') })
      assert.equal((await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'y' })).status, 200, 'it stays')
    })
  })
