/**
 * What SQS knows of a message beside its body, on the job as JSON under the key `sqs`; and bodies of other protocols' jobs as SQS can say them.
 */
import { isUtf8 } from 'node:buffer'
import type { Bytes } from '../../job.ts'

/** A message's attribute; a binary value is Base64. */
export interface MessageAttribute {
  DataType: string
  StringValue?: string
  BinaryValue?: string
}

export interface Envelope {
  attributes?: Record<string, MessageAttribute>
  /** AWSTraceHeader. */
  trace?: string
  /** SenderId. */
  sender?: string
  /** MessageGroupId of a standard queue; a FIFO queue's is the job's own. */
  group?: string
  /** MessageDeduplicationId. */
  dedup?: string
}

/** Where a body isn't text that SQS can carry it is Base64, and this attribute of type String says so. */
export const ENCODING = 'queueup.encoding'

const EMPTY: Envelope = Object.freeze({})

/** undefined: there is nothing to say. */
export function packEnvelope(envelope: Envelope): Bytes | undefined {
  for (const key in envelope) if (envelope[key as keyof Envelope] !== undefined) return pack(envelope)
  return undefined
}

function pack(envelope: Envelope): Bytes {
  return Buffer.from(JSON.stringify({ sqs: envelope }))
}

/** Of a job that another protocol put there is none. */
export function unpackEnvelope(bytes: Bytes | undefined): Envelope {
  if (!bytes) return EMPTY
  try {
    const value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()) as unknown
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'sqs')) return EMPTY
    return (value as { sqs: Envelope }).sqs
  } catch {
    return EMPTY
  }
}

const UNSPEAKABLE = /[\0-\x08\x0B\x0C\x0E-\x1F\uFFFE\uFFFF]/

/** The first character that a body may not have, as the service writes it; undefined: there is none. */
export function unspeakable(text: string): string | undefined {
  const at = text.search(UNSPEAKABLE)
  if (at >= 0) return `#x${text.charCodeAt(at).toString(16)}`
  if (text.isWellFormed()) return undefined
  const lone = /[\uD800-\uDFFF]/u.exec(text)
  return `#x${(lone?.[0] ?? '\uD800').charCodeAt(0).toString(16)}`
}

/** A job's body as text that SQS can carry: as it is, or Base64. */
export function bodyText(body: Bytes): { text: string; encoded: boolean } {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length)
  if (isUtf8(bytes)) {
    const text = bytes.toString()
    if (!UNSPEAKABLE.test(text)) return { text, encoded: false }
  }
  return { text: bytes.toString('base64'), encoded: true }
}
