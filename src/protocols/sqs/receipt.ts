/** Names that clients get: of messages, and of what was received. Both hold on every process of the store, and after a restart. */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Broker, Session } from '../../broker/broker.ts'
import { changeRecord } from '../../broker/records.ts'
import type { Fence, JobId, Ms, Queue } from '../../job.ts'
import { HmacKey } from './hmac.ts'
import { SqsError } from './sqs-error.ts'

/** What a receipt handle says. */
export interface Receipt {
  id: JobId
  n: Fence
  /** When the message was received. */
  at: Ms
}

/** The record that holds this store's secret. */
const KEY = 'sqs/key'
const FORM = 1
const SAYS = 25
const SIGNED = 16

interface KeyRecord {
  secret: string
  /** The part of message ids that tells stores apart: 15 hexadecimal digits. */
  store: string
}

export class Receipts {
  readonly #key: HmacKey
  readonly #prefix: string

  private constructor({ secret, store }: KeyRecord) {
    this.#key = new HmacKey(Buffer.from(secret, 'base64'))
    this.#prefix = `${store.slice(0, 8)}-${store.slice(8, 12)}-8${store.slice(12, 15)}-8`
  }

  /**
   * Reads the store's secret, or makes it.
   * @throws UnavailableError
   */
  static async open(broker: Broker, session: Session): Promise<Receipts> {
    const made = { secret: randomBytes(32).toString('base64'), store: randomBytes(8).toString('hex').slice(0, 15) }
    return new Receipts(await changeRecord(session, broker.records, KEY, (old: KeyRecord = made) => old))
  }

  /** A job's name as a message: a UUID (version 8) that ends in its id. */
  messageId(id: JobId): string {
    const digits = id.toString(16).padStart(15, '0')
    return `${this.#prefix}${digits.slice(0, 3)}-${digits.slice(3)}`
  }

  issue(queue: Queue, { id, n, at }: Receipt): string {
    const bytes = Buffer.allocUnsafe(SAYS + SIGNED)
    bytes[0] = FORM
    bytes.writeDoubleBE(id, 1)
    bytes.writeDoubleBE(n, 9)
    bytes.writeDoubleBE(at, 17)
    bytes.write(this.#sign(queue, bytes), SAYS, SIGNED, 'hex')
    return bytes.toString('base64url')
  }

  /** @throws SqsError ReceiptHandleIsInvalid: it is none of this queue's */
  read(queue: Queue, handle: string): Receipt {
    const bytes = Buffer.from(handle.slice(0, 100), 'base64url')
    if (bytes.length !== SAYS + SIGNED || bytes[0] !== FORM || bytes.toString('base64url') !== handle) throw garbage()
    const signed = Buffer.from(this.#sign(queue, bytes), 'hex').subarray(0, SIGNED)
    if (!timingSafeEqual(signed, bytes.subarray(SAYS))) throw garbage()
    return { id: bytes.readDoubleBE(1), n: bytes.readDoubleBE(9), at: bytes.readDoubleBE(17) }
  }

  /** @param bytes of a handle; what it says is signed */
  #sign(queue: Queue, bytes: Uint8Array): string {
    return this.#key.sign(`${queue}\0`, bytes.subarray(0, SAYS))
  }
}

/** Grows within a group, and is as long as the service's. */
export function sequenceNumber(rank: number): string {
  return `1${String(rank).padStart(19, '0')}`
}

function garbage(): SqsError {
  return new SqsError('ReceiptHandleIsInvalid', 'The input receipt handle is invalid.')
}
