/** Where messages go that were received too often, and who may send them there. */
import type { Queue } from '../../job.ts'
import type { Queues, SqsQueue } from './queues.ts'
import type { SqsError } from './sqs-error.ts'
import { badValue, invalid } from './sqs-error.ts'

const ARN = /^arn:[^:]+:sqs:[^:]+:\d{12}:[^:]+$/
const OF_ANOTHER_SERVICE = /^arn:[^:]+:(?!sqs:)[^:]+:[^:]*:[^:]*:./
const DIGITS = /^\d{1,4}$/
const MOST_SOURCES = 10
/** Why a value is no policy at all. */
const UNREADABLE = {
  RedrivePolicy: 'Redrive policy is not a valid JSON map.',
  RedriveAllowPolicy: "Amazon SQS can't create the redrive allow policy, as it’s in an unsupported format.",
}

interface Redrive {
  dead: Queue
  maxReserves: number
}

/** @throws SqsError */
export function toRedrive(text: string, from: { queues: Queues; name: string; fifo: boolean }): Redrive {
  const { queues, name, fifo } = from
  const given = object(text, 'RedrivePolicy')
  const { deadLetterTargetArn: arn, maxReceiveCount } = given
  for (const name of ['maxReceiveCount', 'deadLetterTargetArn'])
    if (given[name] === undefined) throw wrong(text, `Redrive policy does not contain mandatory attribute: ${name}.`)
  if (Object.keys(given).length > 2)
    throw wrong(text, 'Only following attributes are supported: [maxReceiveCount, deadLetterTargetArn].')
  const isText = typeof maxReceiveCount === 'string'
  const count = isText && DIGITS.test(maxReceiveCount) ? Number(maxReceiveCount) : maxReceiveCount
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > 1000) {
    const shown = isText ? maxReceiveCount : JSON.stringify(maxReceiveCount)
    throw wrong(text, `Invalid value for maxReceiveCount: ${shown}, valid values are from 1 to 1000 both inclusive.`)
  }
  if (typeof arn !== 'string') throw wrong(text, 'Invalid value for deadLetterTargetArn.')
  if (OF_ANOTHER_SERVICE.test(arn)) throw wrong(text, 'Only SQS queues are valid resources for deadLetterTargetArn.')
  if (!ARN.test(arn)) throw wrong(text, 'Invalid value for deadLetterTargetArn.')
  const target = queues.nameInArn(arn)
  const dead = target === undefined ? undefined : queues.known(target)
  if (!dead) throw wrong(text, 'Dead letter target does not exist.')
  if (dead.name === name) throw wrong(text, 'A queue can not be its own dead letter target.')
  if (dead.fifo !== fifo) throw wrong(text, 'Dead-letter queue must be same type of queue as the source..')
  if (!mayRedrive(queues.arnOf(name), dead))
    throw wrong(text, `Queue ${name} is not permitted to use ${dead.name} as a dead-letter queue.`)
  return { dead: dead.queue, maxReserves: count }
}

/** The name of the queue that a RedrivePolicy names; undefined: of none here. @throws SqsError it is no policy at all */
export function deadLetterTarget(text: string, queues: Queues): string | undefined {
  const { deadLetterTargetArn: arn } = object(text, 'RedrivePolicy')
  return typeof arn === 'string' ? queues.nameInArn(arn) : undefined
}

/** The queue's RedrivePolicy in the service's own words, in whichever it was set: tools that compare texts know no others. */
export function redriveText({ policy: { dead, maxReserves } }: SqsQueue, queues: Queues): string | undefined {
  const name = dead && queues.nameOf(dead)
  if (name === undefined || maxReserves === undefined) return undefined
  return JSON.stringify({ deadLetterTargetArn: queues.arnOf(name), maxReceiveCount: maxReserves })
}

/** The policy in the service's own words. @throws SqsError */
export function toRedriveAllow(text: string, queues: Queues): string {
  const given = object(text, 'RedriveAllowPolicy')
  const { redrivePermission, sourceQueueArns: arns } = given
  const names = ['redrivePermission', 'sourceQueueArns']
  if (!['allowAll', 'denyAll', 'byQueue'].includes(redrivePermission as string)) throw unreadable('RedriveAllowPolicy')
  if (Object.keys(given).some((name) => !names.includes(name))) throw unreadable('RedriveAllowPolicy')
  if (arns !== undefined && !(Array.isArray(arns) && arns.every((arn) => typeof arn === 'string')))
    throw unreadable('RedriveAllowPolicy')
  if (redrivePermission !== 'byQueue') {
    if (arns === undefined) return JSON.stringify({ redrivePermission })
    throw notAllowed(text, 'To specify one or more source queue ARNs, you must set redrivePermission to byQueue.')
  }
  if (arns === undefined || arns.length === 0)
    throw notAllowed(
      text,
      'When you specify the byQueue permission type, you must also specify one or more sourceQueueArns values.',
    )
  if (arns.length > MOST_SOURCES)
    throw notAllowed(text, `The maximum number of source queue ARNs you can specify is ${MOST_SOURCES}.`)
  for (const arn of arns) if (queues.nameInArn(arn) === undefined) throw unreadable('RedriveAllowPolicy')
  return JSON.stringify({ redrivePermission, sourceQueueArns: arns })
}

function notAllowed(text: string, why: string): SqsError {
  return invalid('RedriveAllowPolicy', text, `Amazon SQS can't create the redrive allow policy. ${why}`)
}

function mayRedrive(source: string, { own }: SqsQueue): boolean {
  const text = own?.attributes['RedriveAllowPolicy']
  if (text === undefined) return true
  const { redrivePermission, sourceQueueArns } = object(text, 'RedriveAllowPolicy')
  if (redrivePermission === 'byQueue') return (sourceQueueArns as string[]).includes(source)
  return redrivePermission === 'allowAll'
}

function object(text: string, attribute: keyof typeof UNREADABLE): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw unreadable(attribute)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unreadable(attribute)
  return value as Record<string, unknown>
}

function unreadable(attribute: keyof typeof UNREADABLE): SqsError {
  return badValue(attribute, UNREADABLE[attribute])
}

function wrong(text: string, reason: string): SqsError {
  return invalid('RedrivePolicy', text, reason)
}
