import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { entries, FORMS, serve } from './served.ts'

for (const form of FORMS)
  describe(`fair queues over ${form}`, { concurrency: true }, () => {
    test('a standard queue becomes fair with its first message that has a group: a noisy tenant holds up no other', async (t) => {
      const { ask, create, store } = await serve(t)
      const QueueUrl = await create('a')
      const policy = async () =>
        (await store.records(0)).changed.find(({ key }) => key === 'queue/default/a')?.value as { groups?: string }
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'none' })
      assert.equal((await policy()).groups, undefined, 'who sends no groups pays nothing for them')
      for (let i = 0; i < 30; i++) {
        const list = Array.from({ length: 10 }, (_, k) => ({
          Id: `${k}`,
          MessageBody: `noisy${i}${k}`,
          MessageGroupId: 'noisy',
        }))
        const sent = await ask(form, 'SendMessageBatch', { QueueUrl, ...entries(form, 'SendMessageBatch', list) })
        assert.equal(sent.all('MessageId').length, 10, sent.text)
      }
      assert.equal((await policy()).groups, 'fair')
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'quiet', MessageGroupId: 'quiet' })
      const received = await ask(form, 'ReceiveMessage', {
        QueueUrl,
        MaxNumberOfMessages: 4,
        AttributeNames: ['MessageGroupId', 'SequenceNumber'],
      })
      assert.deepEqual(received.all('Body'), ['none', 'noisy00', 'quiet', 'noisy01'])
      assert.deepEqual(received.all('MessageGroupId'), ['noisy', 'quiet', 'noisy'])
      assert.deepEqual(received.all('SequenceNumber'), [])
    })

    test('messages of a group come while others of it are in flight, in a dead-letter queue, too', async (t) => {
      const { ask, create } = await serve(t)
      const dead = await create('dead')
      const QueueUrl = await create('a', {
        VisibilityTimeout: '0',
        RedrivePolicy: JSON.stringify({
          deadLetterTargetArn: 'arn:aws:sqs:us-east-1:000000000000:dead',
          maxReceiveCount: 1,
        }),
      })
      for (const MessageBody of ['1', '2', '3'])
        await ask(form, 'SendMessage', { QueueUrl, MessageBody, MessageGroupId: 'g' })
      const received = await ask(form, 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 60 })
      assert.deepEqual(received.all('Body'), ['1', '2', '3'])
      for (const ReceiptHandle of received.all('ReceiptHandle'))
        await ask(form, 'ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: 0 })
      const letters = await ask(form, 'ReceiveMessage', {
        QueueUrl: dead,
        MaxNumberOfMessages: 10,
        AttributeNames: ['MessageGroupId'],
      })
      assert.deepEqual(letters.all('Body'), ['1', '2', '3'])
      assert.deepEqual(letters.all('MessageGroupId'), ['g', 'g', 'g'])
    })

    test('a queue whose policy says that groups are ordered gives the id back, and makes nothing of it', async (t) => {
      const { ask, create, broker, store } = await serve(t)
      const QueueUrl = await create('a')
      await store.commit([{ ops: [{ do: 'record', key: 'queue/default/a', value: { groups: 'ordered' } }] }])[0]
      await broker.records.refresh()
      for (const MessageBody of ['1', '2'])
        await ask(form, 'SendMessage', { QueueUrl, MessageBody, MessageGroupId: 'g' })
      const received = await ask(form, 'ReceiveMessage', {
        QueueUrl,
        MaxNumberOfMessages: 10,
        AttributeNames: ['MessageGroupId'],
      })
      assert.deepEqual(received.all('Body'), ['1', '2'])
      assert.deepEqual(received.all('MessageGroupId'), ['g', 'g'])
    })
  })
