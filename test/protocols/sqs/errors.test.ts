import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { UnavailableError } from '../../../src/errors.ts'
import { entries, FORMS, serve, type Form } from './served.ts'

const RETRY = { json: 'InvalidParameterValueException', query: 'InvalidParameterValue' }
const MISSING = { json: 'MissingRequiredParameterException', query: 'MissingParameter' }

function service(name: string): Record<Form, string> {
  return { json: name, query: `AWS.SimpleQueueService.${name}` }
}
function same(name: string): Record<Form, string> {
  return { json: name, query: name }
}

for (const form of FORMS)
  describe(`errors over ${form}`, { concurrency: true }, () => {
    test('each has its code, its status, its legacy name and a request id', async (t) => {
      const { ask, create, origin } = await serve(t)
      const QueueUrl = await create('a')
      const none = `${origin}/000000000000/none`
      const sent = { QueueUrl, MessageBody: 'x' }
      const value = { DataType: 'String', StringValue: 'x' }
      const batch = (list: readonly object[]) => ({ QueueUrl, ...entries(form, 'SendMessageBatch', list) })
      const cases: readonly (readonly [string, object, Record<Form, string>, number])[] = [
        [
          'GetQueueUrl',
          { QueueName: 'none' },
          { json: 'QueueDoesNotExist', query: 'AWS.SimpleQueueService.NonExistentQueue' },
          400,
        ],
        [
          'SendMessage',
          { QueueUrl: none, MessageBody: 'x' },
          { json: 'QueueDoesNotExist', query: 'AWS.SimpleQueueService.NonExistentQueue' },
          400,
        ],
        ['SendMessage', { QueueUrl }, MISSING, 400],
        ['SendMessage', { QueueUrl, MessageBody: '' }, MISSING, 400],
        ['SendMessage', { ...sent, DelaySeconds: 901 }, RETRY, 400],
        ['SendMessage', { ...sent, DelaySeconds: -1 }, RETRY, 400],
        ['SendMessage', { ...sent, MessageDeduplicationId: 'd' }, RETRY, 400],
        ['SendMessage', { ...sent, MessageBody: 'a\u0000b' }, same('InvalidMessageContents'), 400],
        ['SendMessage', { ...sent, MessageBody: '\uFFFE' }, same('InvalidMessageContents'), 400],
        ['SendMessage', { ...sent, MessageBody: 'x'.repeat((1 << 20) + 1) }, RETRY, 400],
        ['SendMessage', { ...sent, MessageAttributes: { 'AWS.x': value } }, RETRY, 400],
        ['SendMessage', { ...sent, MessageAttributes: { 'a..b': value } }, RETRY, 400],
        ['SendMessage', { ...sent, MessageAttributes: { a: { DataType: 'Text', StringValue: 'x' } } }, RETRY, 400],
        ['SendMessage', { ...sent, MessageAttributes: { a: { DataType: 'Number', StringValue: 'x' } } }, RETRY, 400],
        ['SendMessage', { ...sent, MessageAttributes: { a: { DataType: 'String' } } }, RETRY, 400],
        [
          'SendMessage',
          { ...sent, MessageAttributes: Object.fromEntries([...'abcdefghijk'].map((name) => [name, value])) },
          RETRY,
          400,
        ],
        ['SendMessage', { ...sent, MessageSystemAttributes: { Other: value } }, RETRY, 400],
        [
          'SendMessageBatch',
          batch([
            { Id: 'a', MessageBody: 'x' },
            { Id: 'a', MessageBody: 'y' },
          ]),
          service('BatchEntryIdsNotDistinct'),
          400,
        ],
        ['SendMessageBatch', batch([{ Id: 'a b', MessageBody: 'x' }]), service('InvalidBatchEntryId'), 400],
        [
          'SendMessageBatch',
          batch(Array.from({ length: 11 }, (_, i) => ({ Id: `i${i}`, MessageBody: 'x' }))),
          service('TooManyEntriesInBatchRequest'),
          400,
        ],
        [
          'SendMessageBatch',
          batch([1, 2].map((i) => ({ Id: `i${i}`, MessageBody: 'x'.repeat(600_000) }))),
          service('BatchRequestTooLong'),
          400,
        ],
        ['ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 0 }, RETRY, 400],
        ['ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 11 }, RETRY, 400],
        ['ReceiveMessage', { QueueUrl, WaitTimeSeconds: 21 }, RETRY, 400],
        ['ReceiveMessage', { QueueUrl, VisibilityTimeout: 43_201 }, RETRY, 400],
        ['ReceiveMessage', { QueueUrl, ReceiveRequestAttemptId: 'x' }, RETRY, 400],
        ['DeleteMessage', { QueueUrl, ReceiptHandle: 'garbage' }, same('ReceiptHandleIsInvalid'), 404],
        [
          'ChangeMessageVisibility',
          { QueueUrl, ReceiptHandle: 'garbage', VisibilityTimeout: 1 },
          same('ReceiptHandleIsInvalid'),
          404,
        ],
        ['ChangeMessageVisibility', { QueueUrl, ReceiptHandle: 'garbage' }, MISSING, 400],
        ['CreateQueue', { QueueName: 'a b' }, RETRY, 400],
        ['CreateQueue', { QueueName: 'x'.repeat(81) }, RETRY, 400],
        ['CreateQueue', { QueueName: 'a.fifo' }, RETRY, 400],
        ['CreateQueue', { QueueName: 'b', Attributes: { FifoQueue: 'true' } }, RETRY, 400],
        [
          'CreateQueue',
          { QueueName: 'a', Attributes: { VisibilityTimeout: '31' } },
          { json: 'QueueNameExists', query: 'QueueAlreadyExists' },
          400,
        ],
        ['SetQueueAttributes', { QueueUrl, Attributes: { Nonsense: '1' } }, same('InvalidAttributeName'), 400],
        ['SetQueueAttributes', { QueueUrl, Attributes: { FifoQueue: 'true' } }, same('InvalidAttributeName'), 400],
        [
          'SetQueueAttributes',
          { QueueUrl, Attributes: { VisibilityTimeout: '43201' } },
          same('InvalidAttributeValue'),
          400,
        ],
        [
          'SetQueueAttributes',
          { QueueUrl, Attributes: { MaximumMessageSize: '1e4' } },
          same('InvalidAttributeValue'),
          400,
        ],
        ['SetQueueAttributes', { QueueUrl, Attributes: { RedrivePolicy: '[' } }, same('InvalidAttributeValue'), 400],
        [
          'SetQueueAttributes',
          { QueueUrl, Attributes: { RedrivePolicy: '{"deadLetterTargetArn":"x","maxReceiveCount":1}' } },
          RETRY,
          400,
        ],
        ['GetQueueAttributes', { QueueUrl, AttributeNames: ['Nonsense'] }, same('InvalidAttributeName'), 400],
        ['ListQueues', { MaxResults: 0 }, RETRY, 400],
        ['AddPermission', { QueueUrl, Label: 'x', AWSAccountIds: ['1'], Actions: ['*'] }, RETRY, 400],
        ['RemovePermission', { QueueUrl, Label: 'x' }, RETRY, 400],
        ['StartMessageMoveTask', { SourceArn: 'x' }, RETRY, 400],
        [
          'StartMessageMoveTask',
          { SourceArn: 'arn:aws:sqs:us-east-1:000000000000:none' },
          same('ResourceNotFoundException'),
          404,
        ],
        ['CreateQueue', {}, RETRY, 400],
        ['GetQueueUrl', { QueueName: '' }, RETRY, 400],
        [
          'SetQueueAttributes',
          { QueueUrl, Attributes: { Policy: JSON.stringify({ Statement: Array(21).fill({}) }) } },
          same('OverLimit'),
          403,
        ],
        ['CancelMessageMoveTask', { TaskHandle: 'x' }, RETRY, 400],
        ['TagQueue', { QueueUrl, Tags: { 'aws:x': 'y' } }, RETRY, 400],
        ['Nonsense', {}, { json: 'UnknownOperationException', query: 'InvalidAction' }, 400],
      ]
      for (const [action, input, code, status] of cases) {
        const reply = await ask(form, action, input)
        const what = `${action} ${JSON.stringify(input).slice(0, 200)}: ${reply.text.slice(0, 200)}`
        assert.equal(reply.code, code[form], what)
        assert.equal(reply.status, status, what)
        assert.match(reply.headers.get('x-amzn-requestid') ?? '', /^[0-9a-f-]{36}$/)
        if (form === 'json') assert.equal(reply.headers.get('x-amzn-query-error'), `${code.query};Sender`, what)
      }
    })

    test('what clients may look for in a text is in the service’s own words', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      const permission = { QueueUrl, Label: 'x', AWSAccountIds: ['111122223333'] }
      const attribute = { DataType: 'String', StringValue: 'x' }
      const cases: readonly (readonly [string, object, string])[] = [
        [
          'CreateQueue',
          { QueueName: 'a b' },
          'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
        ],
        [
          'CreateQueue',
          { QueueName: 'b', Attributes: { FifoQueue: 'true' } },
          'The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.',
        ],
        [
          'SendMessage',
          { QueueUrl, MessageBody: 'x', MessageAttributes: { 'ö!': attribute } },
          "The message attribute name 'ö!' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters.",
        ],
        [
          'TagQueue',
          { QueueUrl, Tags: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, 'v'])) },
          'Too many tags added for queue a.',
        ],
        [
          'AddPermission',
          { ...permission, Actions: ['RemovePermission'] },
          'Value SQS:RemovePermission for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this action.',
        ],
      ]
      for (const [action, input, text] of cases) {
        const reply = await ask(form, action, input)
        assert.equal(reply.status, 400)
        assert.equal(reply.one(form === 'json' ? 'message' : 'Message'), text)
      }
    })

    test('another queue’s receipt handle is none of this one', async (t) => {
      const { ask, create } = await serve(t)
      const a = await create('a')
      const b = await create('b')
      await ask(form, 'SendMessage', { QueueUrl: a, MessageBody: 'x' })
      const ReceiptHandle = (await ask(form, 'ReceiveMessage', { QueueUrl: a })).one('ReceiptHandle')
      assert.equal((await ask(form, 'DeleteMessage', { QueueUrl: b, ReceiptHandle })).code, 'ReceiptHandleIsInvalid')
      const forged = `${ReceiptHandle?.slice(0, -2)}AA`
      assert.equal(
        (await ask(form, 'DeleteMessage', { QueueUrl: a, ReceiptHandle: forged })).code,
        'ReceiptHandleIsInvalid',
      )
    })

    test('a purge may be asked for again at once, also after one that was cut short', async (t) => {
      const { ask, create, store } = await serve(t)
      const QueueUrl = await create('a')
      await ask(form, 'SendMessage', { QueueUrl, MessageBody: 'x' })
      const commit = store.commit.bind(store)
      store.commit = (units) =>
        units.some(({ ops }) => ops.some((op) => op.do === 'bulk'))
          ? units.map(() => Promise.reject(new UnavailableError('The store is gone.')))
          : commit(units)
      assert.equal((await ask(form, 'PurgeQueue', { QueueUrl })).status, 503)
      store.commit = commit
      assert.equal((await ask(form, 'PurgeQueue', { QueueUrl })).status, 200)
      assert.equal((await ask(form, 'ReceiveMessage', { QueueUrl })).one('Body'), undefined)
      assert.equal((await ask(form, 'PurgeQueue', { QueueUrl })).status, 200)
    })

    test('a limit in flight holds; a purge ends what is in flight', async (t) => {
      const { ask, create } = await serve(t, { maxInFlight: 2 })
      const QueueUrl = await create('a')
      for (const MessageBody of ['1', '2', '3']) await ask(form, 'SendMessage', { QueueUrl, MessageBody })
      const receive = () => ask(form, 'ReceiveMessage', { QueueUrl })
      await receive()
      await receive()
      const over = await receive()
      assert.equal(over.code, 'OverLimit')
      assert.equal(over.status, 403)
      assert.equal((await ask(form, 'PurgeQueue', { QueueUrl })).status, 200)
      const counts = await ask(form, 'GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })
      assert.equal(counts.one('ApproximateNumberOfMessagesNotVisible'), '0')
    })
  })

