/** DeleteMessage, ChangeMessageVisibility, and their batches. */
import type { Op, Result } from '../../stores/store.ts'
import { eachEntry, type BatchOutput } from './batch.ts'
import type { Host } from './host.ts'
import { deleteEntry, visibilityEntry, type Input } from './model.ts'
import type { SqsQueue } from './queues.ts'
import type { SqsError } from './sqs-error.ts'
import { invalid, missing, unfit } from './sqs-error.ts'

/** A message can be in flight for so many seconds. */
const LONGEST = 43_200

const DONE = Object.freeze({})

interface Asked {
  ReceiptHandle: string
}

export async function deleteMessage(host: Host, input: Input<'DeleteMessage'>): Promise<object> {
  const { queues, session } = host
  const name = queues.nameIn(input.QueueUrl)
  const queue = queues.known(name) ?? (await queues.named(name))
  const [result] = await session.commit({ ops: [finish(host, queue, input)] })
  return deleted(queue, input, result as Result)
}

export async function deleteMessageBatch(
  host: Host,
  { QueueUrl, Entries }: Input<'DeleteMessageBatch'>,
): Promise<BatchOutput<{ Id: string }>> {
  const queue = await host.queues.find(QueueUrl)
  return eachEntry(
    { action: 'DeleteMessageBatch', shape: deleteEntry },
    Entries,
    (entry) => ({ entry, op: finish(host, queue, entry) }),
    (all) => host.session.commit({ ops: all.map(({ op }) => op) }),
    ({ entry }, result) => deleted(queue, entry, result),
  )
}

function finish({ receipts }: Host, { queue, fifo }: SqsQueue, { ReceiptHandle }: Asked): Op {
  const { id, n } = receipts.read(queue, ReceiptHandle)
  // In a standard queue the last one who received it may still delete it when its time is over.
  return { do: 'finish', job: { id, n, ...(!fifo && { late: true as const }) } }
}

/** What is gone already is deleted. What somebody else received meanwhile stays, and a standard queue doesn't say so. */
function deleted({ fifo }: SqsQueue, { ReceiptHandle }: Asked, result: Result): object {
  if (fifo && !result.ok && result.why !== 'gone') throw expired(ReceiptHandle)
  return DONE
}

export async function changeMessageVisibility(host: Host, input: Input<'ChangeMessageVisibility'>): Promise<object> {
  const queue = await host.queues.find(input.QueueUrl)
  const [result] = await host.session.commit({ ops: [extend(host, queue, input)] })
  return extended(queue, input, result as Result)
}

export async function changeMessageVisibilityBatch(
  host: Host,
  { QueueUrl, Entries }: Input<'ChangeMessageVisibilityBatch'>,
): Promise<BatchOutput<{ Id: string }>> {
  const queue = await host.queues.find(QueueUrl)
  return eachEntry(
    { action: 'ChangeMessageVisibilityBatch', shape: visibilityEntry },
    Entries,
    (entry, path) => {
      const { VisibilityTimeout } = entry
      // The model doesn't say that it must be there, and the service says so in other words than of what else an entry lacks.
      if (VisibilityTimeout === undefined) throw missing(`${path}VisibilityTimeout`)
      return { entry, op: extend(host, queue, { ...entry, VisibilityTimeout }) }
    },
    (all) => host.session.commit({ ops: all.map(({ op }) => op) }),
    ({ entry }, result) => extended(queue, entry, result),
  )
}

function extend(
  { receipts, broker }: Host,
  { queue, fifo }: SqsQueue,
  { ReceiptHandle, VisibilityTimeout }: Asked & { VisibilityTimeout: number },
): Op {
  const { id, n, at } = receipts.read(queue, ReceiptHandle)
  const job = { id, n, ...(!fifo && { late: true as const }) }
  if (VisibilityTimeout === 0) return { do: 'release', job, as: 'asked' }
  if (VisibilityTimeout + Math.floor((broker.now() - at) / 1000) > LONGEST)
    throw invalid(
      'VisibilityTimeout',
      VisibilityTimeout,
      `Total VisibilityTimeout for the message is beyond the limit [${LONGEST} seconds].`,
    )
  return { do: 'touch', job, ms: VisibilityTimeout * 1000 }
}

/** What somebody else received meanwhile is theirs: nothing is changed, and a standard queue doesn't say so, as with a deletion. */
function extended({ fifo }: SqsQueue, { ReceiptHandle }: Asked, result: Result): object {
  if (result.ok) return DONE
  if (result.why === 'gone')
    throw unfit(
      'ReceiptHandle',
      ReceiptHandle,
      'Message does not exist or is not available for visibility timeout change',
      'ReceiptHandleIsInvalid',
    )
  if (fifo) throw expired(ReceiptHandle)
  return DONE
}

function expired(handle: string): SqsError {
  return invalid('ReceiptHandle', handle, 'The receipt handle has expired.')
}
