/** Where messages go that were received too often, and who may send them there. */
import type { Queue } from '../../job.ts'
import type { Queues, SqsQueue } from './queues.ts'
import type { SqsError } from './sqs-error.ts'
import { badValue, invalid } from './sqs-error.ts'

const ARN = /^arn:[^:]+:sqs:[^:]+:\d{12}:[^:]+$/

interface Redrive {
  dead: Queue
  maxReserves: number
}

/** @throws SqsError */
export function toRedrive(text: string, from: { queues: Queues; name: string; fifo: boolean }): Redrive {
  const { queues, name, fifo } = from
  const { deadLetterTargetArn: arn, maxReceiveCount } = object(text, 'RedrivePolicy')
  const count = Number(typeof maxReceiveCount === 'string' ? maxReceiveCount : (maxReceiveCount as number))
  if (typeof arn !== 'string' || maxReceiveCount === undefined)
    throw wrong(text, 'Redrive policy must contain deadLetterTargetArn and maxReceiveCount.')
  if (!Number.isInteger(count) || count < 1 || count > 1000)
    throw wrong(text, 'Invalid value for maxReceiveCount: must be between 1 and 1000.')
  if (!ARN.test(arn)) throw wrong(text, 'Invalid value for deadLetterTargetArn.')
  const target = queues.nameInArn(arn)
  const dead = target === undefined ? undefined : queues.known(target)
  if (!dead) throw wrong(text, 'Dead letter target does not exist.')
  if (dead.name === name) throw wrong(text, 'A queue can not be its own dead letter target.')
  if (dead.fifo !== fifo) throw wrong(text, 'Dead-letter queue must be same type of queue as the source.')
  if (!mayRedrive(queues.arnOf(name), dead))
    throw wrong(text, `Queue ${name} is not permitted to use ${dead.name} as a dead-letter queue.`)
  return { dead: dead.queue, maxReserves: count }
}

/** The name of the queue that a RedrivePolicy names; undefined: of none here. @throws SqsError it is no policy at all */
export function deadLetterTarget(text: string, queues: Queues): string | undefined {
  const { deadLetterTargetArn: arn } = object(text, 'RedrivePolicy')
  return typeof arn === 'string' ? queues.nameInArn(arn) : undefined
}

/** The queue's RedrivePolicy, in the words in which it was set as long as it is that. A count that was set as text is given back as a number. */
export function redriveText({ policy, own }: SqsQueue, queues: Queues): string | undefined {
  const { dead, maxReserves } = policy
  const name = dead && queues.nameOf(dead)
  if (name === undefined || maxReserves === undefined) return undefined
  const arn = queues.arnOf(name)
  const set = own?.attributes['RedrivePolicy']
  if (set !== undefined) {
    const { deadLetterTargetArn, maxReceiveCount } = object(set, 'RedrivePolicy')
    if (deadLetterTargetArn === arn && maxReceiveCount === maxReserves) return set
  }
  return JSON.stringify({ deadLetterTargetArn: arn, maxReceiveCount: maxReserves })
}

/** @throws SqsError */
export function checkRedriveAllow(text: string, queues: Queues): void {
  const { redrivePermission, sourceQueueArns } = object(text, 'RedriveAllowPolicy')
  if (!['allowAll', 'denyAll', 'byQueue'].includes(redrivePermission as string)) throw badValue('RedriveAllowPolicy')
  const byQueue = redrivePermission === 'byQueue'
  if (byQueue !== (sourceQueueArns !== undefined)) throw badValue('RedriveAllowPolicy')
  if (!byQueue) return
  const arns = sourceQueueArns as unknown[]
  if (!Array.isArray(arns) || arns.length === 0 || arns.length > 10) throw badValue('RedriveAllowPolicy')
  for (const arn of arns)
    if (typeof arn !== 'string' || queues.nameInArn(arn) === undefined) throw badValue('RedriveAllowPolicy')
}

function mayRedrive(source: string, { own }: SqsQueue): boolean {
  const text = own?.attributes['RedriveAllowPolicy']
  if (text === undefined) return true
  const { redrivePermission, sourceQueueArns } = object(text, 'RedriveAllowPolicy')
  if (redrivePermission === 'byQueue') return (sourceQueueArns as string[]).includes(source)
  return redrivePermission === 'allowAll'
}

function object(text: string, attribute: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw badValue(attribute)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badValue(attribute)
  return value as Record<string, unknown>
}

function wrong(text: string, reason: string): SqsError {
  return invalid('RedrivePolicy', text, reason)
}
