import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { entries, FORMS, serve } from './served.ts'

for (const form of FORMS)
  describe(`messages over ${form}`, { concurrency: true }, () => {
    test('what is sent is received, deleted, and gone', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      const MessageBody = 'hällo "<&>\r\n\t'
      const sent = await ask(form, 'SendMessage', {
        QueueUrl,
        MessageBody,
        MessageAttributes: {
          'a.b': { DataType: 'String', StringValue: 'x' },
          n: { DataType: 'Number.int', StringValue: '-1.5e3' },
          bin: { DataType: 'Binary', BinaryValue: 'AAEC' },
        },
        MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: 'Root=1' } },
      })
      assert.equal(sent.status, 200, sent.text)
      // As boto3 and the SDK for JavaScript compute them.
      assert.equal(sent.one('MD5OfMessageSystemAttributes'), 'd6619b3d47b81d3fc72c0db005a70eda')
      const received = await ask(form, 'ReceiveMessage', {
        QueueUrl,
        AttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      })
      assert.equal(received.one('Body'), MessageBody)
      assert.equal(received.one('MessageId'), sent.one('MessageId'))
      assert.equal(received.one('MD5OfBody'), sent.one('MD5OfMessageBody'))
      assert.equal(received.one('MD5OfMessageAttributes'), sent.one('MD5OfMessageAttributes'))
      assert.equal(received.one('BinaryValue'), 'AAEC')
      assert.equal(received.one('AWSTraceHeader'), 'Root=1')
      assert.equal(received.one('ApproximateReceiveCount'), '1')
      const handle = { QueueUrl, ReceiptHandle: received.one('ReceiptHandle') }
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl })).one('Body'), undefined)
      assert.equal((await ask(form, 'DeleteMessage', handle)).status, 200)
      assert.equal((await ask(form, 'DeleteMessage', handle)).status, 200, 'a second delete succeeds')
      const stats = await ask(form, 'GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })
      assert.equal(stats.one('ApproximateNumberOfMessages'), '0')
      assert.equal(stats.one('ApproximateNumberOfMessagesNotVisible'), '0')
    })

    test('attributes are chosen by name, prefix, or all', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a', { VisibilityTimeout: '0' })
      const value = { DataType: 'String', StringValue: 'x' }
      await ask(form, 'SendMessage', {
        QueueUrl,
        MessageBody: 'x',
        MessageAttributes: { 'a.b': value, 'a.c': value, d: value },
      })
      for (const [asked, expected] of [
        [[], 0],
        [['d'], 1],
        [['a.*'], 2],
        [['.*'], 3],
        [['All'], 3],
        [['*'], 3],
        [['nothing'], 0],
      ] as const) {
        const received = await ask(form, 'ReceiveMessage', { QueueUrl, MessageAttributeNames: asked })
        assert.equal(received.all('StringValue').length, expected, asked.join())
      }
    })

    test('of attributes of the service those are told that it knows, and names of others are passed over', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a', { VisibilityTimeout: '0' })
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x' })
      for (const name of ['AttributeNames', 'MessageSystemAttributeNames']) {
        const none = await ask(form, 'ReceiveMessage', { QueueUrl, [name]: ['Nonsense'] })
        assert.equal(none.one('Body'), 'x', none.text)
        assert.doesNotMatch(none.text, /Attribute/)
        // The older models name those of queues for it.
        const some = await ask(form, 'ReceiveMessage', { QueueUrl, [name]: ['Policy', 'SenderId'] })
        assert.equal(some.one('SenderId'), 'anonymous', some.text)
      }
    })

    test('an attribute is called by letters of any alphabet, digits, and - _ . between them', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      const send = (name: string) =>
        ask(form, 'SendMessage', {
          QueueUrl,
          MessageBody: 'x',
          MessageAttributes: { [name]: { DataType: 'String', StringValue: 'x' } },
        })
      for (const name of ['a', '1', 'a-b_c.D9', 'attr.1øßä', 'L'.repeat(256)]) {
        const sent = await send(name)
        assert.equal(sent.status, 200, name)
        const received = await ask(form, 'ReceiveMessage', { QueueUrl, MessageAttributeNames: [name] })
        assert.equal(received.one('MD5OfMessageAttributes'), sent.one('MD5OfMessageAttributes'), name)
      }
      for (const name of ['.a', 'a.', 'a..b', 'a b', 'a§', 'a!', 'aWs.a', 'AMAZON.a', 'L'.repeat(257)])
        assert.equal((await send(name)).code?.replace('Exception', ''), 'InvalidParameterValue', name)
    })

    test('the type of an attribute has no character that its value may not have', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      for (const [label, taken] of [
        ['\uFFFD', true],
        ['\uFFFE', false],
        ['\uFFFF', false],
      ] as const) {
        const MessageAttributes = { a: { DataType: `String.${label}`, StringValue: 'x' } }
        const sent = await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x', MessageAttributes })
        assert.equal(sent.code?.replace('Exception', ''), taken ? undefined : 'InvalidParameterValue', label)
      }
    })

    test('of what there is none isn’t told', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      const batch = (MessageBody: string) =>
        ask(form, 'SendMessageBatch', { QueueUrl, ...entries(form, 'SendMessageBatch', [{ Id: 'a', MessageBody }]) })
      assert.doesNotMatch((await batch('x')).text, /Failed/)
      assert.doesNotMatch((await batch('\u0001')).text, /Successful/)
      const received = await ask(form, 'ReceiveMessage', { QueueUrl, AttributeNames: ['SequenceNumber'] })
      assert.equal(received.one('Body'), 'x')
      assert.doesNotMatch(received.text, /Attributes/)
      const { text } = await ask(form, 'ReceiveMessage', { QueueUrl })
      if (form === 'json') assert.equal(text, '{}')
      else assert.match(text, /<ReceiveMessageResult\/>/)
    })

    test('visibility: it comes back when its time is over, at once at 0, and later where it is extended', async (t) => {
      const { ask, create, move } = await serve(t)
      const QueueUrl = await create('a', { VisibilityTimeout: '10' })
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x' })
      const first = (await ask(form, 'ReceiveMessage', { QueueUrl })).one('ReceiptHandle')
      await ask(form, 'ChangeMessageVisibility', { QueueUrl, ReceiptHandle: first, VisibilityTimeout: 20 })
      await move(15_000)
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl })).one('Body'), undefined)
      await move(6000)
      const second = await ask(form, 'ReceiveMessage', { QueueUrl, AttributeNames: ['All'] })
      assert.equal(second.one('ApproximateReceiveCount'), '2')
      const ReceiptHandle = second.one('ReceiptHandle')
      // The older handle succeeds, and deletes nothing.
      assert.equal((await ask(form, 'DeleteMessage', { QueueUrl, ReceiptHandle: first })).status, 200)
      // Nor does it give the message back, or keep it longer.
      for (const VisibilityTimeout of [0, 100]) {
        const older = await ask(form, 'ChangeMessageVisibility', { QueueUrl, ReceiptHandle: first, VisibilityTimeout })
        assert.equal(older.status, 200)
        assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl })).one('Body'), undefined)
      }
      await ask(form, 'ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: 0 })
      const third = await ask(form, 'ReceiveMessage', { QueueUrl })
      assert.equal(third.one('Body'), 'x')
      await move(11_000)
      // The newest works after its time, while nobody else has the message.
      assert.equal(
        (await ask(form, 'DeleteMessage', { QueueUrl, ReceiptHandle: third.one('ReceiptHandle') })).status,
        200,
      )
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl })).one('Body'), undefined)
      const late = await ask(form, 'ChangeMessageVisibility', {
        QueueUrl,
        ReceiptHandle: third.one('ReceiptHandle'),
        VisibilityTimeout: 5,
      })
      assert.equal(late.code, form === 'json' ? 'InvalidParameterValueException' : 'InvalidParameterValue')
    })

    test('a message is as long as its body and its attributes, and may have all that the queue allows', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a', { MaximumMessageSize: '1024' })
      const MessageAttributes = { abc: { DataType: 'Number', StringValue: '1' } }
      const send = (length: number) =>
        ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x'.repeat(length), MessageAttributes })
      assert.equal((await send(1014)).status, 200)
      assert.match((await send(1015)).text, /Message must be shorter than 1024 bytes/)
    })

    test('a server that is being drained takes no messages, and gives out those that it has', async (t) => {
      const { ask, create, broker } = await serve(t)
      const QueueUrl = await create('a')
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'before' })
      broker.drain(true)
      const refused = await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'one' })
      assert.deepEqual([refused.status, refused.code], [503, 'ServiceUnavailable'])
      const batch = entries(form, 'SendMessageBatch', [{ Id: 'a', MessageBody: 'one' }])
      assert.equal((await ask(form, 'SendMessageBatch', { QueueUrl, ...batch })).status, 503)
      const received = await ask(form, 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })
      assert.deepEqual(received.all('Body'), ['before'])
    })

    test('it says when it was sent, and when it was received first', async (t) => {
      const { ask, create, move, clock } = await serve(t)
      const QueueUrl = await create('a', { VisibilityTimeout: '10' })
      const sent = String(clock.now())
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x' })
      await move(5000)
      const first = String(clock.now())
      for (const count of ['1', '2']) {
        const received = await ask(form, 'ReceiveMessage', { QueueUrl, AttributeNames: ['All'] })
        assert.equal(received.one('SentTimestamp'), sent)
        assert.equal(received.one('ApproximateFirstReceiveTimestamp'), first)
        assert.equal(received.one('ApproximateReceiveCount'), count)
        await move(10_000)
      }
    })

    test('delays of the queue and of the message', async (t) => {
      const { ask, create, move } = await serve(t)
      const QueueUrl = await create('a', { DelaySeconds: '10' })
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'later' })
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'now', DelaySeconds: 0 })
      const received = await ask(form, 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })
      assert.deepEqual(received.all('Body'), ['now'])
      await move(10_000)
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl })).one('Body'), 'later')
    })

    test('retention drops what is old', async (t) => {
      const { ask, create, move } = await serve(t)
      const QueueUrl = await create('a', { MessageRetentionPeriod: '60' })
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x' })
      await move(61_000)
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl })).one('Body'), undefined)
    })

    test('a batch: each entry by itself', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      const sent = await ask(form, 'SendMessageBatch', {
        QueueUrl,
        ...entries(form, 'SendMessageBatch', [
          { Id: 'one', MessageBody: '1' },
          { Id: 'bad', MessageBody: 'x', DelaySeconds: 901 },
          { Id: 'two', MessageBody: '2' },
        ]),
      })
      assert.deepEqual(sent.all('Id'), ['one', 'two', 'bad'])
      assert.equal(sent.one('Code'), 'InvalidParameterValue')
      assert.equal(sent.one('SenderFault'), 'true')
      const received = await ask(form, 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })
      assert.deepEqual(received.all('Body'), ['1', '2'])
      const handles = received.all('ReceiptHandle')
      const changed = await ask(form, 'ChangeMessageVisibilityBatch', {
        QueueUrl,
        ...entries(form, 'ChangeMessageVisibilityBatch', [
          { Id: 'a', ReceiptHandle: handles[0], VisibilityTimeout: 60 },
          { Id: 'b', ReceiptHandle: 'garbage', VisibilityTimeout: 60 },
        ]),
      })
      assert.deepEqual(changed.all('Id'), ['a', 'b'])
      assert.equal(changed.one('Code'), 'ReceiptHandleIsInvalid')
      const deleted = await ask(form, 'DeleteMessageBatch', {
        QueueUrl,
        ...entries(
          form,
          'DeleteMessageBatch',
          handles.map((ReceiptHandle, i) => ({ Id: `m${i}`, ReceiptHandle })),
        ),
      })
      assert.deepEqual(deleted.all('Id'), ['m0', 'm1'])
    })

    test('too many receives: to the dead-letter queue, and back by a move task', async (t) => {
      const { ask, create, move } = await serve(t)
      const dead = await create('dead')
      const arn = 'arn:aws:sqs:us-east-1:000000000000:dead'
      const QueueUrl = await create('a', {
        VisibilityTimeout: '1',
        RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount: 2 }),
      })
      const id = (await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x' })).one('MessageId')
      let late: string | undefined
      for (let i = 0; i < 2; i++) {
        const received = await ask(form, 'ReceiveMessage', { QueueUrl })
        assert.equal(received.one('Body'), 'x')
        late = received.one('ReceiptHandle')
        await move(1100)
      }
      // Its receipt of before the move is none any more, there or here.
      const deleteLate = async (): Promise<void> => {
        assert.equal((await ask(form, 'DeleteMessage', { QueueUrl, ReceiptHandle: late })).status, 200)
      }
      await deleteLate()
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl })).one('Body'), undefined)
      const letter = await ask(form, 'ReceiveMessage', {
        QueueUrl: dead,
        AttributeNames: ['All'],
        VisibilityTimeout: 0,
      })
      assert.equal(letter.one('MessageId'), id)
      assert.equal(letter.one('DeadLetterQueueSourceArn'), 'arn:aws:sqs:us-east-1:000000000000:a')
      const sources = await ask(form, 'ListDeadLetterSourceQueues', { QueueUrl: dead })
      assert.deepEqual(sources.all(form === 'json' ? 'queueUrls' : 'QueueUrl'), [QueueUrl])
      const started = await ask(form, 'StartMessageMoveTask', { SourceArn: arn })
      assert.equal(started.status, 200, started.text)
      let tasks = await ask(form, 'ListMessageMoveTasks', { SourceArn: arn })
      while (tasks.one('Status') === 'RUNNING') {
        await move(0)
        tasks = await ask(form, 'ListMessageMoveTasks', { SourceArn: arn })
      }
      assert.equal(tasks.one('Status'), 'COMPLETED')
      assert.equal(tasks.one('ApproximateNumberOfMessagesMoved'), '1')
      await deleteLate()
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl })).one('MessageId'), id)
    })
  })

