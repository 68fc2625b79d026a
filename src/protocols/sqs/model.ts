/**
 * The service's published model as a table: what each action takes and answers, by what name in the Query form, and within what bounds. Decoding, checks
 * and encoding run from it; test/protocols/sqs/model.test.ts compares it with the models that other people's SDKs carry.
 */

interface Marks {
  required?: true
}
export interface Text extends Marks {
  is: 'string'
  /** An empty one isn't missing: who does the action refuses it. */
  blank?: true
  /** In what words it is missed, where they aren't those for everything else. */
  lacking?: string
  /** Characters at the most. */
  most?: number
}
export interface Whole extends Marks {
  is: 'integer'
  from?: number
  to?: number
  /** The reason for refusing one out of its bounds. Default: that it must be between them. */
  says?: string
}
export interface Flag extends Marks {
  is: 'boolean'
}
export interface Blob extends Marks {
  is: 'blob'
}
/** query: what one element is called in the Query form, where lists are flat (`TagKey.1`). */
export interface List extends Marks {
  is: 'list'
  /** As of a text. */
  blank?: true
  of: Shape
  query: string
}
/** query, key: `Tag.1.Key` and `Tag.1.Value`. */
export interface Dictionary extends Marks {
  is: 'map'
  of: Shape
  query: string
  key: 'Name' | 'Key'
  /** By what name it is missed. Default: its own. */
  missed?: string
}
export interface Structure extends Marks {
  is: 'structure'
  members: { readonly [name: string]: Shape }
}
export type Shape = Text | Whole | Flag | Blob | List | Dictionary | Structure

/** The values of a shape. */
export type Of<S> = S extends { is: 'string' }
  ? string
  : S extends { is: 'integer' }
    ? number
    : S extends { is: 'boolean' }
      ? boolean
      : S extends { is: 'blob' }
        ? Buffer
        : S extends { is: 'list'; of: infer E }
          ? Of<E>[]
          : S extends { is: 'map'; of: infer E }
            ? Record<string, Of<E>>
            : S extends { is: 'structure'; members: infer M }
              ? { -readonly [K in keyof M as M[K] extends { required: true } ? K : never]: Of<M[K]> } & {
                  -readonly [K in keyof M as M[K] extends { required: true } ? never : K]?: Of<M[K]>
                }
              : never

const text = { is: 'string' } as const
const flag = { is: 'boolean' } as const
const blob = { is: 'blob' } as const
const whole = { is: 'integer' } as const

function within<const F extends number, const T extends number>(from: F, to: T) {
  return { is: 'integer', from, to } as const
}
function upTo<const T extends number>(to: T) {
  return { ...within(0, to), says: `Must be >= 0 and <= ${to}, if provided.` } as const
}
function need<const S extends Shape>(shape: S) {
  return { ...shape, required: true } as const
}
function list<const S extends Shape>(query: string, of: S) {
  return { is: 'list', query, of } as const
}
/** One that must be there, and of which the service says in words of its own that it is empty. */
function filled<const S extends Shape>(query: string, of: S) {
  return { is: 'list', query, of, required: true, blank: true } as const
}
function map<const S extends Shape>(query: string, key: 'Name' | 'Key', of: S) {
  return { is: 'map', query, key, of } as const
}
function structure<const M extends { readonly [name: string]: Shape }>(members: M) {
  return { is: 'structure', members } as const
}

const url = need(text)
const queueName = need({ is: 'string', lacking: 'Must specify a queue name.' })
const entryId = need({ is: 'string', blank: true })
const attributeMap = map('Attribute', 'Name', text)
const tagMap = map('Tag', 'Key', text)

/** A message's attribute. Lists are in the model, but the service refuses them. */
export const attributeValue = structure({
  StringValue: text,
  BinaryValue: blob,
  StringListValues: list('StringListValue', text),
  BinaryListValues: list('BinaryListValue', blob),
  DataType: need(text),
})
const attributeNames = list('AttributeName', text)

const message = {
  MessageBody: need(text),
  DelaySeconds: { ...within(0, 900), says: 'DelaySeconds must be >= 0 and <= 900.' },
  MessageAttributes: map('MessageAttribute', 'Name', attributeValue),
  MessageSystemAttributes: map('MessageSystemAttribute', 'Name', attributeValue),
  MessageDeduplicationId: text,
  MessageGroupId: text,
}
const visibility = upTo(43_200)
const sent = {
  MessageId: text,
  MD5OfMessageBody: text,
  MD5OfMessageAttributes: text,
  MD5OfMessageSystemAttributes: text,
  SequenceNumber: text,
}

export const sendEntry = structure({ Id: entryId, ...message })
export const deleteEntry = structure({ Id: entryId, ReceiptHandle: need(text) })
export const visibilityEntry = structure({
  Id: entryId,
  ReceiptHandle: need(text),
  VisibilityTimeout: visibility,
})

const failed = list(
  'BatchResultErrorEntry',
  structure({ Id: need(text), SenderFault: need(flag), Code: need(text), Message: text }),
)
const nothing = structure({})

function batch<const E extends Shape, const S extends Shape>(action: string, entry: E, successful: S) {
  return {
    in: structure({ QueueUrl: url, Entries: need(list(`${action}RequestEntry`, entry)) }),
    out: structure({ Successful: list(`${action}ResultEntry`, successful), Failed: failed }),
  } as const
}

