/** Attributes of queues: what each takes, where it is kept, and how it is given back. */
import type { Ms, QueuePolicy } from '../../job.ts'
import type { QueueStats } from '../../stores/store.ts'
import type { Queues, SqsQueue, SqsRecord } from './queues.ts'
import { toPolicy } from './permissions.ts'
import { redriveText, toRedrive, toRedriveAllow } from './redrive.ts'
import { badName, badValue, SqsError } from './sqs-error.ts'

/** The largest message, and a batch's largest sum. */
export const LARGEST_MESSAGE = 1 << 20
const RETENTION: Ms = 345_600_000
/** How long a lease lasts in a queue that SQS made and nobody said more of; and where no policy says it. */
const VISIBILITY: Ms = 30_000
const LEASE: Ms = 60_000
/** Characters of the name of a key of KMS. */
const LONGEST_KEY = 2048
/** How long a key of KMS is used again, in seconds. */
const REUSE = '300'

/** What is looked at where attributes are set. */
export interface Setting {
  queues: Queues
  name: string
  fifo: boolean
  policy: QueuePolicy
  attributes: Record<string, string>
}

interface Attribute {
  /** Of FIFO queues only. */
  fifo?: true
  /** Takes a new value: changes the policy; the text, or what it answers for it, is kept besides. */
  set(value: string, to: Setting): string | void
  /** As it is now; undefined: the queue has none. */
  get(queue: SqsQueue, queues: Queues): string | undefined
}

/** Where only SQS knows it: as it was set. */
function kept(name: string, check: (value: string, to: Setting) => string | void, otherwise?: string): Attribute {
  return {
    set: (value, to) => (value === '' ? value : check(value, to)),
    get: ({ own }) => own?.attributes[name] ?? otherwise,
  }
}

function oneOf(name: string, ...values: readonly string[]): (value: string) => void {
  return (value) => {
    if (!values.includes(value)) throw badValue(name)
  }
}

/** In small letters or large. */
function flag(name: string): (value: string) => string {
  const check = oneOf(name, 'true', 'false')
  return (value) => {
    const small = value.toLowerCase()
    check(small)
    return small
  }
}

function whole(name: string, value: string, from: number, to: number): number {
  if (!/^\d{1,9}$/.test(value) || Number(value) < from || Number(value) > to) throw badValue(name)
  return Number(value)
}

/** A time in seconds that the policy has in milliseconds. */
function seconds(
  name: string,
  field: 'lease' | 'delay' | 'retention',
  [from, to]: readonly [number, number],
  otherwise: Ms,
): Attribute {
  return {
    set: (value, { policy }) => {
      policy[field] = whole(name, value, from, to) * 1000
      return ''
    },
    get: ({ policy }) => String(Math.min(to, Math.ceil((policy[field] ?? otherwise) / 1000))),
  }
}

const ATTRIBUTES: Readonly<Record<string, Attribute>> = {
  VisibilityTimeout: seconds('VisibilityTimeout', 'lease', [0, 43_200], LEASE),
  DelaySeconds: seconds('DelaySeconds', 'delay', [0, 900], 0),
  // A queue of another protocol keeps its jobs for ever; the longest that SQS can say is two weeks.
  MessageRetentionPeriod: seconds('MessageRetentionPeriod', 'retention', [60, 1_209_600], Infinity),
  MaximumMessageSize: {
    set: (value, { policy }) => {
      policy.maxSize = whole('MaximumMessageSize', value, 1024, LARGEST_MESSAGE)
      return ''
    },
    get: (queue) => String(maxBytes(queue)),
  },
  ReceiveMessageWaitTimeSeconds: kept(
    'ReceiveMessageWaitTimeSeconds',
    (value) => void whole('ReceiveMessageWaitTimeSeconds', value, 0, 20),
    '0',
  ),
  RedrivePolicy: {
    set: (value, to) => {
      const redrive = value === '' ? undefined : toRedrive(value, to)
      delete to.policy.dead
      delete to.policy.maxReserves
      if (redrive) Object.assign(to.policy, redrive)
      return ''
    },
    get: redriveText,
  },
  RedriveAllowPolicy: kept('RedriveAllowPolicy', (value, { queues }) => toRedriveAllow(value, queues)),
  Policy: kept('Policy', toPolicy),
  KmsMasterKeyId: kept('KmsMasterKeyId', (value) => {
    if (value.length > LONGEST_KEY) throw badValue('KmsMasterKeyId')
  }),
  KmsDataKeyReusePeriodSeconds: {
    set: (value) => void whole('KmsDataKeyReusePeriodSeconds', value, 60, 86_400),
    get: ({ own }) =>
      own?.attributes['KmsMasterKeyId'] ? (own.attributes['KmsDataKeyReusePeriodSeconds'] ?? REUSE) : undefined,
  },
  SqsManagedSseEnabled: kept('SqsManagedSseEnabled', flag('SqsManagedSseEnabled'), 'false'),
  FifoQueue: {
    fifo: true,
    set: (value) => {
      if (value.toLowerCase() !== 'true') throw badValue('FifoQueue', 'Modifying queue type is not supported.')
      return ''
    },
    get: () => 'true',
  },
  ContentBasedDeduplication: {
    fifo: true,
    ...kept('ContentBasedDeduplication', flag('ContentBasedDeduplication'), 'false'),
  },
  DeduplicationScope: {
    fifo: true,
    ...kept('DeduplicationScope', oneOf('DeduplicationScope', 'queue', 'messageGroup'), 'queue'),
  },
  FifoThroughputLimit: {
    fifo: true,
    ...kept('FifoThroughputLimit', oneOf('FifoThroughputLimit', 'perQueue', 'perMessageGroupId'), 'perQueue'),
  },
}