test('what is of another type in JSON: text as it may be, and the rest is refused in the service’s words', async (t) => {
  const { ask, create } = await serve(t)
  const QueueUrl = await create('a')
  const send = (input: object) => ask('json', 'SendMessage', { QueueUrl, ...input })
  const set = (Attributes: object) => ask('json', 'SetQueueAttributes', { QueueUrl, Attributes })
  assert.equal((await set({ DelaySeconds: 0, VisibilityTimeout: 45, SqsManagedSseEnabled: false })).status, 200)
  const kept = await ask('json', 'GetQueueAttributes', { QueueUrl, AttributeNames: ['VisibilityTimeout'] })
  assert.equal(kept.one('VisibilityTimeout'), '45')
  const sent = await send({ MessageBody: 7, MessageAttributes: { n: { DataType: 'Number', StringValue: 1.5 } } })
  assert.equal(sent.status, 200)
  const got = await ask('json', 'ReceiveMessage', { QueueUrl, MessageAttributeNames: ['All'] })
  assert.deepEqual([got.one('Body'), got.one('StringValue')], ['7', '1.5'])

  const said = async (reply: Promise<{ code: string | undefined; one(name: string): string | undefined }>) => {
    const { code, one } = await reply
    assert.equal(code, 'SerializationException')
    return one('message')
  }
  assert.equal(await said(send({ DelaySeconds: '5' })), 'STRING_VALUE can not be converted to an Integer')
  assert.equal(await said(send({ DelaySeconds: true })), 'TRUE_VALUE can not be converted to an Integer')
  assert.equal(await said(send({ MessageBody: ['x'] })), 'Start of list found where not expected')
  assert.equal(await said(send({ MessageBody: {} })), 'Start of structure or map found where not expected.')
  assert.equal(await said(send({ MessageAttributes: 'x' })), 'Expected map or null')
  assert.equal(await said(ask('json', 'SendMessageBatch', { QueueUrl, Entries: 'x' })), 'Expected list or null')
})

test('a tag or attribute of a queue whose value is null is refused, and nothing is changed', async (t) => {
  const { ask, create } = await serve(t)
  const QueueUrl = await create('a')
  for (const [action, input] of [
    ['TagQueue', { QueueUrl, Tags: { a: null, b: 'c' } }],
    ['SetQueueAttributes', { QueueUrl, Attributes: { DelaySeconds: null, VisibilityTimeout: '7' } }],
    ['CreateQueue', { QueueName: 'b', tags: { a: null } }],
    ['CreateQueue', { QueueName: 'b', Attributes: { DelaySeconds: null } }],
  ] as const) {
    const reply = await ask('json', action, input)
    assert.equal(reply.status, 400, action)
    assert.equal(reply.code, 'InvalidParameterValueException')
    assert.equal(reply.one('message'), "the parameter 'value' may not be null")
  }
  assert.equal((await ask('json', 'ListQueueTags', { QueueUrl })).text, '{}')
  assert.equal((await ask('json', 'GetQueueUrl', { QueueName: 'b' })).code, 'QueueDoesNotExist')
})
