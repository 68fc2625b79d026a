/** SendMessage and its batch. */
import { hash } from 'node:crypto'
import type { Ms } from '../../job.ts'
import type { PutOp, Refusal, Result } from '../../stores/store.ts'
import { LARGEST_MESSAGE, maxBytes } from './attributes.ts'
import { eachEntry, type BatchOutput } from './batch.ts'
import { packEnvelope, unspeakable, type Envelope } from './envelope.ts'
import type { Call, Host } from './host.ts'
import { md5, md5OfAttributes } from './md5.ts'
import { sizeOfAttributes, toAttributes, toTrace } from './message-attributes.ts'
import { sendEntry, type Input, type Output } from './model.ts'
import type { SqsQueue } from './queues.ts'
import { sequenceNumber } from './receipt.ts'
import { missing, noQueue, SqsError, unfit } from './sqs-error.ts'

/** A second message of the same deduplication id is none for so long. */
const WINDOW: Ms = 300_000
const ID = /^[!-~]{1,128}$/

type Message = Omit<Input<'SendMessage'>, 'QueueUrl'>

type GroupId = { MessageGroupId?: unknown }

/** A message that may be put, and what its sender is told of it. */
interface Prepared {
  op: PutOp
  bytes: number
  md5: string
  attributes?: string
  system?: string
}

export async function sendMessage(host: Host, input: Input<'SendMessage'>, call: Call): Promise<Output<'SendMessage'>> {
  const { queues, session } = host
  const name = queues.nameIn(input.QueueUrl)
  const turning = takingTurns(host, queues.known(name) ?? (await queues.named(name)), [input])
  const queue = turning instanceof Promise ? await turning : turning
  refuseWhileDraining(host)
  const prepared = prepare(host, queue, input, call)
  const [result] = await session.commit({ ops: [prepared.op] })
  return told(host, queue, prepared, result as Result)
}

export async function sendMessageBatch(
  host: Host,
  { QueueUrl, Entries }: Input<'SendMessageBatch'>,
  call: Call,
): Promise<BatchOutput<{ Id: string }>> {
  const queue = await takingTurns(host, await host.queues.find(QueueUrl), Entries)
  refuseWhileDraining(host)
  const { fifo } = queue
  const bytes = Entries.reduce((sum, one) => sum + sizeOf(one), 0)
  if (bytes > LARGEST_MESSAGE)
    throw new SqsError(
      'BatchRequestTooLong',
      `Batch requests cannot be longer than ${LARGEST_MESSAGE} bytes. You have sent ${bytes} bytes.`,
    )
  return eachEntry(
    // Nothing of a batch comes before what it should follow.
    { action: 'SendMessageBatch', shape: sendEntry, whole: fifo },
    Entries,
    (entry) => {
      if (fifo) refuseUnordered(queue, entry)
      return prepare(host, queue, entry, call, fifo ? undefined : 'cannot be validated')
    },
    (prepared) => host.session.commit({ ops: prepared.map(({ op }) => op) }),
    (prepared, result) => told(host, queue, prepared, result),
  )
}

/** A standard queue becomes a fair one with its first message that has a group, unless its policy says otherwise. */
function takingTurns(host: Host, queue: SqsQueue, messages: readonly GroupId[]): SqsQueue | Promise<SqsQueue> {
  const { fifo, explicit, policy } = queue
  if (fifo || !explicit || policy.groups !== undefined || !messages.some(hasGroup)) return queue
  return takeTurns(host, queue)
}

function hasGroup({ MessageGroupId: group }: GroupId): boolean {
  return typeof group === 'string' && ID.test(group)
}

async function takeTurns({ queues }: Host, queue: SqsQueue): Promise<SqsQueue> {
  const { name } = queue
  await queues.change(name, ({ policy, own }) =>
    policy && policy.groups === undefined ? { policy: { ...policy, groups: 'fair' }, own } : undefined,
  )
  return queues.known(name) ?? queue
}

/** What counts against limits: the body, and the attributes. A message of a batch may lack its body still. */
function sizeOf({
  MessageBody,
  MessageAttributes,
}: { [K in 'MessageBody' | 'MessageAttributes']?: Message[K] }): number {
  return Buffer.byteLength(MessageBody ?? '') + sizeOfAttributes(MessageAttributes ?? {})
}

