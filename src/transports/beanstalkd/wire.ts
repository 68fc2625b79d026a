/** One connection: commands out, replies in, in order. */
import { connect, type Socket } from 'node:net'
import { ConnectionError, InvalidArgumentError, ServerError } from '../../errors.ts'
import type { Ms } from '../../job.ts'
import { nameOfAddress, type Address } from './address.ts'

interface Pending {
  /** The word with which a success begins. */
  words: readonly string[]
  resolve: (reply: Reply) => void
  reject: (error: Error) => void
  command: string
}
export interface Reply {
  line: string
  words: string[]
  body: Buffer
}

/** Replies that bring so many bytes behind their line, named last in it. */
const WITH_BODY = new Set(['RESERVED', 'FOUND', 'OK'])
/** No reply's line is longer. */
const MAX_LINE = 1024
/** A body that a server announces may be as large as beanstalkd allows. */
const MAX_BODY = 2 ** 30
/** Smaller bodies are copied, so that one turn's commands are one write. */
const COPIED = 65_536
/** So long a server may be silent that is to close the connection, too. */
const FAREWELL: Ms = 2000

export class Wire {
  readonly #socket: Socket
  #pending: Pending[] = []
  /** Those before it have been answered. */
  #next = 0
  #out: (string | Uint8Array)[] = []
  #chunks: Buffer[] = []
  #length = 0
  /** How many bytes the reply that is being read needs, as far as it is known. */
  #needed = 0
  #error: Error | undefined
  #onEnd: ((error: Error) => void) | undefined
  /** When something came last, or was asked while nothing else was. */
  #heard: Ms = 0