test('a message without a trace of its own has that of its request', async (t) => {
  const { ask, create, origin } = await serve(t)
  const QueueUrl = await create('a')
  const own = 'MessageSystemAttribute.1.Name=AWSTraceHeader&MessageSystemAttribute.1.Value.DataType=String'
  for (const fields of [
    'Action=SendMessage&MessageBody=x',
    `Action=SendMessage&MessageBody=x&${own}&MessageSystemAttribute.1.Value.StringValue=Root=own`,
    'Action=SendMessageBatch&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=x',
  ]) {
    const url = `${origin}/?${fields}&QueueUrl=${encodeURIComponent(QueueUrl)}`
    assert.equal((await fetch(url, { headers: { 'X-Amzn-Trace-Id': 'Root=1;Sampled=1' } })).status, 200)
  }
  const received = await ask('json', 'ReceiveMessage', {
    QueueUrl,
    MaxNumberOfMessages: 10,
    AttributeNames: ['AWSTraceHeader'],
  })
  assert.deepEqual(received.all('AWSTraceHeader'), ['Root=1;Sampled=1', 'Root=own', 'Root=1;Sampled=1'])
})

test('in the Query form an attribute without a name, or with that of another, is refused, and nothing is sent', async (t) => {
  const { ask, create, origin } = await serve(t)
  const QueueUrl = await create('a')
  const name = (i: number) => `MessageAttribute.${i}.Name=n`
  const value = (i: number) =>
    `MessageAttribute.${i}.Value.DataType=String&MessageAttribute.${i}.Value.StringValue=${i}`
  for (const fields of [
    value(1),
    [name(1), value(1), value(2)].join('&'),
    [name(0), value(0), name(1), value(1)].join('&'),
  ])
    for (const action of ['Action=SendMessage', 'Action=SendMessageBatch&SendMessageBatchRequestEntry.1.Id=i']) {
      const at = action.endsWith('i') ? 'SendMessageBatchRequestEntry.1.' : ''
      const message = `MessageBody=x&${fields}`.replace(/^|(?<=&)/g, at)
      const response = await fetch(`${origin}/?${action}&${message}&QueueUrl=${encodeURIComponent(QueueUrl)}`)
      assert.match(await response.text(), /<Code>InvalidParameterValue</, fields)
    }
  assert.equal((await ask('json', 'ReceiveMessage', { QueueUrl })).text, '{}')
})

