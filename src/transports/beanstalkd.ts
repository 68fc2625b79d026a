/** A client of beanstalkd's protocol: the half that a transport and the command line stand on. */
import { connect, type Socket } from 'node:net'
import { ConnectionError, InvalidArgumentError, ServerError } from '../errors.ts'
import type { JobId, Ms } from '../job.ts'

export interface BeanstalkdJob {
  id: JobId
  body: Buffer
}

export type Address = { host: string; port: number } | { path: string }

interface Pending {
  /** The word with which a success begins. */
  words: readonly string[]
  resolve: (reply: Reply) => void
  reject: (error: Error) => void
  command: string
}
interface Reply {
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

/**
 * The address in a URL.
 * @param url `beanstalkd://host:port` (port 11300 unless it says otherwise) or `beanstalkd:///path/to.sock`
 * @throws InvalidArgumentError
 */
export function parseAddress(url: string): Address {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch {
    throw new InvalidArgumentError(`'${url}' is no address; write beanstalkd://127.0.0.1:11300.`)
  }
  if (parsed.hostname === '' && parsed.pathname.length > 1) return { path: decodeURIComponent(parsed.pathname) }
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  return { host: host === '' ? '127.0.0.1' : host, port: parsed.port === '' ? 11_300 : Number(parsed.port) }
}

/**
 * One connection to a beanstalkd server, a real one or ours. Commands may be called without waiting for those before: they are sent at once, and
 * their replies come in order.
 * @example
 * const client = await BeanstalkdClient.connect({ host: '127.0.0.1', port: 11300 })
 * await client.put('mail', Buffer.from('{"job":"sendMail"}'))
 */
export class BeanstalkdClient {
  readonly #socket: Socket
  readonly #pending: Pending[] = []
  #chunks: Buffer[] = []
  #length = 0
  /** How many bytes the reply that is being read needs, as far as it is known. */
  #needed = 0
  #used = 'default'
  #error: Error | undefined

