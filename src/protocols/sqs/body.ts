/** Bodies of requests, as far as there is room for them. */
import type { IncomingMessage } from 'node:http'
import { tooLarge } from './head.ts'
import { MOST_BODY, type Allowance } from './limits.ts'
import { SqsError } from './sqs-error.ts'

interface Reading<Call> {
  readonly call: Call
  /** What came, and room for more behind it: pieces of a byte each, as they may come, would take a thousand times what they hold. */
  body: Buffer
  size: number
}

const EMPTY = Buffer.alloc(0)

/** Exactly one of them is called, unless the request breaks off, or is too slow: there is nobody to be told then. */
export interface BodyEvents<Call> {
  read(call: Call, body: Buffer): void
  /** The rest isn't read. */
  refused(call: Call, error: SqsError): void
}

export class Bodies<Call> {
  readonly #room: Allowance
  readonly #on: BodyEvents<Call>
  readonly #readings = new Map<IncomingMessage, Reading<Call>>()
  // The same for all requests: each is kept for as long as it is answered, with what listens to it.
  readonly #onData: (this: IncomingMessage, chunk: Buffer) => void
  readonly #onEnd: (this: IncomingMessage) => void
  readonly #onClose: (this: IncomingMessage) => void

  constructor(room: Allowance, on: BodyEvents<Call>) {
    this.#room = room
    this.#on = on
    const more = (req: IncomingMessage, chunk: Buffer): void => this.#more(req, chunk)
    const end = (req: IncomingMessage): void => this.#end(req)
    const forget = (req: IncomingMessage): unknown => this.#forget(req)
    this.#onData = function (chunk) {
      more(this, chunk)
    }
    this.#onEnd = function () {
      end(this)
    }
    this.#onClose = function () {
      forget(this)
    }
  }

  read(req: IncomingMessage, call: Call): void {
    this.#readings.set(req, { call, body: EMPTY, size: 0 })
    req.on('data', this.#onData)
    req.on('end', this.#onEnd)
    req.on('error', this.#onClose)
    req.on('close', this.#onClose)
  }

  #more(req: IncomingMessage, chunk: Buffer): void {
    const reading = this.#readings.get(req)
    if (!reading) return
    append(reading, chunk)
    const fits = this.#room.take(chunk.length)
    if (fits && reading.size <= MOST_BODY) return
    this.#forget(req)
    this.#on.refused(
      reading.call,
      reading.size > MOST_BODY
        ? tooLarge()
        : new SqsError('ServiceUnavailable', 'Too much is being sent at once. Try again.'),
    )
  }

  #end(req: IncomingMessage): void {
    const reading = this.#forget(req)
    if (!reading) return
    const { call, body, size } = reading
    this.#on.read(call, body.subarray(0, size))
  }

  #forget(req: IncomingMessage): Reading<Call> | undefined {
    const reading = this.#readings.get(req)
    if (!reading) return undefined
    this.#readings.delete(req)
    this.#room.giveBack(reading.size)
    return reading
  }
}

/** Most bodies come in one piece, which is kept as it is. */
function append(reading: Reading<unknown>, chunk: Buffer): void {
  const { body, size } = reading
  reading.size += chunk.length
  if (size === 0) reading.body = chunk
  else {
    if (reading.size > body.length) {
      reading.body = Buffer.allocUnsafe(2 * reading.size)
      body.copy(reading.body, 0, 0, size)
    }
    chunk.copy(reading.body, size)
  }
}