test('a long poll gets what is sent while it waits, and nothing when its time is over', async (t) => {
  const { ask, create, move, server } = await serve(t)
  const QueueUrl = await create('a')
  const waits = async (): Promise<void> => {
    while (server.waiting === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  const first = ask('json', 'ReceiveMessage', { QueueUrl, WaitTimeSeconds: 20 })
  await waits()
  await ask('query', 'SendMessage', { QueueUrl, MessageBody: 'x' })
  assert.equal((await first).one('Body'), 'x')
  const second = ask('json', 'ReceiveMessage', { QueueUrl, WaitTimeSeconds: 20 })
  await waits()
  await move(20_000)
  assert.equal((await second).text, '{}')
  const third = ask('json', 'ReceiveMessage', { QueueUrl, WaitTimeSeconds: 20 })
  await waits()
  await ask('json', 'DeleteQueue', { QueueUrl })
  assert.equal((await third).code, 'QueueDoesNotExist')
})

test('a receive that names no time waits as long as its queue says', async (t) => {
  const { ask, create, move, server } = await serve(t)
  const QueueUrl = await create('a', { ReceiveMessageWaitTimeSeconds: '5' })
  assert.equal((await ask('json', 'ReceiveMessage', { QueueUrl, WaitTimeSeconds: 0 })).text, '{}')
  const poll = ask('json', 'ReceiveMessage', { QueueUrl })
  while (server.waiting === 0) await new Promise((resolve) => setImmediate(resolve))
  await move(4999)
  assert.equal(server.waiting, 1)
  await move(1)
  assert.equal((await poll).text, '{}')
})

test('a message on its way to a client that hung up is there at once, and not counted', async (t) => {
  const { ask, create, origin, server } = await serve(t)
  const QueueUrl = await create('a')
  const hangUp = new AbortController()
  const poll = fetch(origin, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Target': 'AmazonSQS.ReceiveMessage' },
    body: JSON.stringify({ QueueUrl, WaitTimeSeconds: 20 }),
    signal: hangUp.signal,
  }).catch(() => undefined)
  while (server.waiting === 0) await new Promise((resolve) => setImmediate(resolve))
  // The message and the end of the connection cross.
  const sent = ask('json', 'SendMessage', { QueueUrl, MessageBody: 'x' })
  hangUp.abort()
  await poll
  await sent
  while (server.waiting > 0) await new Promise((resolve) => setImmediate(resolve))
  let received = await ask('json', 'ReceiveMessage', { QueueUrl, AttributeNames: ['All'] })
  while (received.one('Body') === undefined)
    received = await ask('json', 'ReceiveMessage', { QueueUrl, AttributeNames: ['All'] })
  assert.equal(received.one('ApproximateReceiveCount'), '1')
})

test('a server that stops answers who waits', async (t) => {
  const { ask, create, server } = await serve(t)
  const QueueUrl = await create('a')
  const poll = ask('json', 'ReceiveMessage', { QueueUrl, WaitTimeSeconds: 20 })
  while (server.waiting === 0) await new Promise((resolve) => setImmediate(resolve))
  await server.close()
  assert.equal((await poll).text, '{}')
})
