/** Errors in the service's own words: clients, and tests of them, look for these. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { entries, FORMS, serve } from './served.ts'

const LONG = 'a'.repeat(129)
const ID_RULE = 'can only include alphanumeric and punctuation characters. 1 to 128 in length.'
const ENTRY_ID =
  'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.'
const TAG_KEY = 'Tag keys must be between 1 and 128 characters in length.'
const NOT_THERE = "The resource that you specified for the SourceArn parameter doesn't exist."
const TASK = '10f57157-fc38-4da9-a113-4de7e12d05aa'

function handle(taskId: string, sourceArn: string): string {
  return Buffer.from(JSON.stringify({ taskId, sourceArn })).toString('base64')
}

for (const form of FORMS)
  describe(`what errors say over ${form}`, { concurrency: true }, () => {
    test('each in the words of the service', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      const fifo = await create('a.fifo', { FifoQueue: 'true' })
      const sent = { QueueUrl, MessageBody: 'x' }
      const ordered = { QueueUrl: fifo, MessageBody: 'x', MessageGroupId: 'g' }
      const redrive = JSON.stringify({ deadLetterTargetArn: 'dummy', maxReceiveCount: 42 })
      const arn = 'arn:aws:sqs:us-east-1:000000000000:a'
      await create('a-dead')
      await create('b-source', {
        RedrivePolicy: JSON.stringify({ deadLetterTargetArn: `${arn}-dead`, maxReceiveCount: 1 }),
      })
      const label = { QueueUrl, Label: 'l' }
      await ask(form, 'AddPermission', { ...label, AWSAccountIds: ['111122223333'], Actions: ['SendMessage'] })
      const cases: readonly (readonly [string, object, string])[] = [
        ['SendMessage', { ...sent, MessageBody: '' }, 'The request must contain the parameter MessageBody.'],
        [
          'SendMessage',
          { ...sent, DelaySeconds: 901 },
          'Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.',
        ],
        [
          'SendMessage',
          { ...sent, MessageGroupId: LONG },
          `Value ${LONG} for parameter MessageGroupId is invalid. Reason: MessageGroupId ${ID_RULE}`,
        ],
        [
          'SendMessage',
          { ...ordered, MessageDeduplicationId: '' },
          `Value  for parameter MessageDeduplicationId is invalid. Reason: MessageDeduplicationId ${ID_RULE}`,
        ],
        [
          'SendMessage',
          { ...sent, MessageAttributes: { n: { DataType: 'String', StringValue: '' } } },
          "Message (user) attribute 'n' must contain a non-empty value of type 'String'.",
        ],
        [
          'SendMessage',
          { ...sent, MessageSystemAttributes: { AWSTraceHeader: { DataType: 'String', StringValue: '' } } },
          "Message (system) attribute 'AWSTraceHeader' must contain a non-empty value of type 'String'.",
        ],
        [
          'ReceiveMessage',
          { QueueUrl, MaxNumberOfMessages: 11 },
          'Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.',
        ],
        [
          'ReceiveMessage',
          { QueueUrl, WaitTimeSeconds: -1 },
          'Value -1 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.',
        ],
        [
          'ReceiveMessage',
          { QueueUrl, VisibilityTimeout: 43_201 },
          'Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided.',
        ],
        [
          'DeleteMessage',
          { QueueUrl, ReceiptHandle: 'garbage' },
          'The input receipt handle "garbage" is not a valid receipt handle.',
        ],
        [
          'DeleteMessageBatch',
          { QueueUrl, ...entries(form, 'DeleteMessageBatch', [{ Id: '', ReceiptHandle: 'x' }]) },
          ENTRY_ID,
        ],
        [
          'SendMessageBatch',
          { QueueUrl, ...(form === 'json' && { Entries: [] }) },
          'There should be at least one SendMessageBatchRequestEntry in the request.',
        ],
        [
          'DeleteMessageBatch',
          { QueueUrl, ...(form === 'json' && { Entries: [] }) },
          'There should be at least one DeleteMessageBatchRequestEntry in the request.',
        ],
        ['CreateQueue', { QueueName: 'b', Attributes: { FifoQueue: 'false' } }, 'Unknown Attribute FifoQueue.'],
        [
          'CreateQueue',
          { QueueName: 'b', Attributes: { ContentBasedDeduplication: 'false' } },
          'Unknown Attribute ContentBasedDeduplication.',
        ],
        ...['DeduplicationScope', 'FifoThroughputLimit'].map(
          (name) =>
            [
              'CreateQueue',
              { QueueName: 'b', Attributes: { [name]: 'perQueue' } },
              `You can specify the ${name} only when FifoQueue is set to true.`,
            ] as const,
        ),
        [
          'SetQueueAttributes',
          { QueueUrl: fifo, Attributes: { FifoQueue: 'false' } },
          'Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.',
        ],
        [
          'SetQueueAttributes',
          { QueueUrl, Attributes: { KmsMasterKeyId: 'k', SqsManagedSseEnabled: 'true' } },
          'You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.',
        ],
        [
          'SetQueueAttributes',
          { QueueUrl, Attributes: { RedrivePolicy: redrive } },
          `Value ${redrive} for parameter RedrivePolicy is invalid. Reason: Invalid value for deadLetterTargetArn.`,
        ],
        [
          'AddPermission',
          { ...label, AWSAccountIds: ['111122223333'], Actions: ['SendMessage'] },
          'Value l for parameter Label is invalid. Reason: Already exists.',
        ],
        [
          'RemovePermission',
          { QueueUrl, Label: 'none' },
          "Value none for parameter Label is invalid. Reason: can't find label on existing policy.",
        ],
        [
          'RemovePermission',
          { QueueUrl: fifo, Label: 'none' },
          "Value none for parameter Label is invalid. Reason: can't find label.",
        ],
        ['SetQueueAttributes', { QueueUrl }, 'The request must contain the parameter Attribute.Name.'],
        ['SetQueueAttributes', { QueueUrl, Attributes: {} }, 'The request must contain the parameter Attribute.Name.'],
        ...['FifoQueue', 'ContentBasedDeduplication'].map(
          (name) =>
            ['GetQueueAttributes', { QueueUrl, AttributeNames: ['All', name] }, `Unknown Attribute ${name}.`] as const,
        ),
        ['TagQueue', { QueueUrl, Tags: { '': 'x' } }, TAG_KEY],
        ['UntagQueue', { QueueUrl, TagKeys: ['k'.repeat(129)] }, TAG_KEY],
        ['UntagQueue', { QueueUrl, TagKeys: [] }, TAG_KEY],
        ...[[], ['x'], ['x', 'y']].map(
          (AWSAccountIds) =>
            [
              'AddPermission',
              { QueueUrl, Label: 'm', AWSAccountIds, Actions: ['SendMessage'] },
              `Value [${AWSAccountIds.join(', ')}] for parameter PrincipalId is invalid. Reason: Unable to verify.`,
            ] as const,
        ),
        [
          'AddPermission',
          { QueueUrl, Label: 'm', AWSAccountIds: [], Actions: [] },
          'The request must contain the parameter Actions.',
        ],
        ['ListQueues', { NextToken: 'none' }, 'Invalid or expired next token.'],
        ...(
          [
            ['CreateQueue', 'Only the queue owner is allowed to invoke this action.'],
            ['SendMessageBatch', 'Please refer to the appropriate WSDL for a list of valid actions.'],
            ['toString', 'Please refer to the appropriate WSDL for a list of valid actions.'],
          ] as const
        ).map(
          ([name, text]) =>
            [
              'AddPermission',
              { QueueUrl, Label: 'm', AWSAccountIds: ['111122223333'], Actions: [name] },
              `Value SQS:${name} for parameter ActionName is invalid. Reason: ${text}`,
            ] as const,
        ),
        ['CreateQueue', {}, 'Value for parameter QueueName is invalid. Reason: Must specify a queue name.'],
        [
          'GetQueueUrl',
          { QueueName: '' },
          'Value for parameter QueueName is invalid. Reason: Must specify a queue name.',
        ],
        ...(
          [
            [
              'n',
              { DataType: 'Text', StringValue: 'x' },
              "The type of message (user) attribute 'n' is invalid. You must use only the following supported type prefixes: Binary, Number, String.",
            ],
            ...['String', 'Binary'].map(
              (DataType) =>
                [
                  'n',
                  { DataType, StringValue: 'x', BinaryValue: 'eA==' },
                  "Message (user) attribute 'n' must have a single value.",
                ] as const,
            ),
            [
              'n',
              { DataType: 'Number', StringValue: 'x' },
              "Can't cast the value of message (user) attribute 'n' to a number.",
            ],
            [
              'AWS.n',
              { DataType: 'String', StringValue: 'x' },
              "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use.",
            ],
            [
              'n'.repeat(257),
              { DataType: 'String', StringValue: 'x' },
              'Message (user) attribute name must be shorter than 256 bytes.',
            ],
          ] as const
        ).map(
          ([name, value, text]) => ['SendMessage', { ...sent, MessageAttributes: { [name]: value } }, text] as const,
        ),
        ...['SourceArn', 'DestinationArn'].flatMap((name) =>
          ['invalid', 'arn:aws:sqs', ...(name === 'DestinationArn' ? [''] : [])].map(
            (value) =>
              [
                'StartMessageMoveTask',
                { SourceArn: `${arn}-dead`, [name]: value },
                `You must use this format to specify the ${name}: arn:<partition>:<service>:<region>:<account-id>:<resource-id>`,
              ] as const,
          ),
        ),
        [
          'StartMessageMoveTask',
          { SourceArn: `${arn}-dead`, DestinationArn: `${arn}-dead` },
          'Source queue arn and destination queue arn cannot be the same.',
        ],
        [
          'StartMessageMoveTask',
          { SourceArn: `${arn}-dead`, DestinationArn: `${arn}.fifo` },
          'The source queue and destination queue must be of the same queue type.',
        ],
        ['StartMessageMoveTask', { SourceArn: `${arn}-none` }, NOT_THERE],
        ['StartMessageMoveTask', { SourceArn: arn }, 'Source queue must be configured as a Dead Letter Queue.'],
        ['CancelMessageMoveTask', { TaskHandle: 'foobared' }, 'Value for parameter TaskHandle is invalid.'],
        ['CancelMessageMoveTask', { TaskHandle: handle(TASK, `${arn}-none`) }, NOT_THERE],
        ['CancelMessageMoveTask', { TaskHandle: handle(TASK, arn) }, 'Task does not exist.'],
      ]
      for (const [action, input, text] of cases) {
        const reply = await ask(form, action, input)
        assert.equal(
          reply.one(form === 'json' ? 'message' : 'Message'),
          text,
          `${action} ${JSON.stringify(input).slice(0, 200)}`,
        )
      }
    })

    test('a policy has twenty statements at the most', async (t) => {
      const { ask, create } = await serve(t)
      const Statement = Array.from({ length: 20 }, (_, i) => ({ Sid: `s${i}` }))
      const QueueUrl = await create('a', { Policy: JSON.stringify({ Version: '2012-10-17', Statement }) })
      const reply = await ask(form, 'AddPermission', {
        QueueUrl,
        Label: 'l',
        AWSAccountIds: ['111122223333'],
        Actions: ['SendMessage'],
      })
      assert.equal(reply.status, 403)
      assert.equal(
        reply.one(form === 'json' ? 'message' : 'Message'),
        '21 Statements were found, maximum allowed is 20.',
      )
    })

    test('a policy that is none', async (t) => {
      const { ask, create } = await serve(t)
      const QueueUrl = await create('a')
      await create('a.fifo', { FifoQueue: 'true' })
      const of = (name: string) => `arn:aws:sqs:us-east-1:000000000000:${name}`
      const dead = of('dead')
      const cases: Record<string, [unknown, string][]> = {
        RedrivePolicy: [
          ['x', 'Redrive policy is not a valid JSON map.'],
          [[], 'Redrive policy is not a valid JSON map.'],
          [{}, 'Redrive policy does not contain mandatory attribute: maxReceiveCount.'],
          [{ maxReceiveCount: 1 }, 'Redrive policy does not contain mandatory attribute: deadLetterTargetArn.'],
          ...[0, '1001', 1.5, null, [1], ' 3 ', '0x3', '3.0', ''].map((count): [unknown, string] => [
            { deadLetterTargetArn: dead, maxReceiveCount: count },
            `Invalid value for maxReceiveCount: ${JSON.stringify(count).replaceAll('"', '')}, valid values are from 1 to 1000 both inclusive.`,
          ]),
          [
            { deadLetterTargetArn: dead, maxReceiveCount: 1, more: 2 },
            'Only following attributes are supported: [maxReceiveCount, deadLetterTargetArn].',
          ],
          [
            { deadLetterTargetArn: 'arn:aws:sns:us-east-1:000000000000:a', maxReceiveCount: 1 },
            'Only SQS queues are valid resources for deadLetterTargetArn.',
          ],
          [
            { deadLetterTargetArn: of('a.fifo'), maxReceiveCount: 1 },
            'Dead-letter queue must be same type of queue as the source..',
          ],
        ],
        RedriveAllowPolicy: [
          ...['x', [], {}, { redrivePermission: 'some' }, { redrivePermission: 'allowAll', more: 1 }].map(
            (value): [unknown, string] => [
              value,
              "Amazon SQS can't create the redrive allow policy, as it’s in an unsupported format.",
            ],
          ),
          [
            { redrivePermission: 'denyAll', sourceQueueArns: [dead] },
            "Amazon SQS can't create the redrive allow policy. To specify one or more source queue ARNs, you must set redrivePermission to byQueue.",
          ],
          ...[{}, { sourceQueueArns: [] }].map((more): [unknown, string] => [
            { redrivePermission: 'byQueue', ...more },
            "Amazon SQS can't create the redrive allow policy. When you specify the byQueue permission type, you must also specify one or more sourceQueueArns values.",
          ]),
          [
            { redrivePermission: 'byQueue', sourceQueueArns: Array.from({ length: 11 }, (_, i) => of(`q${i}`)) },
            "Amazon SQS can't create the redrive allow policy. The maximum number of source queue ARNs you can specify is 10.",
          ],
        ],
        Policy: [
          [{ Statement: Array(21).fill({}) }, '21 statements were found in the submitted policy, max allowed is 20'],
        ],
      }
      for (const [name, values] of Object.entries(cases))
        for (const [given, reason] of values) {
          const value = typeof given === 'string' ? given : JSON.stringify(given)
          const reply = await ask(form, 'SetQueueAttributes', { QueueUrl, Attributes: { [name]: value } })
          const said = reply.one(form === 'json' ? 'message' : 'Message') ?? ''
          const before = [
            '',
            `Invalid value for the parameter ${name}. Reason: `,
            `Value ${value.slice(0, 1024)}${value.length > 1024 ? '...' : ''} for parameter ${name} is invalid. Reason: `,
          ]
          assert.ok(
            before.some((text) => said === text + reason),
            said,
          )
        }
    })

    test('of a value as long as a request only the beginning is quoted', async (t) => {
      const { ask, create } = await serve(t)
      const reply = await ask(form, 'SendMessage', {
        QueueUrl: await create('a'),
        MessageBody: 'x',
        MessageGroupId: 'g'.repeat(50_000),
      })
      assert.equal(reply.status, 400)
      assert.ok(reply.text.length < 2000)
    })
  })
