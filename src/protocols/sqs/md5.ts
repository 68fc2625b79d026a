/** The digests that clients check what they sent and got by. They protect against nobody. */
import { hash } from 'node:crypto'
import type { MessageAttribute } from './envelope.ts'

export function md5(text: string | Uint8Array): string {
  return hash('md5', text)
}

/**
 * Attributes by name in the order of bytes; of each the length and bytes of its name, of its whole type, a byte that says of what kind its value is, and
 * the length and bytes of that. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
 */
export function md5OfAttributes(attributes: readonly (readonly [string, MessageAttribute])[]): string | undefined {
  if (attributes.length === 0) return undefined
  const pieces: Buffer[] = []
  const add = (bytes: Buffer): void => {
    const length = Buffer.allocUnsafe(4)
    length.writeUInt32BE(bytes.length)
    pieces.push(length, bytes)
  }
  for (const [name, { DataType, StringValue, BinaryValue }] of attributes.toSorted(byName)) {
    add(Buffer.from(name))
    add(Buffer.from(DataType))
    pieces.push(Buffer.of(BinaryValue === undefined ? 1 : 2))
    add(BinaryValue === undefined ? Buffer.from(StringValue ?? '') : Buffer.from(BinaryValue, 'base64'))
  }
  return hash('md5', Buffer.concat(pieces))
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0
}
