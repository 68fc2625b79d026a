import { connect, type NetConnectOpts, type Socket } from 'node:net'

/** One connection that speaks the beanstalkd protocol, bytes as they are: what is sent, and each reply in turn. */
export class Talk {
  readonly #socket: Socket
  #bytes = Buffer.alloc(0)
  #waiting: ((reply: string | undefined) => void)[] = []
  #ended = false

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (bytes) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes])
      this.#deliver()
    })
    socket.on('error', () => this.#end())
    socket.on('close', () => this.#end())
  }

  static async to(at: NetConnectOpts): Promise<Talk> {
    const socket = connect(at)
    await new Promise<void>((done, fail) => socket.once('connect', done).once('error', fail))
    return new Talk(socket)
  }

  send(bytes: string | Buffer): void {
    this.#socket.write(bytes)
  }

  /**
   * The next reply, with its body if it has one, without the last line end; undefined: the connection is closed, or nothing came.
   * `patience`: milliseconds. Default: no end.
   */
  reply(patience?: number): Promise<string | undefined> {
    return new Promise((done) => {
      const timer = patience === undefined ? undefined : setTimeout(() => done(undefined), patience)
      this.#waiting.push((reply) => {
        clearTimeout(timer)
        done(reply)
      })
      this.#deliver()
    })
  }

  /** A whole reply lies here already, or none will come. */
  get answered(): boolean {
    return this.#ended || this.#length() !== undefined
  }

  /** Sends a line, and its body as another, and resolves to the reply. */
  async ask(line: string, body?: string): Promise<string | undefined> {
    this.send(`${line}\r\n${body === undefined ? '' : `${body}\r\n`}`)
    return this.reply()
  }

  /** Nothing more will be sent; replies are still heard. */
  finish(): void {
    this.#socket.end()
  }

  /** Ends the connection, and resolves when it is closed. */
  async close(): Promise<void> {
    this.#socket.end()
    if (!this.#ended) await new Promise((done) => this.#socket.once('close', done))
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Ends the connection as one does that leaves something unread: with a reset. */
  reset(): void {
    this.#socket.resetAndDestroy()
  }

  #end(): void {
    this.#ended = true
    this.#deliver()
  }

  #deliver(): void {
    while (this.#waiting.length) {
      const reply = this.#take()
      if (reply === undefined && !this.#ended) return
      this.#waiting.shift()?.(reply)
    }
  }

  #take(): string | undefined {
    const length = this.#length()
    if (length === undefined) return undefined
    const reply = this.#bytes.toString('latin1', 0, length - 2)
    this.#bytes = this.#bytes.subarray(length)
    return reply
  }

  /** Bytes of the first reply, if it is whole. */
  #length(): number | undefined {
    const end = this.#bytes.indexOf('\r\n')
    if (end < 0) return undefined
    const size = /^(?:(?:RESERVED|FOUND) \d+|OK) (\d+)$/.exec(this.#bytes.toString('latin1', 0, end))?.[1]
    const length = end + 2 + (size === undefined ? 0 : Number(size) + 2)
    return this.#bytes.length < length ? undefined : length
  }
}
