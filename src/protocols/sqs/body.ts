/** Bodies of requests, as far as there is room for them. */
import type { IncomingMessage } from 'node:http'
import { tooLarge } from './head.ts'
import { MOST_BODY, type Allowance } from './limits.ts'
import { SqsError } from './sqs-error.ts'

interface Reading<Call> {
  readonly call: Call
  readonly chunks: Buffer[]
  size: number
}

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
    this.#readings.set(req, { call, chunks: [], size: 0 })
    req.on('data', this.#onData)
    req.on('end', this.#onEnd)
    req.on('error', this.#onClose)
    req.on('close', this.#onClose)
  }

  #more(req: IncomingMessage, chunk: Buffer): void {
    const reading = this.#readings.get(req)
    if (!reading) return
    reading.chunks.push(chunk)
    reading.size += chunk.length
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
    const { call, chunks } = reading
    this.#on.read(call, chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks))
  }

  #forget(req: IncomingMessage): Reading<Call> | undefined {
    const reading = this.#readings.get(req)
    if (!reading) return undefined
    this.#readings.delete(req)
    this.#room.giveBack(reading.size)
    return reading
  }
}
