import type { Socket } from 'node:net'
import { BODY } from '../body.ts'
import { connection } from './connection.ts'

const PUT = Buffer.concat([Buffer.from(`put 0 0 60 ${BODY.length}\r\n`), BODY, Buffer.from('\r\n')])
const RESERVE = Buffer.from('reserve\r\n')
const PAIR = Buffer.concat([PUT, RESERVE])
const DELETE = Buffer.from('delete ')

const LF = 10
const CR = 13
const SPACE = 32
const D = 'D'.charCodeAt(0)
const I = 'I'.charCodeAt(0)
const L = 'L'.charCodeAt(0)
const R = 'R'.charCodeAt(0)

/**
 * One connection that puts a job, reserves one and deletes it, over and over, with so many commands in flight. It looks at as little as it can, so that
 * the server is what limits: commands are copied from prebuilt bytes, an id goes from reply to command as the digits that came.
 */
export class Client {
  readonly #socket: Socket
  readonly #inFlight: number
  readonly #failed: (error: Error) => void
  /** Commands are written into a ring: a command's bytes are needed until its reply came, so twice the window never overtakes itself. */
  readonly #ring: Buffer
  #from = 0
  #to = 0
  #outstanding = 0
  /** The begin of a reply whose end hasn't come. */
  #rest: Buffer | undefined
  /** Bytes of a body that haven't come. */
  #skip = 0
  #putsLeft: number
  #reserving: boolean
  #idle: (() => void) | undefined
  /** Jobs that were put, and that were deleted. */
  puts = 0
  jobs = 0

  private constructor(socket: Socket, inFlight: number, failed: (error: Error) => void) {
    this.#socket = socket
    this.#inFlight = inFlight
    this.#failed = failed
    this.#ring = Buffer.allocUnsafe(Math.max(1 << 16, 4 * inFlight * PAIR.length))
    this.#putsLeft = 0
    this.#reserving = true
  }

  /**
   * @param inFlight commands that may be without a reply; 2: put and reserve in one write, then the delete, request and response
   * @param failed what the server said that it shouldn't, or that it has hung up
   */
  static async open(port: number, inFlight: number, failed: (error: Error) => void): Promise<Client> {
    const socket = await connection(port, failed, (buffer, length) => client.read(buffer, length))
    const client = new Client(socket, inFlight, failed)
    return client
  }

  /** Puts, reserves and deletes, until `stop`. */
  start(): void {
    this.#begin(Infinity)
  }

  /** The same for so many jobs. */
  async run(jobs: number): Promise<void> {
    this.#begin(jobs)
    await this.#done()
  }

  #begin(jobs: number): void {
    this.#putsLeft = jobs
    this.#reserving = true
    this.#fill()
    this.#flush()
  }

  /** Puts so many jobs that stay. */
  async backlog(jobs: number): Promise<void> {
    this.#putsLeft = jobs
    this.#reserving = false
    this.#fill()
    this.#flush()
    await this.#done()
  }

  /** Puts no more, finishes what it has put, and resolves when every command has its reply. */
  async stop(): Promise<void> {
    this.#putsLeft = 0
    await this.#done()
  }

  close(): void {
    this.#socket.destroy()
  }

  #done(): Promise<void> {
    if (this.#outstanding === 0) return Promise.resolve()
    return new Promise((resolve) => (this.#idle = resolve))
  }

  read(buffer: Buffer, length: number): void {
    let at = 0
    let end = length
    let from = buffer
    if (this.#rest) {
      from = Buffer.concat([this.#rest, buffer.subarray(0, length)])
      this.#rest = undefined
      end = from.length
    }
    if (this.#skip > 0) {
      at = Math.min(this.#skip, end)
      this.#skip -= at
    }
    while (at < end) {
      const next = this.#reply(from, at, end)
      if (next < 0) {
        this.#rest = Buffer.from(from.subarray(at, end))
        break
      }
      at = next
    }
    this.#fill()
    this.#flush()
    if (this.#outstanding === 0) this.#idle?.()
  }

  /** Where the next reply begins; -1: this one isn't complete. */
  #reply(from: Buffer, start: number, end: number): number {
    const first = from[start]
    if (first === I) {
      const at = from.indexOf(LF, start + 9)
      if (at < 0 || at >= end) return -1
      this.#outstanding--
      this.puts++
      return at + 1
    }
    if (first === R) return this.#reserved(from, start, end)
    if (first === D) {
      if (start + 9 > end) return -1
      if (from[start + 2] !== L) return this.#refuse(from, start, end)
      this.#outstanding--
      this.jobs++
      return start + 9
    }
    return this.#refuse(from, start, end)
  }

  /** `RESERVED <id> <bytes>`: answered with `delete <id>`. */
  #reserved(from: Buffer, start: number, end: number): number {
    const id = start + 9
    let at = id
    while (at < end && from[at] !== SPACE) at++
    const idEnd = at++
    let bytes = 0
    for (; at < end; at++) {
      const digit = from[at] as number
      if (digit === CR) break
      bytes = bytes * 10 + digit - 48
    }
    if (at + 2 > end) return -1
    this.#delete(from, id, idEnd)
    at += 2 + bytes + 2
    if (at <= end) return at
    this.#skip = at - end
    return end
  }

  #delete(from: Buffer, id: number, idEnd: number): void {
    this.#room(DELETE.length + 22)
    const ring = this.#ring
    let to = this.#to
    for (let i = 0; i < DELETE.length; i++) ring[to++] = DELETE[i] as number
    for (let i = id; i < idEnd; i++) ring[to++] = from[i] as number
    ring[to++] = CR
    ring[to++] = LF
    this.#to = to
  }

  #fill(): void {
    while (this.#outstanding + 2 <= this.#inFlight && this.#putsLeft > 0) {
      const commands = this.#reserving ? PAIR : PUT
      this.#room(commands.length)
      this.#ring.set(commands, this.#to)
      this.#to += commands.length
      this.#outstanding += this.#reserving ? 2 : 1
      this.#putsLeft--
    }
  }

  /** The ring goes on at its begin where so many bytes don't fit. */
  #room(bytes: number): void {
    if (this.#to + bytes <= this.#ring.length) return
    this.#flush()
    this.#from = this.#to = 0
  }

  #flush(): void {
    if (this.#to === this.#from) return
    this.#socket.write(this.#ring.subarray(this.#from, this.#to))
    this.#from = this.#to
  }

  #refuse(from: Buffer, start: number, end: number): number {
    this.#failed(
      new Error(`The server answered ${JSON.stringify(from.toString('latin1', start, Math.min(end, start + 60)))}.`),
    )
    this.#socket.destroy()
    return end
  }
}
