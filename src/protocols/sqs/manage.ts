/** Making, finding, changing, emptying and deleting queues. */
import { isDeepStrictEqual } from 'node:util'
import { FIFO } from '../../broker/policies.ts'
import type { Queue } from '../../job.ts'
import type { BulkOp } from '../../stores/store.ts'
import { attributeOf, getAttributes, needsCounts, newQueue, setAttributes, wanted } from './attributes.ts'
import type { Call, Host } from './host.ts'
import type { Input, Output } from './model.ts'
import { pageOf } from './page.ts'
import { sees } from './permits.ts'
import { isQueueName, type SqsQueue } from './queues.ts'
import { badName, badValue, noQueue, SqsError } from './sqs-error.ts'
import { checkTags, merged } from './tags.ts'

/** Deleted in one commit. */
const SLICE = 1000

export async function createQueue(
  { queues }: Host,
  { QueueName, Attributes = {}, tags = {} }: Input<'CreateQueue'>,
  { origin }: Call,
): Promise<Output<'CreateQueue'>> {
  const fifo = QueueName.endsWith(FIFO)
  const asked = merged(Attributes, {})
  if (Object.hasOwn(asked, 'FifoQueue')) {
    const yes = asked['FifoQueue']?.toLowerCase() === 'true'
    if (!fifo && !yes) throw badName('FifoQueue')
    if (!yes) throw badValue('FifoQueue')
    if (!fifo || !isQueueName(QueueName))
      throw new SqsError(
        'InvalidParameterValue',
        'The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.',
      )
    delete asked['FifoQueue']
  } else if (fifo || !isQueueName(QueueName))
    throw new SqsError(
      'InvalidParameterValue',
      'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
    )
  checkTags(QueueName, tags)
  await queues.change(QueueName, ({ policy, own }) => {
    const made = newQueue(queues.now())
    const attributes = {}
    // What another protocol set for it stays.
    const settings = { queues, name: QueueName, fifo, policy: { ...made.policy, ...policy }, attributes }
    setAttributes(asked, settings)
    if (!own)
      return { policy: settings.policy, own: { ...made.own, attributes: settings.attributes, tags: { ...tags } } }
    const there: SqsQueue = {
      name: QueueName,
      queue: queues.queueOf(QueueName),
      fifo,
      explicit: true,
      policy: policy ?? {},
      own,
    }
    const would: SqsQueue = { ...there, policy: settings.policy, own: { ...own, attributes } }
    for (const name of Object.keys(asked))
      if (!sameValue(attributeOf(name, there, queues), attributeOf(name, would, queues)))
        throw new SqsError(
          'QueueNameExists',
          `A queue already exists with the same name and a different value for attribute ${name}`,
        )
    if (Object.keys(tags).length > 0 && !isDeepStrictEqual(merged(tags, {}), merged(own.tags, {})))
      throw new SqsError('QueueNameExists', 'A queue already exists with the same name and different tags')
    return undefined
  })
  return { QueueUrl: queues.urlOf(origin, QueueName) }
}

/** Policies are JSON, which each language writes with other spaces. */
function sameValue(a: string | undefined, b: string | undefined): boolean {
  return a === b || (!!a?.startsWith('{') && !!b?.startsWith('{') && isDeepStrictEqual(JSON.parse(a), JSON.parse(b)))
}

export async function getQueueUrl(
  { queues, account }: Host,
  { QueueName, QueueOwnerAWSAccountId }: Input<'GetQueueUrl'>,
  { origin }: Call,
): Promise<Output<'GetQueueUrl'>> {
  if (!isQueueName(QueueName) || (QueueOwnerAWSAccountId !== undefined && QueueOwnerAWSAccountId !== account))
    throw noQueue()
  const { name } = await queues.named(QueueName)
  return { QueueUrl: queues.urlOf(origin, name) }
}

export async function listQueues(
  { queues }: Host,
  { QueueNamePrefix = '', MaxResults, NextToken }: Input<'ListQueues'>,
  { origin, caller }: Call,
): Promise<Output<'ListQueues'>> {
  const all = (await queues.names()).filter((name) => name.startsWith(QueueNamePrefix) && sees(caller, name))
  const { names, next } = pageOf(all, MaxResults, NextToken)
  return {
    ...(names.length > 0 && { QueueUrls: names.map((name) => queues.urlOf(origin, name)) }),
    ...(next !== undefined && { NextToken: next }),
  }
}

export async function listDeadLetterSourceQueues(
  { queues }: Host,
  { QueueUrl, MaxResults, NextToken }: Input<'ListDeadLetterSourceQueues'>,
  { origin, caller }: Call,
): Promise<Output<'ListDeadLetterSourceQueues'>> {
  const { queue } = await queues.find(QueueUrl)
  const sources = queues.sourcesOf(queue).filter((name) => sees(caller, name))
  const { names, next } = pageOf(sources, MaxResults, NextToken)
  return {
    queueUrls: names.map((name) => queues.urlOf(origin, name)),
    ...(next !== undefined && { NextToken: next }),
  }
}

export async function getQueueAttributes(
  { queues, session }: Host,
  { QueueUrl, AttributeNames = [] }: Input<'GetQueueAttributes'>,
): Promise<Output<'GetQueueAttributes'>> {
  const queue = await queues.find(QueueUrl)
  const names = wanted(AttributeNames, queue)
  if (names.size === 0) return {}
  const [stats] = needsCounts(names) ? await session.stats([queue.queue]) : []
  const Attributes = getAttributes(names, queue, queues, stats)
  return Object.keys(Attributes).length > 0 ? { Attributes } : {}
}

export async function setQueueAttributes(
  { queues }: Host,
  { QueueUrl, Attributes }: Input<'SetQueueAttributes'>,
): Promise<object> {
  const { name, fifo } = await queues.find(QueueUrl)
  await queues.change(name, ({ policy, own }) => {
    const now = queues.now()
    const settings = { queues, name, fifo, policy: { ...policy }, attributes: { ...own?.attributes } }
    setAttributes(Attributes, settings)
    return {
      policy: settings.policy,
      own: { tags: {}, created: now, ...own, attributes: settings.attributes, modified: now },
    }
  })
  return {}
}

/** A FIFO queue forgets its deduplication ids, too. */
export async function purgeQueue(host: Host, { QueueUrl }: Input<'PurgeQueue'>): Promise<object> {
  const { queues } = host
  const { name, queue } = await queues.find(QueueUrl)
  const now = queues.now()
  await queues.change(name, ({ policy = {}, own }) => ({
    policy,
    own: { attributes: {}, tags: {}, created: now, modified: now, ...own, purges: (own?.purges ?? 0) + 1 },
  }))
  await empty(host, queue)
  return {}
}

export async function deleteQueue(host: Host, { QueueUrl }: Input<'DeleteQueue'>): Promise<object> {
  const { queues, movers } = host
  const { name, queue } = await queues.find(QueueUrl)
  await movers.forget(queue)
  await queues.change(name, () => ({ policy: undefined, own: undefined }))
  await empty(host, queue)
  return {}
}

/** All of its jobs go, those that somebody works at, too. */
async function empty({ session }: Host, queue: Queue): Promise<void> {
  const op: BulkOp = {
    do: 'bulk',
    where: { queue, states: ['ready', 'waiting', 'delayed', 'buried', 'reserved'] },
    act: 'delete',
    limit: SLICE,
  }
  for (let more = true; more;) {
    const [result] = await session.commit({ ops: [op] })
    more = result?.ok === true && result.do === 'bulk' && result.more
  }
}
