import type { Socket } from 'node:net'
import { connection } from './connection.ts'

const END = Buffer.from('\r\n\r\n')
const LENGTH = /\r\ncontent-length: *(\d+)/i
const OK = ' 200 '

type Answered = (body: Buffer) => void

/**
 * A connection over which one HTTP request is sent after another. It looks at as little of the answers as it can, so that the server is what limits: requests are
 * bytes made before, and answers must be of status 200 and have a Content-Length.
 */
export class HttpConnection {
  readonly #socket: Socket
  readonly #failed: (error: Error) => void
  #answered: Answered | undefined
  /** The begin of an answer whose end hasn't come. */
  #rest: Buffer | undefined

  private constructor(socket: Socket, failed: (error: Error) => void) {
    this.#socket = socket
    this.#failed = failed
  }

  /** @param failed what the server said that it shouldn't, or that it has hung up */
  static async open(port: number, failed: (error: Error) => void): Promise<HttpConnection> {
    const socket = await connection(port, failed, (buffer, length) => opened.read(buffer.subarray(0, length)))
    const opened = new HttpConnection(socket, failed)
    return opened
  }

  /**
   * The last request must have been answered.
   * @param answered is given the answer's body, which is there only until it returns
   */
  ask(request: Buffer, answered: Answered): void {
    this.#answered = answered
    this.#socket.write(request)
  }

  /** For what isn't measured. */
  asked(request: Buffer): Promise<string> {
    return new Promise((resolve) => this.ask(request, (body) => resolve(body.toString())))
  }

  close(): void {
    this.#socket.destroy()
  }

  read(chunk: Buffer): void {
    const from = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk
    const end = from.indexOf(END)
    const head = end < 0 ? '' : from.toString('latin1', 0, end)
    const size = Number(LENGTH.exec(head)?.[1] ?? NaN)
    if (end < 0 || from.length < end + 4 + size) {
      this.#rest = Buffer.from(from)
      return
    }
    this.#rest = undefined
    if (!head.startsWith(OK, 8) || Number.isNaN(size))
      return this.#failed(new Error(`The server answered ${from.toString('utf8', 0, 1000)}`))
    this.#answered?.(from.subarray(end + 4, end + 4 + size))
  }
}
