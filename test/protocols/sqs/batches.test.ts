import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { entries, FORMS, serve } from './served.ts'

const LACKS = (member: string) => `The request must contain the parameter ${member}.`

for (const form of FORMS)
  describe(`what a batch lacks, over ${form}`, () => {
    const message = form === 'json' ? 'message' : 'Message'

    test('an entry that lacks something fails by itself; without an id there is none to tell of', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      const batch = (action: string, list: object[]) => ask(form, action, { QueueUrl, ...entries(form, action, list) })
      const sent = await batch('SendMessageBatch', [
        { Id: 'a', MessageBody: 'x' },
        { Id: 'b', MessageBody: '' },
        { Id: 'c', DelaySeconds: 0 },
        { Id: 'd', MessageBody: 'y' },
      ])
      assert.equal(sent.status, 200)
      assert.equal(sent.all('MessageId').length, 2)
      assert.deepEqual(sent.all('Code'), ['EmptyValue', 'EmptyValue'])
      assert.deepEqual(sent.all('Message'), [
        'No Value Found for SendMessageBatchRequestEntry.2.MessageBody.',
        'No Value Found for SendMessageBatchRequestEntry.3.MessageBody.',
      ])
      const ReceiptHandle = (await ask(form, 'ReceiveMessage', { QueueUrl })).one('ReceiptHandle')
      const deleted = await batch('DeleteMessageBatch', [{ Id: 'a' }, { Id: 'b', ReceiptHandle }])
      assert.deepEqual(deleted.all('Message'), ['No Value Found for DeleteMessageBatchRequestEntry.1.ReceiptHandle.'])
      assert.deepEqual(deleted.all('Id').sort(), ['a', 'b'])
      const changed = await batch('ChangeMessageVisibilityBatch', [
        { Id: 'a', ReceiptHandle: 'x', VisibilityTimeout: 0 },
        { Id: 'b', ReceiptHandle: 'x' },
      ])
      assert.equal(changed.all('Message')[1], LACKS('ChangeMessageVisibilityBatchRequestEntry.2.VisibilityTimeout'))
      assert.deepEqual(changed.all('Code'), ['ReceiptHandleIsInvalid', 'MissingParameter'])
      const none = await batch('SendMessageBatch', [{ Id: 'a', MessageBody: 'x' }, { MessageBody: 'y' }])
      assert.equal(none.one(message), LACKS('SendMessageBatchRequestEntry.2.Id'))
      assert.equal(none.status, 400)
    })

    test('of an entry the service gives the reason alone', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      const batch = (action: string, list: object[]) => ask(form, action, { QueueUrl, ...entries(form, action, list) })
      const sent = await batch('SendMessageBatch', [
        { Id: 'a', MessageBody: 'x', MessageDeduplicationId: 'd' },
        { Id: 'b', MessageBody: 'x', MessageGroupId: ' ' },
        { Id: 'c', MessageBody: 'x', DelaySeconds: 1800 },
        { Id: 'd', MessageBody: 'x' },
      ])
      assert.deepEqual(sent.all('Message'), [
        'The request include parameter that is not valid for this queue type',
        'MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length',
        'Value 1800 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.',
      ])
      assert.deepEqual(new Set(sent.all('Code')), new Set(['InvalidParameterValue']))
      const ReceiptHandle = (await ask(form, 'ReceiveMessage', { QueueUrl })).one('ReceiptHandle')
      await ask(form, 'DeleteMessage', { QueueUrl, ReceiptHandle })
      const changed = await batch('ChangeMessageVisibilityBatch', [{ Id: 'a', ReceiptHandle, VisibilityTimeout: 1 }])
      assert.equal(changed.one('Code'), 'ReceiptHandleIsInvalid')
      assert.equal(changed.one('Message'), 'Message does not exist or is not available for visibility timeout change')
      const one = await ask(form, 'ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: 1 })
      assert.match(one.one(message) ?? '', /^Value .* for parameter ReceiptHandle is invalid. Reason: Message does not/)
    })

    test('what is wrong with one message for a FIFO queue is wrong with its batch', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a.fifo', { FifoQueue: 'true', MaximumMessageSize: '1024' })
      const right = { Id: 'r', MessageBody: 'x', MessageGroupId: 'g', MessageDeduplicationId: 'r' }
      const text = async (wrong: object) => {
        const list = [right, { ...right, Id: 'w', MessageDeduplicationId: 'w', ...wrong }]
        const reply = await ask(form, 'SendMessageBatch', { QueueUrl, ...entries(form, 'SendMessageBatch', list) })
        assert.equal(reply.status, 400)
        return reply.one(message)
      }
      assert.equal(await text({ MessageBody: '' }), LACKS('SendMessageBatchRequestEntry.2.MessageBody'))
      assert.equal(
        await text({ DelaySeconds: 3 }),
        'Value 3 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.',
      )
      assert.equal(
        await text({ MessageBody: 'x'.repeat(1025) }),
        'One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.',
      )
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl })).one('Body'), undefined)
    })

    test('a batch is as long as all its messages, also those that are too long by themselves', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a', { MaximumMessageSize: '1024' })
      const sized = (last: number) =>
        ask(form, 'SendMessageBatch', {
          QueueUrl,
          ...entries(form, 'SendMessageBatch', [
            { Id: 'a', MessageBody: 'x'.repeat(1 << 19) },
            { Id: 'b', MessageBody: 'x'.repeat((1 << 19) - 13) },
            {
              Id: 'c',
              MessageBody: 'x'.repeat(last),
              MessageAttributes: { abc: { DataType: 'Number', StringValue: '1' } },
            },
          ]),
        })
      const fits = await sized(3)
      assert.equal(fits.all('MessageId').length, 1)
      assert.deepEqual(fits.all('Code'), ['InvalidParameterValue', 'InvalidParameterValue'])
      const over = await sized(4)
      assert.equal(
        over.one(message),
        'Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.',
      )
    })
  })