  private constructor(socket: Socket, name: string) {
    this.#socket = socket
    socket.setNoDelay()
    socket.setKeepAlive(true, 30_000)
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', (error) =>
      this.#fail(
        new ConnectionError(`The connection to ${name} broke: ${error.message}. What had no reply may have happened.`, {
          cause: error,
        }),
      ),
    )
    socket.on('close', () =>
      this.#fail(new ConnectionError(`${name} closed the connection. What had no reply may have happened.`)),
    )
  }

  /**
   * @param timeout how long it may take to connect
   * @throws ConnectionError
   */
  static async connect(address: Address, timeout: Ms): Promise<Wire> {
    const name = nameOfAddress(address)
    const socket = connect(address)
    await new Promise<void>((resolve, reject) => {
      const refuse = (reason: string, cause?: Error) => {
        socket.destroy()
        reject(
          new ConnectionError(
            `No server answers at ${name} (${reason}). Start one with "queueup serve", or name another.`,
            { cause },
          ),
        )
      }
      socket.setTimeout(timeout, () => refuse(`nothing within ${timeout / 1000} s`))
      socket.once('error', (error) => refuse(error.message, error))
      socket.once('connect', resolve)
    })
    socket.setTimeout(0)
    socket.removeAllListeners('error')
    return new Wire(socket, name)
  }

  /** Is called once, when the connection has ended, by whomever. */
  ended(on: (error: Error) => void): void {
    if (this.#error) on(this.#error)
    else this.#onEnd = on
  }

  get over(): boolean {
    return this.#error !== undefined
  }

  /** For how long a reply has been waited for and nothing has come. */
  get silence(): Ms {
    return this.#next < this.#pending.length ? performance.now() - this.#heard : 0
  }

  /**
   * Commands of one turn are sent together; their replies come in order.
   * @param words with which a reply begins that is a success
   * @throws ServerError another reply
   * @throws ConnectionError, InvalidArgumentError
   */
  send(command: string, words: readonly string[], body?: Uint8Array): Promise<Reply> {
    if (this.#error) return Promise.reject(this.#error)
    if (/[\r\n\0]/.test(command))
      return Promise.reject(
        new InvalidArgumentError(`${JSON.stringify(command)} is no command of beanstalkd's protocol.`),
      )
    return new Promise((resolve, reject) => {
      if (this.#next === this.#pending.length) this.#heard = performance.now()
      this.#pending.push({ words, resolve, reject, command })
      if (this.#out.length === 0) process.nextTick(this.#flush)
      this.#out.push(`${command}\r\n`)
      if (body) this.#out.push(body, '\r\n')
    })
  }

  /** Tells the server, which closes the connection. Commands without a reply yet are rejected. */
  close(): void {
    if (!this.#error) {
      this.#out.push('quit\r\n')
      this.#flush()
      this.#socket.end()
      // One that is stopped, or whose machine is gone, never does.
      this.#socket.setTimeout(FAREWELL, () => this.#socket.destroy())
    }
    this.#fail(new ConnectionError('The connection was closed.'))
  }

  /** At once. Commands without a reply yet are rejected with the error. */
  destroy(error: Error): void {
    this.#fail(error)
    this.#socket.destroy()
  }

  /** Resolves when the connection is closed at both ends. */
  closed(): Promise<void> {
    return this.#socket.closed ? Promise.resolve() : new Promise((resolve) => this.#socket.once('close', resolve))
  }

  readonly #flush = (): void => {
    const out = this.#out
    this.#out = []
    if (out.length === 0 || this.#socket.destroyed) return
    this.#socket.cork()
    let from = 0
    for (let i = 0; i <= out.length; i++) {
      const part = out[i]
      if (part !== undefined && (typeof part === 'string' || part.length <= COPIED)) continue
      if (i > from) this.#socket.write(joined(out, from, i))
      if (part !== undefined) this.#socket.write(part)
      from = i + 1
    }
    this.#socket.uncork()
  }

  #read(chunk: Buffer): void {
    this.#heard = performance.now()
    this.#chunks.push(chunk)
    this.#length += chunk.length
    while (this.#length >= this.#needed && this.#length > 0) {
      const input = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks)
      const rest = this.#take(input)
      this.#chunks = rest.length > 0 ? [rest] : []
      this.#length = rest.length
      if (rest.length === input.length) return
    }
  }

  /** Takes one reply off the input. Returns what is left: all of it, while the reply isn't whole. */
  #take(input: Buffer): Buffer {
    const end = input.indexOf('\r\n')
    if (end < 0 || end > MAX_LINE) {
      if (input.length > MAX_LINE) this.#break('sent a line that is too long')
      this.#needed = input.length + 1
      return input
    }
    const line = input.toString('latin1', 0, end)
    const words = line.split(' ')
    let at = end + 2
    let body: Buffer = NONE
    if (WITH_BODY.has(words[0] as string)) {
      const size = Number(words.at(-1))
      if (!Number.isSafeInteger(size) || size < 0 || size > MAX_BODY) {
        this.#break(`announced a body of ${words.at(-1)} bytes`)
        return NONE
      }
      if (input.length < at + size + 2) {
        this.#needed = at + size + 2
        return input
      }
      body = input.subarray(at, at + size)
      at += size + 2
    }
    this.#needed = 0
    const pending = this.#shift()
    if (!pending) this.#break(`said '${line}' unasked`)
    else if (pending.words.includes(words[0] as string)) pending.resolve({ line, words, body })
    else
      pending.reject(
        new ServerError(`The server answered ${pending.command.split(' ', 1)[0] ?? ''} with '${line}'.`, words[0]),
      )
    return input.subarray(at)
  }

  #shift(): Pending | undefined {
    const pending = this.#pending[this.#next]
    if (!pending) return undefined
    if (++this.#next === this.#pending.length) {
      this.#pending = []
      this.#next = 0
    } else if (this.#next === 1024) {
      this.#pending = this.#pending.slice(1024)
      this.#next = 0
    }
    return pending
  }

  #break(what: string): void {
    this.destroy(new ConnectionError(`The server ${what}: it doesn't speak beanstalkd's protocol.`))
  }

  #fail(error: Error): void {
    if (this.#error) return
    this.#error = error
    const pending = this.#pending.slice(this.#next)
    this.#pending = []
    this.#next = 0
    this.#onEnd?.(error)
    for (const { reject } of pending) reject(error)
  }
}

const NONE = Buffer.alloc(0)

function joined(parts: readonly (string | Uint8Array)[], from: number, to: number): Buffer {
  let length = 0
  for (let i = from; i < to; i++) length += Buffer.byteLength(parts[i] as string | Uint8Array)
  const all = Buffer.allocUnsafe(length)
  let at = 0
  for (let i = from; i < to; i++) {
    const part = parts[i] as string | Uint8Array
    if (typeof part === 'string') at += all.write(part, at)
    else {
      all.set(part, at)
      at += part.length
    }
  }
  return all
}