  private constructor(socket: Socket, name: string) {
    this.#socket = socket
    socket.setNoDelay()
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
   * @param timeout how long it may take to connect. Default 5 s
   * @throws ConnectionError
   */
  static async connect(address: Address, timeout: Ms = 5000): Promise<BeanstalkdClient> {
    const name = 'path' in address ? address.path : `${address.host}:${address.port}`
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
    return new BeanstalkdClient(socket, name)
  }

  /** delay and ttr in seconds; pri: lower is more urgent. */
  async put(
    tube: string,
    body: Uint8Array,
    { pri = 65_536, delay = 0, ttr = 60 } = {},
  ): Promise<{ id: JobId; buried: boolean }> {
    await this.#use(tube)
    const command = `put ${pri} ${delay} ${ttr} ${body.length}`
    const { words } = await this.#send(command, ['INSERTED', 'BURIED'], body)
    return { id: Number(words[1]), buried: words[0] === 'BURIED' }
  }

  /** @param timeout in seconds; undefined: waits for ever. undefined as answer: nothing came in time, or a job held by this connection is about to time out */
  async reserve(timeout?: number): Promise<BeanstalkdJob | undefined> {
    const command = timeout === undefined ? 'reserve' : `reserve-with-timeout ${timeout}`
    return jobOf(await this.#send(command, ['RESERVED', 'TIMED_OUT', 'DEADLINE_SOON']))
  }

  async watch(tube: string): Promise<number> {
    return Number((await this.#send(`watch ${tube}`, ['WATCHING'])).words[1])
  }

  async ignore(tube: string): Promise<number> {
    return Number((await this.#send(`ignore ${tube}`, ['WATCHING'])).words[1])
  }

  /** false: there is no such job, or another connection has it reserved. */
  async delete(id: JobId): Promise<boolean> {
    return this.#found(`delete ${id}`, 'DELETED')
  }

  async release(id: JobId, { pri = 65_536, delay = 0 } = {}): Promise<boolean> {
    return this.#found(`release ${id} ${pri} ${delay}`, 'RELEASED', 'BURIED')
  }

  async bury(id: JobId, pri = 65_536): Promise<boolean> {
    return this.#found(`bury ${id} ${pri}`, 'BURIED')
  }

  async touch(id: JobId): Promise<boolean> {
    return this.#found(`touch ${id}`, 'TOUCHED')
  }

  async kickJob(id: JobId): Promise<boolean> {
    return this.#found(`kick-job ${id}`, 'KICKED')
  }

  /** Makes so many buried jobs ready, or delayed ones if none is buried. */
  async kick(tube: string, bound: number): Promise<number> {
    await this.#use(tube)
    return Number((await this.#send(`kick ${bound}`, ['KICKED'])).words[1])
  }

  async peek(id: JobId): Promise<BeanstalkdJob | undefined> {
    return jobOf(await this.#send(`peek ${id}`, ['FOUND', 'NOT_FOUND']))
  }

  async peekNext(tube: string, state: 'ready' | 'delayed' | 'buried'): Promise<BeanstalkdJob | undefined> {
    await this.#use(tube)
    return jobOf(await this.#send(`peek-${state}`, ['FOUND', 'NOT_FOUND']))
  }

  /** Nobody reserves from the tube for so many seconds; 0 ends a pause. false: there is no such tube. */
  async pause(tube: string, seconds: number): Promise<boolean> {
    return this.#found(`pause-tube ${tube} ${seconds}`, 'PAUSED')
  }

  async listTubes(): Promise<string[]> {
    const { body } = await this.#send('list-tubes', ['OK'])
    return body
      .toString()
      .split('\n')
      .filter((line) => line.startsWith('- '))
      .map((line) => line.slice(2))
  }

  async stats(): Promise<Map<string, string>> {
    return dictionary(await this.#send('stats', ['OK']))
  }

  async statsTube(tube: string): Promise<Map<string, string> | undefined> {
    return dictionaryIf(await this.#send(`stats-tube ${tube}`, ['OK', 'NOT_FOUND']))
  }

  async statsJob(id: JobId): Promise<Map<string, string> | undefined> {
    return dictionaryIf(await this.#send(`stats-job ${id}`, ['OK', 'NOT_FOUND']))
  }

  /** Commands without a reply yet are rejected. */
  close(): void {
    this.#socket.end('quit\r\n')
    this.#fail(new ConnectionError('The connection was closed.'))
  }

  async #use(tube: string): Promise<void> {
    if (tube === this.#used) return
    await this.#send(`use ${tube}`, ['USING'])
    this.#used = tube
  }

  async #found(command: string, ...words: string[]): Promise<boolean> {
    return (await this.#send(command, [...words, 'NOT_FOUND'])).words[0] !== 'NOT_FOUND'
  }

  #send(command: string, words: readonly string[], body?: Uint8Array): Promise<Reply> {
    if (this.#error) return Promise.reject(this.#error)
    if (/[\r\n\0]/.test(command))
      return Promise.reject(
        new InvalidArgumentError(`${JSON.stringify(command)} is no command of beanstalkd's protocol.`),
      )
    return new Promise((resolve, reject) => {
      this.#pending.push({ words, resolve, reject, command: command.split(' ', 1)[0] as string })
      this.#socket.cork()
      this.#socket.write(`${command}\r\n`)
      if (body) {
        this.#socket.write(body)
        this.#socket.write('\r\n')
      }
      this.#socket.uncork()
    })
  }

  #read(chunk: Buffer): void {
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
    let body: Buffer = Buffer.alloc(0)
    if (WITH_BODY.has(words[0] as string)) {
      const size = Number(words.at(-1))
      if (!Number.isSafeInteger(size) || size < 0 || size > MAX_BODY) {
        this.#break(`announced a body of ${words.at(-1)} bytes`)
        return Buffer.alloc(0)
      }
      if (input.length < at + size + 2) {
        this.#needed = at + size + 2
        return input
      }
      body = input.subarray(at, at + size)
      at += size + 2
    }
    this.#needed = 0
    const pending = this.#pending.shift()
    if (!pending) this.#break(`said '${line}' unasked`)
    else if (pending.words.includes(words[0] as string)) pending.resolve({ line, words, body })
    else pending.reject(new ServerError(`The server answered ${pending.command} with '${line}'.`))
    return input.subarray(at)
  }

  #break(what: string): void {
    this.#fail(new ConnectionError(`The server ${what}: it doesn't speak beanstalkd's protocol.`))
    this.#socket.destroy()
  }

  #fail(error: Error): void {
    this.#error ??= error
    for (const { reject } of this.#pending.splice(0)) reject(error)
  }
}

function jobOf({ words, body }: Reply): BeanstalkdJob | undefined {
  return words[0] === 'RESERVED' || words[0] === 'FOUND' ? { id: Number(words[1]), body } : undefined
}

function dictionaryIf(reply: Reply): Map<string, string> | undefined {
  return reply.words[0] === 'OK' ? dictionary(reply) : undefined
}

function dictionary({ body }: Reply): Map<string, string> {
  const entries = body
    .toString()
    .split('\n')
    .map((line) => /^([^:]+): (.*)$/.exec(line))
    .filter((match) => match !== null)
  return new Map(entries.map(([, key = '', value = '']) => [key, value.replace(/^"(.*)"$/, '$1')]))
}
