/**
 * The message that a job is: `{"job":"sendMail","args":{...}}`, UTF-8 JSON, the form in which other languages put and work jobs, too. What else it
 * carries stands beside these two and may be absent.
 */
import { InvalidArgumentError } from '../errors.ts'
import type { Bytes, Ms } from '../job.ts'

export interface Message {
  job: string
  args?: unknown
  /** What its put said of it, where that isn't its definition's. */
  retries?: number
  backoff?: { first: Ms; factor: number; max: Ms; jitter: number }
  timeout?: Ms
  maxStarts?: number
  /** W3C Trace Context of its put. */
  traceparent?: string
  unique?: string
}

/**
 * @throws InvalidArgumentError arguments that JSON can't say
 */
export function encode(message: Message): Bytes {
  try {
    return Buffer.from(JSON.stringify(message))
  } catch (error) {
    throw new InvalidArgumentError(
      `The arguments of '${message.job}' can't be JSON: ${(error as Error).message}. Give plain values, without circles and bigints.`,
      { cause: error },
    )
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** @returns the message, or in what it is none */
export function decode(body: Bytes): Message | string {
  let value: unknown
  try {
    value = JSON.parse(utf8.decode(body))
  } catch (error) {
    return `The body is no JSON in UTF-8: ${(error as Error).message}.`
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'The body is no JSON object.'
  const message = value as Partial<Record<keyof Message, unknown>>
  if (typeof message.job !== 'string' || message.job === '')
    return 'The body has no \'job\': a message is {"job":NAME,"args":{...}}.'
  const { job, args, retries, timeout, maxStarts, backoff, traceparent, unique } = message
  const known: Message = { job: job, args }
  // Another language's idea of an option is passed over, not taken for an error.
  if (isCount(retries)) known.retries = retries
  if (isCount(timeout)) known.timeout = timeout
  if (isCount(maxStarts)) known.maxStarts = maxStarts
  if (isBackoff(backoff)) known.backoff = backoff
  if (typeof traceparent === 'string') known.traceparent = traceparent
  if (typeof unique === 'string') known.unique = unique
  return known
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isBackoff(value: unknown): value is NonNullable<Message['backoff']> {
  if (typeof value !== 'object' || value === null) return false
  const { first, factor, max, jitter } = value as Record<string, unknown>
  return [first, factor, max, jitter].every((one) => typeof one === 'number' && Number.isFinite(one) && one >= 0)
}
