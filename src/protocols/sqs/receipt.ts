/** Names that clients get: of messages, and of what was received. Both hold on every process of the store, and after a restart. */
import { hash, randomBytes } from 'node:crypto'
import type { Broker, Session } from '../../broker/broker.ts'
import { changeRecord } from '../../broker/records.ts'
import type { Fence, JobId, Ms, Queue } from '../../job.ts'
import { same } from './hmac.ts'
import { shown, SqsError } from './sqs-error.ts'

/** What a receipt handle says. */
export interface Receipt {
  id: JobId
  n: Fence
  /** When the message was received. */
  at: Ms
}

/** The record that holds this store's secret. */
const KEY = 'sqs/key'
/** A handle: what it says, three doubles in Base64, and its signature. */
const HANDLE = /^[\w-]{54}$/
const SAYS = 32
const SIGNED = 22

const bytes = Buffer.alloc(24)
const doubles = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

interface KeyRecord {
  secret: string
  /** The part of message ids that tells stores apart: 15 hexadecimal digits. */
  store: string
}

export class Receipts {
  readonly #secret: string
  readonly #prefix: string

  private constructor({ secret, store }: KeyRecord) {
    this.#secret = secret
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
    doubles.setFloat64(0, id)
    doubles.setFloat64(8, n)
    doubles.setFloat64(16, at)
    return this.#sign(queue, bytes.toString('base64url'))
  }

  /** @throws SqsError ReceiptHandleIsInvalid: it is none of this queue's */
  read(queue: Queue, handle: string): Receipt {
    if (!HANDLE.test(handle) || !same(handle, this.#sign(queue, handle.slice(0, SAYS)))) throw garbage(handle)
    bytes.write(handle, 'base64url')
    return { id: doubles.getFloat64(0), n: doubles.getFloat64(8), at: doubles.getFloat64(16) }
  }

  /**
   * One hash behind the secret, of which half is kept: as sound a MAC as HMAC with its two (AMAC, https://eprint.iacr.org/2016/142). No queue has a
   * zero in its name.
   */
  #sign(queue: Queue, says: string): string {
    return says + hash('sha256', `${this.#secret}${queue}\0${says}`, 'base64url').slice(0, SIGNED)
  }
}

/** Grows within a group, and is as long as the service's. */
export function sequenceNumber(rank: number): string {
  return `1${String(rank).padStart(19, '0')}`
}

function garbage(handle: string): SqsError {
  return new SqsError(
    'ReceiptHandleIsInvalid',
    `The input receipt handle "${shown(handle)}" is not a valid receipt handle.`,
  )
}
