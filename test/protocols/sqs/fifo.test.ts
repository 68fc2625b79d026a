import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { settle } from '../../broker/open.ts'
import { entries, FORMS, serve } from './served.ts'

for (const form of FORMS)
  describe(`FIFO queues over ${form}`, { concurrency: true }, () => {
    test('a group is in order, and closed while one of it is in flight', async (t) => {
      const { ask, create, move } = await serve(t)
      const QueueUrl = await create('a.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' })
      const send = (MessageBody: string, MessageGroupId: string) =>
        ask(form, 'SendMessage', { QueueUrl, MessageBody, MessageGroupId })
      const numbers: string[] = []
      for (const [body, group] of [
        ['a1', 'a'],
        ['a2', 'a'],
        ['b1', 'b'],
        ['a3', 'a'],
      ] as const)
        numbers.push((await send(body, group)).one('SequenceNumber') ?? '')
      assert.deepEqual(numbers, numbers.toSorted())
      assert.equal(numbers[0]?.length, 20)
      const receive = (MaxNumberOfMessages: number) =>
        ask(form, 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages, AttributeNames: ['All'], VisibilityTimeout: 10 })
      const first = await receive(2)
      assert.deepEqual(first.all('Body'), ['a1', 'a2'])
      assert.deepEqual(first.all('MessageGroupId'), ['a', 'a'])
      assert.deepEqual(first.all('SequenceNumber'), numbers.slice(0, 2))
      assert.deepEqual((await receive(10)).all('Body'), ['b1'])
      const [one = '', two = ''] = first.all('ReceiptHandle')
      await ask(form, 'DeleteMessage', { QueueUrl, ReceiptHandle: one })
      assert.deepEqual((await receive(10)).all('Body'), [])
      await move(10_000)
      assert.deepEqual((await receive(10)).all('Body').sort(), ['a2', 'a3', 'b1'])
      const late = await ask(form, 'DeleteMessage', { QueueUrl, ReceiptHandle: two })
      assert.equal(late.code, form === 'json' ? 'InvalidParameterValueException' : 'InvalidParameterValue')
      assert.match(late.text, /receipt handle has expired/)
    })

    test('a message may have no delay but none, and a standard queue numbers nothing', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' })
      const send = (DelaySeconds: number) =>
        ask(form, 'SendMessage', { QueueUrl, MessageBody: `${DelaySeconds}`, MessageGroupId: 'a', DelaySeconds })
      assert.equal((await send(0)).status, 200)
      assert.equal((await send(1)).status, 400)
      const sent = await ask(form, 'SendMessage', { QueueUrl: await create('a'), MessageBody: 'x' })
      assert.equal(sent.one('SequenceNumber'), undefined)
    })

    test('a receive that may wait gets several of one group, too, in their order', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' })
      for (const MessageBody of ['1', '2', '3'])
        await ask(form, 'SendMessage', { QueueUrl, MessageBody, MessageGroupId: 'a' })
      const received = await ask(form, 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 20 })
      assert.deepEqual(received.all('Body'), ['1', '2', '3'])
    })

    test('whose time is over may neither delete nor keep a message; what is deleted is deleted', async (t) => {
      const { ask, create, move } = await serve(t)
      const QueueUrl = await create('a.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' })
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x', MessageGroupId: 'a' })
      const receive = async () =>
        (await ask(form, 'ReceiveMessage', { QueueUrl, VisibilityTimeout: 10 })).one('ReceiptHandle')
      const late = { QueueUrl, ReceiptHandle: await receive() }
      await move(10_000)
      for (const [action, more] of [
        ['DeleteMessage', {}],
        ['ChangeMessageVisibility', { VisibilityTimeout: 60 }],
      ] as const)
        assert.match((await ask(form, action, { ...late, ...more })).text, /receipt handle has expired/)
      const own = { QueueUrl, ReceiptHandle: await receive() }
      for (let i = 0; i < 2; i++) assert.equal((await ask(form, 'DeleteMessage', own)).status, 200)
    })

    test('a second message of an id is the first one for five minutes, deleted or not; a purge forgets it', async (t) => {
      const { ask, create, move } = await serve(t)
      const QueueUrl = await create('a.fifo', { FifoQueue: 'true' })
      const send = (MessageGroupId = 'g') =>
        ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x', MessageGroupId, MessageDeduplicationId: 'd' })
      const first = (await send()).one('MessageId')
      assert.equal((await send('other')).one('MessageId'), first)
      const received = await ask(form, 'ReceiveMessage', { QueueUrl, AttributeNames: ['MessageDeduplicationId'] })
      assert.equal(received.one('MessageDeduplicationId'), 'd')
      await ask(form, 'DeleteMessage', { QueueUrl, ReceiptHandle: received.one('ReceiptHandle') })
      await move(299_000)
      assert.equal((await send()).one('MessageId'), first)
      await move(1001)
      const second = (await send()).one('MessageId')
      assert.notEqual(second, first)
      await ask(form, 'PurgeQueue', { QueueUrl })
      assert.notEqual((await send()).one('MessageId'), second)
    })

    test('a queue that is made again knows no id of the one before', async (t) => {
      const { ask, create, move } = await serve(t)
      const made = async () => {
        await move(1)
        return create('a.fifo', { FifoQueue: 'true' })
      }
      const QueueUrl = await made()
      const sent = { QueueUrl, MessageBody: 'x', MessageGroupId: 'g', MessageDeduplicationId: 'd' }
      const first = (await ask(form, 'SendMessage', sent)).one('MessageId')
      await ask(form, 'DeleteQueue', { QueueUrl })
      await made()
      const second = (await ask(form, 'SendMessage', sent)).one('MessageId')
      assert.notEqual(second, first)
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl })).one('MessageId'), second)
      assert.equal((await ask(form, 'SendMessage', sent)).one('MessageId'), second)
    })

    test('the scope of an id may be its group', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a.fifo', {
        FifoQueue: 'true',
        ContentBasedDeduplication: 'true',
        DeduplicationScope: 'messageGroup',
        FifoThroughputLimit: 'perMessageGroupId',
      })
      const send = async (MessageGroupId: string) =>
        (await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x', MessageGroupId })).one('MessageId')
      const a = await send('a')
      assert.notEqual(await send('b'), a)
      assert.equal(await send('a'), a)
    })

    test('a group is closed by one that was given back, and opens when its first leaves in whatever way', async (t) => {
      const { ask, create, move } = await serve(t)
      await create('dead.fifo', { FifoQueue: 'true' })
      const QueueUrl = await create('a.fifo', {
        ...{ FifoQueue: 'true', ContentBasedDeduplication: 'true', VisibilityTimeout: '10' },
        MessageRetentionPeriod: '60',
        RedrivePolicy: JSON.stringify({
          deadLetterTargetArn: 'arn:aws:sqs:us-east-1:000000000000:dead.fifo',
          maxReceiveCount: 3,
        }),
      })
      const receive = (MaxNumberOfMessages = 1) => ask(form, 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages })
      for (const MessageBody of ['1', '2', '3', '4'])
        await ask(form, 'SendMessage', { QueueUrl, MessageBody, MessageGroupId: 'g' })

      // The middle one of three comes back first: it is behind the first, and the third stays behind it.
      const [, two, three] = (await receive(3)).all('ReceiptHandle')
      await ask(form, 'ChangeMessageVisibility', { QueueUrl, ReceiptHandle: two, VisibilityTimeout: 0 })
      assert.deepEqual((await receive(10)).all('Body'), [])
      assert.equal((await ask(form, 'DeleteMessage', { QueueUrl, ReceiptHandle: three })).status, 200)
      await move(10_000)
      assert.deepEqual((await receive(10)).all('Body'), ['1', '2', '4'])
      await move(10_000)

      // Received too often, it leaves; the next is the first.
      assert.deepEqual((await receive()).all('Body'), ['1'])
      await move(10_000)
      const received = await receive()
      assert.deepEqual(received.all('Body'), ['2'])
      await ask(form, 'DeleteMessage', { QueueUrl, ReceiptHandle: received.one('ReceiptHandle') })
      assert.deepEqual((await receive()).all('Body'), ['4'])
    })

    test('an id is remembered by its queue, also of a message that was moved away', async (t) => {
      const { ask, create, move } = await serve(t)
      const dead = await create('dead.fifo', { FifoQueue: 'true' })
      const QueueUrl = await create('a.fifo', {
        ...{ FifoQueue: 'true', VisibilityTimeout: '1' },
        RedrivePolicy: JSON.stringify({
          deadLetterTargetArn: 'arn:aws:sqs:us-east-1:000000000000:dead.fifo',
          maxReceiveCount: 1,
        }),
      })
      const send = (QueueUrl: string) =>
        ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x', MessageGroupId: 'g', MessageDeduplicationId: 'd' })
      const id = (await send(QueueUrl)).one('MessageId')
      await ask(form, 'ReceiveMessage', { QueueUrl })
      await move(1000)
      assert.equal((await send(QueueUrl)).one('MessageId'), id)
      const other = (await send(dead)).one('MessageId')
      assert.notEqual(other, id)
      // One group there, too, and in order.
      const letters = await ask(form, 'ReceiveMessage', { QueueUrl: dead, MaxNumberOfMessages: 10 })
      assert.deepEqual(letters.all('MessageId'), [id, other])
    })

    test('an attempt gets the same messages again while nobody has touched them', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' })
      for (const MessageBody of ['1', '2', '3'])
        await ask(form, 'SendMessage', { QueueUrl, MessageBody, MessageGroupId: 'g' })
      const again = { QueueUrl, MaxNumberOfMessages: 2, ReceiveRequestAttemptId: 'attempt' }
      const first = await ask(form, 'ReceiveMessage', again)
      assert.deepEqual(first.all('Body'), ['1', '2'])
      assert.deepEqual((await ask(form, 'ReceiveMessage', again)).all('MessageId'), first.all('MessageId'))
      await ask(form, 'DeleteMessage', { QueueUrl, ReceiptHandle: first.one('ReceiptHandle') })
      assert.deepEqual((await ask(form, 'ReceiveMessage', again)).all('Body'), [])

      // Also where it gives them back at once.
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: '4', MessageGroupId: 'h' })
      for (const VisibilityTimeout of [30, 0]) {
        const reply = await ask(form, 'ReceiveMessage', {
          ...{ QueueUrl, VisibilityTimeout },
          ReceiveRequestAttemptId: 'other',
        })
        assert.deepEqual(reply.all('Body'), ['4'])
      }
    })

    test('an attempt gets the same receipt handles, and nothing once a visibility was changed', async (t) => {
      const { ask, create, move } = await serve(t)
      const QueueUrl = await create('a.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' })
      for (const MessageBody of ['1', '2'])
        await ask(form, 'SendMessage', { QueueUrl, MessageBody, MessageGroupId: 'g' })
      const again = { QueueUrl, MaxNumberOfMessages: 2, ReceiveRequestAttemptId: 'attempt' }
      const handles = (await ask(form, 'ReceiveMessage', again)).all('ReceiptHandle')
      for (let i = 0; i < 2; i++) {
        await move(20_000)
        assert.deepEqual((await ask(form, 'ReceiveMessage', again)).all('ReceiptHandle'), handles)
      }
      const [, ReceiptHandle] = handles
      await ask(form, 'ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: 100 })
      assert.deepEqual((await ask(form, 'ReceiveMessage', again)).all('Body'), [])
      await move(99_000)
      assert.deepEqual((await ask(form, 'ReceiveMessage', again)).all('Body'), ['1'])
    })

    test('an attempt that is repeated and hung up gives back nothing that its first answer told of', async (t) => {
      const { ask, create, store } = await serve(t)
      const QueueUrl = await create('a.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' })
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: '1', MessageGroupId: 'g' })
      const again = { QueueUrl, ReceiveRequestAttemptId: 'attempt' }
      const first = await ask(form, 'ReceiveMessage', again)
      assert.equal(first.one('Body'), '1')
      let open = (): void => undefined
      store.gate = new Promise((resolve) => (open = resolve))
      store.forget()
      const hangUp = new AbortController()
      const second = ask(form, 'ReceiveMessage', again, hangUp.signal).catch(() => undefined)
      while (!store.ops.includes('touch')) await settle()
      hangUp.abort()
      await second
      // The server hears of it by a connection that comes after.
      await ask(form, 'GetQueueUrl', { QueueName: 'a.fifo' })
      store.gate = undefined
      open()
      for (let i = 0; i < 20; i++) await settle()
      const other = await ask(form, 'ReceiveMessage', { QueueUrl })
      const ReceiptHandle = first.one('ReceiptHandle')
      const deleted = await ask(form, 'DeleteMessage', { QueueUrl, ReceiptHandle })
      await settle()
      assert.equal(other.one('Body'), undefined)
      assert.equal(deleted.status, 200)
    })

    test('a batch with a message that has no place in the order is refused as a whole', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a.fifo', { FifoQueue: 'true' })
      const good = { Id: 'a', MessageBody: 'x', MessageGroupId: 'g', MessageDeduplicationId: 'd' }
      for (const [bad, text] of [
        [{ Id: 'b', MessageBody: 'x', MessageDeduplicationId: 'e' }, /must contain the parameter MessageGroupId\./],
        [{ Id: 'b', MessageBody: 'x', MessageGroupId: 'g' }, /or MessageDeduplicationId provided explicitly/],
      ] as const) {
        const reply = await ask(form, 'SendMessageBatch', {
          QueueUrl,
          ...entries(form, 'SendMessageBatch', [good, bad]),
        })
        assert.equal(reply.status, 400)
        assert.match(reply.code ?? '', /^InvalidParameterValue/)
        assert.match(reply.text, text)
      }
      assert.deepEqual((await ask(form, 'ReceiveMessage', { QueueUrl })).all('Body'), [])
    })

    test('what a FIFO queue asks for, and what it refuses', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a.fifo', { FifoQueue: 'true' })
      const invalid = form === 'json' ? 'InvalidParameterValueException' : 'InvalidParameterValue'
      const missing = form === 'json' ? 'MissingRequiredParameterException' : 'MissingParameter'
      for (const [input, code] of [
        [{}, missing],
        [{ MessageGroupId: 'g' }, invalid],
        [{ MessageGroupId: 'g h', MessageDeduplicationId: 'd' }, invalid],
        [{ MessageGroupId: 'g', MessageDeduplicationId: 'x'.repeat(129) }, invalid],
        [{ MessageGroupId: 'g', MessageDeduplicationId: 'd', DelaySeconds: 1 }, invalid],
      ] as const)
        assert.equal((await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x', ...input })).code, code)
    })
  })