/** @param tooLong what the service says of the parameters of a message that is too long */
function prepare(
  host: Host,
  queue: SqsQueue,
  message: Message,
  { caller, trace: header }: Call,
  tooLong = 'are invalid',
): Prepared {
  const { MessageBody: text, DelaySeconds, MessageAttributes, MessageSystemAttributes } = message
  const bad = unspeakable(text)
  if (bad !== undefined)
    throw new SqsError(
      'InvalidMessageContents',
      `Invalid binary character '${bad}' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF`,
    )
  const envelope: Envelope = {}
  if (caller.name !== undefined) envelope.sender = caller.name
  const body = Buffer.from(text)
  const prepared: Prepared = {
    op: { do: 'put', to: [{ queue: queue.queue }], msg: { body } },
    bytes: body.length + sizeOfAttributes(MessageAttributes ?? {}),
    md5: md5(body),
  }
  const { msg, to } = prepared.op
  if (MessageAttributes) {
    const attributes = toAttributes(MessageAttributes)
    const digest = md5OfAttributes(attributes)
    if (digest !== undefined) {
      prepared.attributes = digest
      envelope.attributes = Object.fromEntries(attributes)
    }
  }
  const trace = MessageSystemAttributes && toTrace(MessageSystemAttributes)
  const traced = trace ?? header
  if (traced !== undefined) envelope.trace = traced
  if (trace !== undefined) {
    const digest = md5OfAttributes([['AWSTraceHeader', { DataType: 'String', StringValue: trace }]])
    if (digest !== undefined) prepared.system = digest
  }
  const most = maxBytes(queue)
  if (prepared.bytes > most)
    throw new SqsError(
      'InvalidParameterValue',
      `One or more parameters ${tooLong}. Reason: Message must be shorter than ${most} bytes.`,
    )
  if (DelaySeconds !== undefined && !queue.fifo) (to[0] as { at?: Ms }).at = host.broker.now() + DelaySeconds * 1000
  if (queue.fifo) order(queue, message, prepared, envelope)
  else {
    if (message.MessageDeduplicationId !== undefined)
      throw notOfThisType('MessageDeduplicationId', message.MessageDeduplicationId)
    if (message.MessageGroupId !== undefined) {
      const group = checkedId('MessageGroupId', message.MessageGroupId)
      if (queue.policy.groups === 'fair') msg.group = group
      else envelope.group = group
    }
  }
  const packed = packEnvelope(envelope)
  if (packed) msg.envelope = packed
  return prepared
}

/** A message of a batch that has no place in the order: of a single one the service says it otherwise. */
function refuseUnordered(queue: SqsQueue, { MessageGroupId, MessageDeduplicationId }: Message): void {
  if (!MessageGroupId) throw new SqsError('InvalidParameterValue', missing('MessageGroupId').message)
  if (MessageDeduplicationId === undefined && !deduplicatesByContent(queue)) throw noDeduplicationId()
}

function deduplicatesByContent({ own }: SqsQueue): boolean {
  return own?.attributes['ContentBasedDeduplication'] === 'true'
}

function noDeduplicationId(): SqsError {
  return new SqsError(
    'InvalidParameterValue',
    'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
  )
}

/** What a FIFO queue asks for: a group, and an id by which a second message is known to be the same. */
function order(queue: SqsQueue, message: Message, { op: { msg } }: Prepared, envelope: Envelope): void {
  const { DelaySeconds, MessageGroupId, MessageDeduplicationId } = message
  if (DelaySeconds !== undefined && DelaySeconds !== 0) throw notOfThisType('DelaySeconds', DelaySeconds)
  if (MessageGroupId === undefined || MessageGroupId === '') throw missing('MessageGroupId')
  msg.group = checkedId('MessageGroupId', MessageGroupId)
  const attributes: Readonly<Record<string, string>> = queue.own?.attributes ?? {}
  const purges = queue.own?.purges ?? 0
  if (MessageDeduplicationId === undefined && !deduplicatesByContent(queue)) throw noDeduplicationId()
  const id = MessageDeduplicationId ?? hash('sha256', msg.body)
  envelope.dedup = checkedId('MessageDeduplicationId', id)
  msg.unique = {
    // After a purge the same id is a new one.
    key: `${purges}:${id}`,
    scope: attributes['DeduplicationScope'] === 'messageGroup' ? 'group' : 'queue',
    for: WINDOW,
    on: 'keep',
  }
}

function told(
  { receipts }: Host,
  queue: SqsQueue,
  { md5, attributes, system }: Prepared,
  result: Result,
): Output<'SendMessage'> {
  const put = result.ok && result.do === 'put' ? result.per[0] : undefined
  if (!put?.ok) throw refused(result.ok ? put?.why : result.why)
  const { id } = put
  const output: Output<'SendMessage'> = { MessageId: receipts.messageId(id), MD5OfMessageBody: md5 }
  if (attributes !== undefined) output.MD5OfMessageAttributes = attributes
  if (system !== undefined) output.MD5OfMessageSystemAttributes = system
  if (queue.fifo) output.SequenceNumber = sequenceNumber(id)
  return output
}

function refused(why: Refusal | undefined): SqsError {
  switch (why) {
    case 'no queue':
      return noQueue()
    case 'full':
      return new SqsError('RequestThrottled', 'The queue is as full as its limits allow. Try again later.')
    case 'too big':
      return new SqsError('InvalidParameterValue', 'One or more parameters are invalid. Reason: Message is too long.')
    default:
      return new SqsError('InternalFailure', `The message was refused: ${why}.`)
  }
}

function refuseWhileDraining({ broker }: Host): void {
  if (broker.draining) throw new SqsError('ServiceUnavailable', 'The server is being drained: it takes no messages.')
}

function checkedId(name: string, id: string): string {
  if (!ID.test(id))
    throw unfit(name, id, `${name} can only include alphanumeric and punctuation characters. 1 to 128 in length`)
  return id
}

function notOfThisType(name: string, value: unknown): SqsError {
  return unfit(name, value, 'The request include parameter that is not valid for this queue type')
}
