/**
 * beanstalkd's commands as values: command lines and bodies in. Pure: no connection, no clock.
 * Where the protocol's document and beanstalkd's code differ, this follows the code (prot.c of 1.12 and 1.13).
 */

/** A command line has at most so many bytes, with its CRLF. */
export const MAX_LINE = 224
/** A tube's name has at most so many bytes. */
export const MAX_TUBE_NAME = 200

export type Command = PutCommand | JobCommand | LoneCommand | ConnectionCommand | Refused

export interface PutCommand {
  name: 'put'
  pri: number
  delay: number
  ttr: number
  body: Uint8Array
}

/** Takes a job, or changes one. */
export type JobCommand =
  | { name: 'reserve' }
  | { name: 'reserve-with-timeout'; timeout: number }
  | { name: 'reserve-job' | 'delete' | 'touch' | 'kick-job'; id: number }
  | { name: 'release'; id: number; pri: number; delay: number }
  | { name: 'bury'; id: number; pri: number }

/** Changes or tells what the connection itself has. */
export type ConnectionCommand = { name: 'use' | 'watch' | 'ignore'; tube: string } | { name: 'list-tube-used' }

/** Is done by itself, after all that came before it. */
export type LoneCommand = Inspection | TubeCommand | { name: 'quit' }

/** Only looks. */
export type Inspection =
  | { name: 'peek' | 'stats-job'; id: number }
  | { name: 'stats-tube'; tube: string }
  | { name: 'peek-ready' | 'peek-delayed' | 'peek-buried' | 'stats' | 'list-tubes' | 'list-tubes-watched' }

/** Changes a tube, or many of its jobs. */
export type TubeCommand = { name: 'kick'; bound: number } | { name: 'pause-tube'; tube: string; delay: number }

/** What was refused as it was read: the reply, and whether it counts as a command all the same. */
export interface Refused {
  name: 'refused'
  reply: Refusal
  counts?: 'put' | 'pause-tube'
}

export type Refusal = 'BAD_FORMAT' | 'UNKNOWN_COMMAND' | 'EXPECTED_CRLF' | 'JOB_TOO_BIG'

/** An id that no job has: what is above the numbers that a job can have. */
export const NO_ID = -1

const CR = 13
const LF = 10
const SPACE = 32
const ZERO = 48
const NINE = 57
const U32 = 2 ** 32 - 1

/** A chunk that is smaller is joined with the next: what comes in drops must not be kept as so many. */
const SMALL_CHUNK = 4096

const BAD_FORMAT: Command = { name: 'refused', reply: 'BAD_FORMAT' }
/** A put that would be well, but for what follows its line. */
const BAD_PUT: Command = { name: 'refused', reply: 'BAD_FORMAT', counts: 'put' }
const BAD_PAUSE: Command = { name: 'refused', reply: 'BAD_FORMAT', counts: 'pause-tube' }
const UNKNOWN_COMMAND: Command = { name: 'refused', reply: 'UNKNOWN_COMMAND' }
const EXPECTED_CRLF: Command = { name: 'refused', reply: 'EXPECTED_CRLF', counts: 'put' }
const JOB_TOO_BIG: Command = { name: 'refused', reply: 'JOB_TOO_BIG', counts: 'put' }

/** The beginnings by which commands are told apart, in beanstalkd's order: `statsX` is `stats` with a bad format, `quitX` is `quit`. */
const PREFIXES: readonly [prefix: string, name: Exclude<Command['name'], 'put' | 'refused'>][] = [
  ['peek ', 'peek'],
  ['peek-ready', 'peek-ready'],
  ['peek-delayed', 'peek-delayed'],
  ['peek-buried', 'peek-buried'],
  ['reserve-with-timeout ', 'reserve-with-timeout'],
  ['reserve-job ', 'reserve-job'],
  ['reserve', 'reserve'],
  ['delete ', 'delete'],
  ['release ', 'release'],
  ['bury ', 'bury'],
  ['kick ', 'kick'],
  ['kick-job ', 'kick-job'],
  ['touch ', 'touch'],
  ['stats-job ', 'stats-job'],
  ['stats-tube ', 'stats-tube'],
  ['stats', 'stats'],
  ['use ', 'use'],
  ['watch ', 'watch'],
  ['ignore ', 'ignore'],
  ['list-tubes-watched', 'list-tubes-watched'],
  ['list-tube-used', 'list-tube-used'],
  ['list-tubes', 'list-tubes'],
  ['quit', 'quit'],
  ['pause-tube', 'pause-tube'],
]

/** The same by their first byte, as bytes: most lines are never made a string. */
const BY_FIRST_BYTE = new Map<number, { prefix: Buffer; name: (typeof PREFIXES)[number][1] }[]>()
for (const [text, name] of PREFIXES) {
  const prefix = Buffer.from(text)
  const first = prefix[0] as number
  BY_FIRST_BYTE.set(first, [...(BY_FIRST_BYTE.get(first) ?? []), { prefix, name }])
}

