/** Who may call which action on which queue. The names come from the same readings of URLs and ARNs that the actions use. */
import type { Need } from '../../access/index.ts'
import type { Caller } from './host.ts'
import type { ActionName, Input } from './model.ts'
import { sourceOfHandle } from './move-tasks.ts'
import type { Queues } from './queues.ts'
import { deadLetterTarget } from './redrive.ts'
import { SqsError } from './sqs-error.ts'

/** What must be allowed, and where. undefined: a name that no queue here can have. */
type Asked = readonly [need: Need | 'any', queue: string | undefined]

type Needs = { readonly [A in ActionName]: (input: Input<A>, queues: Queues) => readonly Asked[] }

interface OfQueue {
  QueueUrl: string
}

const any = ({ QueueUrl }: OfQueue, queues: Queues): readonly Asked[] => [['any', queues.nameIn(QueueUrl)]]
const read = ({ QueueUrl }: OfQueue, queues: Queues): readonly Asked[] => [['read', queues.nameIn(QueueUrl)]]
const write = ({ QueueUrl }: OfQueue, queues: Queues): readonly Asked[] => [['write', queues.nameIn(QueueUrl)]]
const configure = ({ QueueUrl }: OfQueue, queues: Queues): readonly Asked[] => [['configure', queues.nameIn(QueueUrl)]]

const NEEDS: Needs = {
  AddPermission: configure,
  CancelMessageMoveTask: ({ TaskHandle }, queues) => [['configure', queues.nameInArn(sourceOfHandle(TaskHandle))]],
  ChangeMessageVisibility: read,
  ChangeMessageVisibilityBatch: read,
  CreateQueue: ({ QueueName, Attributes = {} }, queues) => [
    ['configure', QueueName],
    ...deadLetters(Attributes, queues),
  ],
  DeleteMessage: read,
  DeleteMessageBatch: read,
  DeleteQueue: configure,
  GetQueueAttributes: any,
  GetQueueUrl: ({ QueueName }) => [['any', QueueName]],
  ListDeadLetterSourceQueues: any,
  ListMessageMoveTasks: ({ SourceArn }, queues) => [['any', queues.nameInArn(SourceArn)]],
  ListQueueTags: any,
  // It shows those that the caller may anything with.
  ListQueues: () => [],
  PurgeQueue: configure,
  ReceiveMessage: read,
  RemovePermission: configure,
  SendMessage: write,
  SendMessageBatch: write,
  SetQueueAttributes: (input, queues) => [...configure(input, queues), ...deadLetters(input.Attributes, queues)],
  // Without a destination its messages go where they came from, which whoever made this their dead-letter queue has allowed.
  StartMessageMoveTask: ({ SourceArn, DestinationArn }, queues) => [
    ['configure', queues.nameInArn(SourceArn)],
    ...(DestinationArn === undefined ? [] : [['write', queues.nameInArn(DestinationArn)] as const]),
  ],
  TagQueue: configure,
  UntagQueue: configure,
}

/** Who names a dead-letter queue has its messages put there. */
function deadLetters(attributes: Readonly<Record<string, string>>, queues: Queues): readonly Asked[] {
  const text = Object.hasOwn(attributes, 'RedrivePolicy') ? attributes['RedrivePolicy'] : undefined
  return text === undefined || text === '' ? [] : [['write', deadLetterTarget(text, queues)]]
}

/**
 * @param input checked against the model
 * @throws SqsError AccessDenied; and QueueDoesNotExist for a URL that is none of this server's
 */
export function permit<A extends ActionName>(caller: Caller, action: A, input: object, queues: Queues): void {
  const { may } = caller
  if (!may) return
  for (const [need, queue] of NEEDS[action](input as Input<A>, queues))
    if (queue === undefined || !may(need, queue))
      throw new SqsError(
        'AccessDenied',
        `User ${caller.name ?? 'unknown'} is not authorized to perform: sqs:${action} on resource: ${queues.arnOf(queue ?? 'unknown')}`,
      )
}

/** Whether it may know that there is such a queue. */
export function sees({ may }: Caller, queue: string): boolean {
  return may === undefined || may('any', queue)
}
