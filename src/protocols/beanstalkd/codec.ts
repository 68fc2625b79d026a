/** From bytes to commands: what comes in pieces is put together, and bodies are told from lines. Pure: no connection, no clock. */
import { MAX_LINE, type Command } from './command.ts'
import { BAD_FORMAT, parseLine, parsePutLine, type PutLine } from './command-line.ts'

const CR = 13
const LF = 10
const SPACE = 32

/** A chunk that is smaller is joined with the next: what comes in drops must not be kept as so many. */
const SMALL_CHUNK = 4096

/** A put that would be well, but for what follows its line. */
const BAD_PUT: Command = { name: 'refused', reply: 'BAD_FORMAT', counts: 'put' }
const EXPECTED_CRLF: Command = { name: 'refused', reply: 'EXPECTED_CRLF', counts: 'put' }
const JOB_TOO_BIG: Command = { name: 'refused', reply: 'JOB_TOO_BIG', counts: 'put' }

/**
 * Takes bytes as they come and gives commands. It keeps what is incomplete: a line of at most 224 bytes, or a body whose size was accepted.
 * The bytes of a body that was refused are passed over, never read as commands and never kept.
 */
export class Parser {
  readonly #maxJobSize: number
  #input: Buffer = Buffer.alloc(0)
  #at = 0
  /** What came after it. */
  #later: Buffer[] = []
  #laterBytes = 0
  /** A body that is being read, with its CRLF. */
  #put: PutLine | undefined
  #body: Buffer | undefined
  #filled = 0
  /** Bytes of a refused body that are still to come. */
  #skip = 0
  #afterSkip: Command = JOB_TOO_BIG
  /** A line was too long: the rest of it is passed over. */
  #overlong = false

  /** @param maxJobSize bytes of the largest body that is accepted */
  constructor(maxJobSize: number) {
    this.#maxJobSize = maxJobSize
  }

  /** Bytes that wait to be read. */
  get buffered(): number {
    return this.#input.length - this.#at + this.#laterBytes
  }

  push(chunk: Buffer): void {
    const last = this.#later.at(-1)
    if (last && last.length < SMALL_CHUNK) this.#later[this.#later.length - 1] = Buffer.concat([last, chunk])
    else this.#later.push(chunk)
    this.#laterBytes += chunk.length
    if (this.#at === this.#input.length) this.#advance()
  }

  /** The next command, or undefined when more bytes are needed. */
  next(): Command | undefined {
    if (this.#skip > 0) return this.#passOver()
    if (this.#put) return this.#readBody()
    let end = this.#lineEnd()
    while (end < 0 && this.#advance()) end = this.#lineEnd()
    if (end < 0) return undefined
    const start = this.#at
    this.#at = end + 2
    if (this.#overlong) {
      this.#overlong = false
      return BAD_FORMAT
    }
    const input = this.#input
    // 'put ' is most of the traffic of a queue.
    if (input[start] === 112 && input[start + 1] === 117 && input[start + 2] === 116 && input[start + 3] === SPACE)
      return this.#putLine(start, end)
    return parseLine(input, start, end)
  }

  /** Goes on to what came later, with the rest of a line that began before it. false: nothing did. */
  #advance(): boolean {
    const chunk = this.#later.shift()
    if (!chunk) return false
    this.#laterBytes -= chunk.length
    this.#input = this.#at === this.#input.length ? chunk : Buffer.concat([this.#input.subarray(this.#at), chunk])
    this.#at = 0
    return true
  }

  /** Where the CR of the line's end is, or -1: then more bytes are needed. */
  #lineEnd(): number {
    const input = this.#input
    let from = this.#at
    if (!this.#overlong) {
      const last = this.#at + MAX_LINE - 2
      for (;;) {
        const cr = input.indexOf(CR, from)
        if (cr < 0 || cr > last || cr + 1 === input.length) break
        if (input[cr + 1] === LF) return cr
        from = cr + 1
      }
      if (input.length - this.#at < MAX_LINE) return -1
      this.#overlong = true
      from = last + 1
    }
    const end = input.indexOf('\r\n', from, 'latin1')
    if (end < 0) this.#at = input[input.length - 1] === CR ? input.length - 1 : input.length
    return end
  }

  #putLine(start: number, end: number): Command | undefined {
    const put = parsePutLine(this.#input, start, end)
    if (!put) return BAD_FORMAT
    if (put.bytes > this.#maxJobSize) return this.#refuseBody(put.bytes + 2)
    if (put.overfull) return BAD_PUT
    this.#put = put
    return this.#readBody()
  }

  #refuseBody(bytes: number): Command | undefined {
    this.#skip = bytes
    this.#afterSkip = JOB_TOO_BIG
    return this.#passOver()
  }

  #passOver(): Command | undefined {
    do {
      const there = Math.min(this.#skip, this.#input.length - this.#at)
      this.#at += there
      this.#skip -= there
    } while (this.#skip > 0 && this.#advance())
    return this.#skip === 0 ? this.#afterSkip : undefined
  }

  #readBody(): Command | undefined {
    const { pri, delay, ttr, bytes } = this.#put as PutLine
    const size = bytes + 2
    const input = this.#input
    if (!this.#body && input.length - this.#at >= size) {
      const start = this.#at
      this.#at += size
      this.#put = undefined
      if (input[start + bytes] !== CR || input[start + bytes + 1] !== LF) return EXPECTED_CRLF
      const body = input.subarray(start, start + bytes)
      // Unless it is most of the chunk that it came in, a copy: it would keep the whole of that.
      return { name: 'put', pri, delay, ttr, body: 2 * bytes > input.buffer.byteLength ? body : Buffer.from(body) }
    }
    const body = this.#gatherBody(size)
    if (!body) return undefined
    this.#put = this.#body = undefined
    this.#filled = 0
    if (body[bytes] !== CR || body[bytes + 1] !== LF) return EXPECTED_CRLF
    return { name: 'put', pri, delay, ttr, body: body.subarray(0, bytes) }
  }

  /** A body that comes in pieces, once it is whole. */
  #gatherBody(size: number): Buffer | undefined {
    let body = (this.#body ??= Buffer.alloc(0))
    if (body.length < size && this.#filled + this.buffered > body.length) body = this.#growBody(body, size)
    do {
      const there = Math.min(size - this.#filled, this.#input.length - this.#at)
      this.#input.copy(body, this.#filled, this.#at, this.#at + there)
      this.#at += there
      this.#filled += there
    } while (this.#filled < size && this.#advance())
    return this.#filled === size ? body : undefined
  }

  /** Memory is taken as the body comes, not as it is announced. */
  #growBody(body: Buffer, size: number): Buffer {
    const needed = this.#filled + this.buffered
    const grown = Buffer.allocUnsafe(Math.min(size, Math.max(needed, 2 * this.#filled, 65_536)))
    body.copy(grown, 0, 0, this.#filled)
    return (this.#body = grown)
  }
}
