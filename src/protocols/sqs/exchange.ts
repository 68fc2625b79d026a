import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { writeAnswer } from './answer.ts'
import { formOf, type Answer, type Form, type Request } from './codec.ts'
import type { Connection } from './connection.ts'
import type { Call, Caller, Gone } from './host.ts'
import { LARGE_ANSWER } from './limits.ts'

/** Until it is known who asks. */
const NOBODY: Caller = Object.freeze({ may: () => false })

/** A request of one connection, and its answer. */
export class Exchange implements Call {
  readonly form: Form
  readonly connection: Connection
  caller = NOBODY
  gone = false
  onGone?: Gone
  readonly #res: ServerResponse
  readonly #originOf: (req: IncomingMessage) => string
  #id: string | undefined

  constructor(res: ServerResponse, connection: Connection, originOf: (req: IncomingMessage) => string) {
    this.#res = res
    this.form = formOf(headOf(res.req))
    this.connection = connection
    this.#originOf = originOf
  }

  /** Made when it is told: who waits needs none. */
  get id(): string {
    return (this.#id ??= randomUUID())
  }

  get origin(): string {
    return this.#originOf(this.#res.req)
  }

  get trace(): string | undefined {
    const trace = this.#res.req.headers['x-amzn-trace-id']
    return typeof trace === 'string' && trace !== '' ? trace : undefined
  }

  get req(): IncomingMessage {
    return this.#res.req
  }

  /** What says what is asked for, but for the body. */
  get head(): Omit<Request, 'body'> {
    return headOf(this.#res.req)
  }

  hangUp(): void {
    this.gone = true
    this.onGone?.hungUp()
  }

  /** @param last the connection ends with it */
  answer(answer: Answer, last: boolean): void {
    const { connection } = this
    // Until the answer is on its way, what it says may not have been said.
    if (this.onGone)
      this.#res.once('finish', () => {
        // Node.js 22 says so of what was cut off, too.
        if (!connection.destroyed) connection.end(this)
      })
    else connection.end(this)
    if (this.gone) return
    const large = answer.body.length >= LARGE_ANSWER
    if (large && !connection.keep(this.#res, Buffer.byteLength(answer.body))) return
    this.write(answer, last)
  }

  /** The rest of the request isn't read. */
  refuse(answer: Answer): void {
    this.connection.refused = true
    this.write(answer, true)
  }

  write(answer: Answer, last: boolean): void {
    writeAnswer(this.#res, this.id, answer, last)
    // Who waits, or has taken it at once, needs no timer.
    if (this.#res.writableLength > 0) this.connection.hurry()
  }
}

function headOf({ method = '', url = '', headers }: IncomingMessage): Omit<Request, 'body'> {
  return { method, url, contentType: headers['content-type'], target: headers['x-amz-target'] as string | undefined }
}