/** Those that tell how the queue is. */
const COUNTS: Readonly<Record<string, (stats: QueueStats | undefined) => number>> = {
  ApproximateNumberOfMessages: (stats) => (stats ? stats.ready + stats.waiting : 0),
  ApproximateNumberOfMessagesNotVisible: (stats) => stats?.reserved ?? 0,
  ApproximateNumberOfMessagesDelayed: (stats) => stats?.delayed ?? 0,
}

const OTHERS = ['QueueArn', 'CreatedTimestamp', 'LastModifiedTimestamp', ...Object.keys(COUNTS)]

/**
 * Sets attributes. FifoQueue is for CreateQueue alone, which has looked at it.
 * @param to its policy and attributes are changed
 * @throws SqsError InvalidAttributeName, InvalidAttributeValue
 */
export function setAttributes(values: Readonly<Record<string, string>>, to: Setting): void {
  for (const name of Object.keys(values)) {
    const attribute = Object.hasOwn(ATTRIBUTES, name) ? (ATTRIBUTES[name] as Attribute) : undefined
    if (!attribute) throw badName(name)
    if (attribute.fifo && !to.fifo) throw ofFifo(name)
    const value = values[name] as string
    const kept = attribute.set(value, to) ?? value
    if (kept === '') delete to.attributes[name]
    else to.attributes[name] = kept
  }
  encryptOnce(values, to)
  if (
    to.attributes['FifoThroughputLimit'] === 'perMessageGroupId' &&
    to.attributes['DeduplicationScope'] !== 'messageGroup'
  )
    throw new SqsError(
      'InvalidAttributeValue',
      'The perMessageGroupId value is allowed for FifoThroughputLimit only when the value of DeduplicationScope is messageGroup.',
    )
}

function ofFifo(name: string): SqsError {
  return name === 'DeduplicationScope' || name === 'FifoThroughputLimit'
    ? new SqsError('InvalidAttributeName', `You can specify the ${name} only when FifoQueue is set to true.`)
    : badName(name)
}

/** A key of KMS takes the place of the service's own encryption, and the other way round. */
function encryptOnce(values: Readonly<Record<string, string>>, { attributes }: Setting): void {
  const own = values['SqsManagedSseEnabled']?.toLowerCase() === 'true'
  if (!values['KmsMasterKeyId']) {
    if (own) for (const name of ['KmsMasterKeyId', 'KmsDataKeyReusePeriodSeconds']) delete attributes[name]
    return
  }
  if (own)
    throw new SqsError(
      'InvalidAttributeName',
      'You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.',
    )
  attributes['SqsManagedSseEnabled'] = 'false'
}

/** What is set of a queue that SQS makes, before its maker says more. */
export function newQueue(now: Ms): { policy: QueuePolicy; own: SqsRecord } {
  return {
    policy: { lease: VISIBILITY, retention: RETENTION },
    // One that is made again counts from another number: it knows no id of the one before.
    own: { attributes: {}, tags: {}, created: now, modified: now, purges: now },
  }
}

/** @throws SqsError InvalidAttributeName: a queue of this type has no attribute of that name */
export function wanted(names: readonly string[], { fifo }: { fifo: boolean }): Set<string> {
  const wanted = new Set<string>()
  const has = (name: string): boolean => Object.hasOwn(ATTRIBUTES, name) && (fifo || !ATTRIBUTES[name]?.fifo)
  for (const name of names)
    if (name === 'All') for (const every of [...OTHERS, ...Object.keys(ATTRIBUTES).filter(has)]) wanted.add(every)
    else if (OTHERS.includes(name) || has(name)) wanted.add(name)
    else throw badName(name)
  return wanted
}

/** Whether one of these needs counting. */
export function needsCounts(wanted: ReadonlySet<string>): boolean {
  return Object.keys(COUNTS).some((name) => wanted.has(name))
}

export function getAttributes(
  wanted: ReadonlySet<string>,
  queue: SqsQueue,
  queues: Queues,
  stats: QueueStats | undefined,
): Record<string, string> {
  const { own } = queue
  const values: Record<string, string> = {}
  for (const name of wanted) {
    const value = one(name, queue, queues, own, stats)
    if (value !== undefined) values[name] = value
  }
  return values
}

function one(
  name: string,
  queue: SqsQueue,
  queues: Queues,
  own: SqsRecord | undefined,
  stats: QueueStats | undefined,
): string | undefined {
  switch (name) {
    case 'QueueArn':
      return queues.arnOf(queue.name)
    case 'CreatedTimestamp':
      return own && String(Math.floor(own.created / 1000))
    case 'LastModifiedTimestamp':
      return own && String(Math.floor(own.modified / 1000))
    default: {
      const count = COUNTS[name]
      if (count) return String(count(stats))
      return ATTRIBUTES[name]?.get(queue, queues)
    }
  }
}

/** The value of an attribute of a queue as it is; undefined: none. */
export function attributeOf(name: string, queue: SqsQueue, queues: Queues): string | undefined {
  return ATTRIBUTES[name]?.get(queue, queues)
}

export function maxBytes({ policy }: SqsQueue): number {
  return Math.min(LARGEST_MESSAGE, policy.maxSize ?? LARGEST_MESSAGE)
}

/** How long a receive waits that doesn't say: in seconds. */
export function waitSeconds({ own }: SqsQueue): number {
  return Number(own?.attributes['ReceiveMessageWaitTimeSeconds'] ?? 0)
}
