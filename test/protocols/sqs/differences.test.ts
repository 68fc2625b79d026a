/** What docs/sqs.md says under "What waits for the disk" and "What differs from AWS", where no other test holds it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { entries, FORMS, serve } from './served.ts'

for (const form of FORMS)
  describe(`what differs from AWS, over ${form}`, { concurrency: true }, () => {
    test('a standard queue is in order', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      const bodies = Array.from({ length: 25 }, (_, i) => `${i}`)
      for (const MessageBody of bodies) await ask(form, 'SendMessage', { QueueUrl, MessageBody })
      const received: string[] = []
      for (let i = 0; i < 5; i++)
        received.push(...(await ask(form, 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 5 })).all('Body'))
      assert.deepEqual(received, bodies)
    })

    test('in a fair queue it counts nothing how many of a group are in flight; one whose time ends is among the next', async (t) => {
      const { ask, create, move } = await serve(t)
      const QueueUrl = await create('a')
      const send = (MessageBody: string, MessageGroupId: string) =>
        ask(form, 'SendMessage', { QueueUrl, MessageBody, MessageGroupId })
      const receive = async (MaxNumberOfMessages: number, VisibilityTimeout: number) =>
        (await ask(form, 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages, VisibilityTimeout })).all('Body')
      for (let i = 0; i < 6; i++) await send(`n${i}`, 'noisy')
      assert.deepEqual(await receive(1, 10), ['n0'])
      assert.deepEqual(await receive(2, 60), ['n1', 'n2'])
      await send('q0', 'quiet')
      assert.deepEqual(await receive(2, 60), ['n3', 'q0'])
      await move(10_000)
      assert.deepEqual((await receive(2, 60)).sort(), ['n0', 'n4'])
    })

    test('in a fair queue the messages without a group are one group together', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      const send = (MessageBody: string, MessageGroupId?: string) =>
        ask(form, 'SendMessage', { QueueUrl, MessageBody, ...(MessageGroupId !== undefined && { MessageGroupId }) })
      await send('g0', 'g')
      for (const body of ['1', '2', '3']) await send(body)
      await send('q0', 'q')
      const received = await ask(form, 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })
      assert.deepEqual(received.all('Body'), ['g0', '1', 'q0', '2', '3'])
    })

    test('groups of a FIFO queue come in the order of their oldest message', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' })
      for (const MessageBody of ['g1', 'h1', 'g2'])
        await ask(form, 'SendMessage', { QueueUrl, MessageBody, MessageGroupId: MessageBody.charAt(0) })
      const receive = (MaxNumberOfMessages: number) =>
        ask(form, 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages, VisibilityTimeout: 0 })
      assert.deepEqual((await receive(2)).all('Body'), ['g1', 'g2'])
      assert.deepEqual((await receive(10)).all('Body'), ['g1', 'g2', 'h1'])
    })

    test('a queue can’t be its own dead-letter queue', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      const RedrivePolicy = JSON.stringify({
        deadLetterTargetArn: 'arn:aws:sqs:us-east-1:000000000000:a',
        maxReceiveCount: 1,
      })
      const set = await ask(form, 'SetQueueAttributes', { QueueUrl, Attributes: { RedrivePolicy } })
      assert.match(set.code ?? '', /^InvalidParameterValue/)
    })

    test('a queue may be made again at once, and as another; made as it is, it is there', async (t) => {
      const { ask, create } = await serve(t)
      const make = (VisibilityTimeout: string) =>
        ask(form, 'CreateQueue', { QueueName: 'a', Attributes: { VisibilityTimeout } })
      const QueueUrl = await create('a', { VisibilityTimeout: '5' })
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'old' })
      assert.equal((await make('5')).one('QueueUrl'), QueueUrl)
      assert.notEqual((await make('6')).status, 200)
      await ask(form, 'DeleteQueue', { QueueUrl })
      assert.equal((await make('6')).one('QueueUrl'), QueueUrl)
      assert.deepEqual((await ask(form, 'ReceiveMessage', { QueueUrl })).all('Body'), [])
    })

    test('a changed attribute holds for the next request', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a.fifo', { FifoQueue: 'true' })
      const sent = { QueueUrl, MessageBody: 'x', MessageDeduplicationId: 'd' }
      const send = async (MessageGroupId: string) =>
        (await ask(form, 'SendMessage', { ...sent, MessageGroupId })).one('MessageId')
      const first = await send('a')
      assert.equal(await send('b'), first)
      const Attributes = { DeduplicationScope: 'messageGroup' }
      await ask(form, 'SetQueueAttributes', { QueueUrl, Attributes })
      assert.notEqual(await send('c'), first)
    })

    test('a new retention period holds for messages sent from then on', async (t) => {
      const { ask, create, move } = await serve(t)
      const QueueUrl = await create('a', { MessageRetentionPeriod: '60' })
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'before' })
      await ask(form, 'SetQueueAttributes', { QueueUrl, Attributes: { MessageRetentionPeriod: '3600' } })
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'after' })
      await move(61_000)
      const received = await ask(form, 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })
      assert.deepEqual(received.all('Body'), ['after'])
    })

    test('a new delay of a FIFO queue holds for messages sent from then on', async (t) => {
      const { ask, create, move } = await serve(t)
      const attributes = { FifoQueue: 'true', ContentBasedDeduplication: 'true', DelaySeconds: '10' }
      const QueueUrl = await create('a.fifo', attributes)
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'before', MessageGroupId: 'a' })
      await ask(form, 'SetQueueAttributes', { QueueUrl, Attributes: { DelaySeconds: '0' } })
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'after', MessageGroupId: 'b' })
      const receive = async () => (await ask(form, 'ReceiveMessage', { QueueUrl })).all('Body')
      assert.deepEqual(await receive(), ['after'])
      await move(10_000)
      assert.deepEqual(await receive(), ['before'])
    })

    test('in a standard dead-letter queue the retention period counts from its coming there', async (t) => {
      const { ask, create, move } = await serve(t)
      const dead = await create('dead', { MessageRetentionPeriod: '60' })
      const RedrivePolicy = JSON.stringify({
        deadLetterTargetArn: 'arn:aws:sqs:us-east-1:000000000000:dead',
        maxReceiveCount: 1,
      })
      const QueueUrl = await create('a', { RedrivePolicy, VisibilityTimeout: '10' })
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x' })
      await move(100_000)
      await ask(form, 'ReceiveMessage', { QueueUrl })
      await move(10_000)
      await move(59_000)
      const receive = async () =>
        (await ask(form, 'ReceiveMessage', { QueueUrl: dead, VisibilityTimeout: 0 })).all('Body')
      assert.deepEqual(await receive(), ['x'])
      await move(2000)
      assert.deepEqual(await receive(), [])
    })

    test('KMS attributes are kept and encrypt nothing; a policy is kept and decides nothing', async (t) => {
      const { ask, create, store } = await serve(t)
      const QueueUrl = await create('a')
      const Attributes = {
        KmsMasterKeyId: 'alias/mine',
        KmsDataKeyReusePeriodSeconds: '600',
        SqsManagedSseEnabled: 'false',
        Policy: JSON.stringify({
          Version: '2012-10-17',
          Statement: [{ Effect: 'Deny', Principal: '*', Action: 'SQS:*', Resource: '*' }],
        }),
      }
      assert.equal((await ask(form, 'SetQueueAttributes', { QueueUrl, Attributes })).status, 200)
      const got = await ask(form, 'GetQueueAttributes', { QueueUrl, AttributeNames: Object.keys(Attributes) })
      for (const [name, value] of Object.entries(Attributes)) assert.equal(got.one(name), value, name)
      assert.equal((await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'in the clear' })).status, 200)
      const { jobs } = await store.look({ where: { queue: 'default/a', states: ['ready'] }, limit: 1, with: ['body'] })
      assert.equal(Buffer.from(jobs[0]?.body ?? []).toString(), 'in the clear')
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl })).one('Body'), 'in the clear')
    })

    test('a smaller limit in flight is asked for by a tag: over it, a FIFO queue gives nothing', async (t) => {
      const { ask, create } = await serve(t)
      for (const [name, attributes] of [
        ['a', {}],
        ['a.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' }],
      ] as const) {
        const QueueUrl = await create(name, attributes)
        await ask(form, 'TagQueue', { QueueUrl, Tags: { 'queueup:max-in-flight': '1' } })
        for (const MessageBody of ['1', '2'])
          await ask(form, 'SendMessage', {
            ...{ QueueUrl, MessageBody },
            ...(name === 'a.fifo' && { MessageGroupId: MessageBody }),
          })
        const receive = () => ask(form, 'ReceiveMessage', { QueueUrl })
        assert.equal((await receive()).one('Body'), '1')
        const over = await receive()
        assert.equal(over.one('Body'), undefined)
        assert.equal(over.code, name === 'a' ? 'OverLimit' : undefined, over.text)
        await ask(form, 'UntagQueue', { QueueUrl, TagKeys: ['queueup:max-in-flight'] })
        assert.equal((await receive()).one('Body'), '2')
      }
    })

    test('queues of another account are not there', async (t) => {
      const { ask, create, origin } = await serve(t)
      const QueueUrl = await create('a')
      const find = (QueueOwnerAWSAccountId: string) =>
        ask(form, 'GetQueueUrl', { QueueName: 'a', QueueOwnerAWSAccountId })
      assert.equal((await find('000000000000')).one('QueueUrl'), QueueUrl)
      const none = /QueueDoesNotExist|NonExistentQueue/
      assert.match((await find('111122223333')).code ?? '', none)
      const theirs = { QueueUrl: `${origin}/111122223333/a`, MessageBody: 'x' }
      assert.match((await ask(form, 'SendMessage', theirs)).code ?? '', none)
    })

    test('what changes anything is on the disk when it is answered; what only asks writes nothing', async (t) => {
      const { ask, create, store } = await serve(t)
      const QueueUrl = await create('a')
      const batch = (action: string, list: readonly object[]) => ({ QueueUrl, ...entries(form, action, list) })
      const writes = async (action: string, input: object): Promise<string | undefined> => {
        store.forget()
        const reply = await ask(form, action, input)
        assert.equal(reply.status, 200, `${action}: ${reply.text}`)
        const units = store.commits.flat().filter(({ ops }) => ops.length > 0 && ops[0]?.do !== 'due')
        assert.ok(units.length > 0, `${action} is written down`)
        for (const { unsynced } of units) assert.notEqual(unsynced, true, `${action} waits for the disk`)
        return reply.one('ReceiptHandle')
      }
      await writes('CreateQueue', { QueueName: 'b' })
      await writes('SetQueueAttributes', { QueueUrl, Attributes: { DelaySeconds: '0' } })
      await writes('TagQueue', { QueueUrl, Tags: { a: '1' } })
      await writes('AddPermission', { QueueUrl, Label: 'l', AWSAccountIds: ['111122223333'], Actions: ['*'] })
      await writes('SendMessage', { QueueUrl, MessageBody: '1' })
      await writes('SendMessageBatch', batch('SendMessageBatch', [{ Id: 'a', MessageBody: '2' }]))
      const [ReceiptHandle, other] = [
        await writes('ReceiveMessage', { QueueUrl }),
        await writes('ReceiveMessage', { QueueUrl }),
      ]
      await writes('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: 9 })
      const list = [{ Id: 'a', ReceiptHandle: other, VisibilityTimeout: 9 }]
      await writes('ChangeMessageVisibilityBatch', batch('ChangeMessageVisibilityBatch', list))
      await writes('DeleteMessage', { QueueUrl, ReceiptHandle })
      await writes('DeleteMessageBatch', batch('DeleteMessageBatch', [{ Id: 'a', ReceiptHandle: other }]))

      store.forget()
      for (const [action, input] of [
        ['ListQueues', {}],
        ['GetQueueUrl', { QueueName: 'a' }],
        ['GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] }],
        ['ListQueueTags', { QueueUrl }],
        ['ListDeadLetterSourceQueues', { QueueUrl }],
        ['ListMessageMoveTasks', { SourceArn: 'arn:aws:sqs:us-east-1:000000000000:a' }],
      ] as const)
        assert.equal((await ask(form, action, input)).status, 200, action)
      assert.deepEqual(
        store.ops.filter((op) => op !== 'due'),
        [],
      )
    })
  })

test('the Query form answers in XML, whatever is accepted', async (t) => {
  const { origin } = await serve(t)
  const reply = await fetch(`${origin}/?Action=ListQueues`, { headers: { Accept: 'application/json' } })
  assert.equal(reply.headers.get('content-type'), 'text/xml')
  assert.match(await reply.text(), /<ListQueuesResponse/)
})