interface PutLine {
  pri: number
  delay: number
  ttr: number
  bytes: number
}

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
    const input = this.#input
    if (hasZero(input, start, end)) return BAD_FORMAT
    const numbers = new Numbers(input, start + 4, end)
    const pri = numbers.next(U32)
    const delay = numbers.next(U32)
    const ttr = numbers.next(U32)
    const bytes = numbers.next(U32)
    if (pri < 0 || delay < 0 || ttr < 0 || bytes < 0) return BAD_FORMAT
    if (bytes > this.#maxJobSize) return this.#refuseBody(bytes + 2)
    if (!numbers.atEnd) return BAD_PUT
    this.#put = { pri, delay, ttr, bytes }
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

function parseLine(input: Buffer, start: number, end: number): Command {
  if (hasZero(input, start, end)) return BAD_FORMAT
  const found = BY_FIRST_BYTE.get(input[start] as number)?.find(({ prefix }) => beginsWith(input, start, end, prefix))
  if (!found) return UNKNOWN_COMMAND
  const { name } = found
  const from = start + found.prefix.length
  const numbers = new Numbers(input, from, end)
  const rest = () => input.toString('latin1', from, end)
  switch (name) {
    case 'reserve-with-timeout': {
      const timeout = Number(looseNumber(rest()) ?? 0n)
      return timeout < 0 || timeout > 2 ** 31 - 1 ? BAD_FORMAT : { name, timeout }
    }
    case 'kick': {
      const bound = looseNumber(rest())
      if (bound === undefined || bound >= 2n ** 64n || bound <= -(2n ** 64n)) return BAD_FORMAT
      return { name, bound: Number(BigInt.asUintN(32, bound)) }
    }
    case 'reserve-job':
    case 'delete':
    case 'touch':
    case 'kick-job':
    case 'peek':
    case 'stats-job': {
      const id = numbers.nextId()
      return id === undefined || !numbers.atEnd ? BAD_FORMAT : { name, id }
    }
    case 'release': {
      const id = numbers.nextId()
      const pri = numbers.next(U32)
      const delay = numbers.next(U32)
      return id === undefined || pri < 0 || delay < 0 || !numbers.atEnd ? BAD_FORMAT : { name, id, pri, delay }
    }
    case 'bury': {
      const id = numbers.nextId()
      const pri = numbers.next(U32)
      return id === undefined || pri < 0 || !numbers.atEnd ? BAD_FORMAT : { name, id, pri }
    }
    case 'use':
    case 'watch':
    case 'ignore':
    case 'stats-tube': {
      const tube = rest()
      return isTubeName(tube) ? { name, tube } : BAD_FORMAT
    }
    case 'pause-tube': {
      const match = /^ *([A-Za-z0-9\-+/;.$_()]+)(.*)$/.exec(rest())
      const delays = match && new Numbers(input, end - (match[2] as string).length, end)
      const delay = delays?.next(U32) ?? -1
      if (!match || delay < 0 || !delays?.atEnd) return BAD_FORMAT
      const tube = match[1] as string
      return isTubeName(tube) ? { name, tube, delay } : BAD_PAUSE
    }
    case 'quit':
      return { name }
    default:
      return from === end ? { name } : BAD_FORMAT
  }
}

function hasZero(input: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (input[at] === 0) return true
  return false
}

function beginsWith(input: Buffer, start: number, end: number, prefix: Buffer): boolean {
  if (end - start < prefix.length) return false
  for (let at = 0; at < prefix.length; at++) if (input[start + at] !== prefix[at]) return false
  return true
}

export function isTubeName(name: string): boolean {
  return name.length <= MAX_TUBE_NAME && /^[A-Za-z0-9+/;.$_()][A-Za-z0-9\-+/;.$_()]*$/.test(name)
}

/** A number as C's strtol and strtoul read it: blanks, a sign, digits; whatever follows is passed over. undefined: no digits. */
function looseNumber(text: string): bigint | undefined {
  const match = /^[ \t\v\f]*([+-]?)(\d+)/.exec(text)
  if (!match) return undefined
  const digits = BigInt(match[2] as string)
  return match[1] === '-' ? -digits : digits
}

/** Unsigned decimal numbers in a line, with blanks before each. */
class Numbers {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  get atEnd(): boolean {
    return this.#at === this.#end
  }

  /** The next number, or -1: there is none, or it is above the largest. */
  next(largest: number): number {
    const bytes = this.#bytes
    const end = this.#end
    let at = this.#at
    while (at < end && bytes[at] === SPACE) at++
    const start = at
    let value = 0
    for (; at < end; at++) {
      const digit = bytes[at] as number
      if (digit < ZERO || digit > NINE) break
      value = value * 10 + (digit - ZERO)
    }
    this.#at = at
    return at === start || value > largest ? -1 : value
  }

  /** The next job's id. NO_ID: a number in 64 bits, but no job's. undefined: none. */
  nextId(): number | undefined {
    const start = this.#at
    const id = this.next(Number.MAX_SAFE_INTEGER)
    if (id >= 0) return id
    const digits = this.#bytes.toString('latin1', start, this.#at).trimStart()
    return digits !== '' && BigInt(digits) < 2n ** 64n ? NO_ID : undefined
  }
}