/** Each action: what it takes and what it answers. */
export const ACTIONS = {
  AddPermission: {
    in: structure({
      QueueUrl: url,
      Label: need(text),
      AWSAccountIds: filled('AWSAccountId', text),
      Actions: need(list('ActionName', text)),
    }),
    out: nothing,
  },
  CancelMessageMoveTask: {
    in: structure({ TaskHandle: need(text) }),
    out: structure({ ApproximateNumberOfMessagesMoved: whole }),
  },
  ChangeMessageVisibility: {
    in: structure({ QueueUrl: url, ReceiptHandle: need(text), VisibilityTimeout: need(visibility) }),
    out: nothing,
  },
  ChangeMessageVisibilityBatch: batch('ChangeMessageVisibilityBatch', visibilityEntry, structure({ Id: need(text) })),
  CreateQueue: {
    in: structure({ QueueName: queueName, Attributes: attributeMap, tags: tagMap }),
    out: structure({ QueueUrl: text }),
  },
  DeleteMessage: { in: structure({ QueueUrl: url, ReceiptHandle: need(text) }), out: nothing },
  DeleteMessageBatch: batch('DeleteMessageBatch', deleteEntry, structure({ Id: need(text) })),
  DeleteQueue: { in: structure({ QueueUrl: url }), out: nothing },
  GetQueueAttributes: {
    in: structure({ QueueUrl: url, AttributeNames: attributeNames }),
    out: structure({ Attributes: attributeMap }),
  },
  GetQueueUrl: {
    in: structure({ QueueName: queueName, QueueOwnerAWSAccountId: text }),
    out: structure({ QueueUrl: text }),
  },
  ListDeadLetterSourceQueues: {
    in: structure({ QueueUrl: url, NextToken: text, MaxResults: within(1, 1000) }),
    out: structure({ queueUrls: list('QueueUrl', text), NextToken: text }),
  },
  ListMessageMoveTasks: {
    in: structure({ SourceArn: need(text), MaxResults: within(1, 10) }),
    out: structure({
      Results: list(
        'ListMessageMoveTasksResultEntry',
        structure({
          TaskHandle: text,
          Status: text,
          SourceArn: text,
          DestinationArn: text,
          MaxNumberOfMessagesPerSecond: whole,
          ApproximateNumberOfMessagesMoved: whole,
          ApproximateNumberOfMessagesToMove: whole,
          FailureReason: text,
          StartedTimestamp: whole,
        }),
      ),
    }),
  },
  ListQueueTags: { in: structure({ QueueUrl: url }), out: structure({ Tags: tagMap }) },
  ListQueues: {
    in: structure({ QueueNamePrefix: text, NextToken: text, MaxResults: within(1, 1000) }),
    out: structure({ QueueUrls: list('QueueUrl', text), NextToken: text }),
  },
  PurgeQueue: { in: structure({ QueueUrl: url }), out: nothing },
  ReceiveMessage: {
    in: structure({
      QueueUrl: url,
      AttributeNames: attributeNames,
      // The published model calls its elements as the older list's, which takes them; kombu and others call them by this.
      MessageSystemAttributeNames: list('MessageSystemAttributeName', text),
      MessageAttributeNames: list('MessageAttributeName', text),
      MaxNumberOfMessages: within(1, 10),
      VisibilityTimeout: visibility,
      WaitTimeSeconds: upTo(20),
      ReceiveRequestAttemptId: text,
    }),
    out: structure({
      Messages: list(
        'Message',
        structure({
          MessageId: text,
          ReceiptHandle: text,
          MD5OfBody: text,
          Body: text,
          Attributes: attributeMap,
          MD5OfMessageAttributes: text,
          MessageAttributes: map('MessageAttribute', 'Name', attributeValue),
        }),
      ),
    }),
  },
  RemovePermission: { in: structure({ QueueUrl: url, Label: need(text) }), out: nothing },
  SendMessage: { in: structure({ QueueUrl: url, ...message }), out: structure(sent) },
  SendMessageBatch: batch('SendMessageBatch', sendEntry, structure({ Id: need(text), ...sent })),
  SetQueueAttributes: {
    in: structure({ QueueUrl: url, Attributes: { ...need(attributeMap), missed: 'Attribute.Name' } }),
    out: nothing,
  },
  StartMessageMoveTask: {
    in: structure({ SourceArn: need(text), DestinationArn: text, MaxNumberOfMessagesPerSecond: within(1, 500) }),
    out: structure({ TaskHandle: text }),
  },
  TagQueue: { in: structure({ QueueUrl: url, Tags: need(tagMap) }), out: nothing },
  UntagQueue: { in: structure({ QueueUrl: url, TagKeys: filled('TagKey', text) }), out: nothing },
} as const satisfies Record<string, { in: Structure; out: Structure }>

export type ActionName = keyof typeof ACTIONS
export type Input<A extends ActionName> = Of<(typeof ACTIONS)[A]['in']>
export type Output<A extends ActionName> = Of<(typeof ACTIONS)[A]['out']>

export function isAction(name: string): name is ActionName {
  return Object.hasOwn(ACTIONS, name)
}
