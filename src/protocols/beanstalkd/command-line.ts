/**
 * One command line: what it asks for. Pure. Where the protocol's document and beanstalkd's code differ, this follows the code (prot.c of 1.12 and 1.13).
 */
import { MAX_TUBE_NAME, NO_ID, type Command } from './command.ts'

const SPACE = 32
const ZERO = 48
const NINE = 57
const U32 = 2 ** 32 - 1

export const BAD_FORMAT: Command = { name: 'refused', reply: 'BAD_FORMAT' }
const BAD_PAUSE: Command = { name: 'refused', reply: 'BAD_FORMAT', counts: 'pause-tube' }
const UNKNOWN_COMMAND: Command = { name: 'refused', reply: 'UNKNOWN_COMMAND' }

/** What a put's line says of the body that comes behind it. */
export interface PutLine {
  pri: number
  delay: number
  ttr: number
  bytes: number
  /** The line goes on behind its numbers. */
  overfull: boolean
}

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

interface Beginning {
  prefix: Buffer
  name: (typeof PREFIXES)[number][1]
}

/** The same by their first byte, as bytes: most lines are never made a string. */
const BY_FIRST_BYTE: Beginning[][] = []
for (const [text, name] of PREFIXES) {
  const prefix = Buffer.from(text)
  ;(BY_FIRST_BYTE[prefix[0] as number] ??= []).push({ prefix, name })
}

/** Of a line that begins with 'put '. undefined: it has a bad format. */
export function parsePutLine(input: Buffer, start: number, end: number): PutLine | undefined {
  if (hasZero(input, start, end)) return undefined
  numbers.read(input, start + 4, end)
  const pri = numbers.next(U32)
  const delay = numbers.next(U32)
  const ttr = numbers.next(U32)
  const bytes = numbers.next(U32)
  if (pri < 0 || delay < 0 || ttr < 0 || bytes < 0) return undefined
  return { pri, delay, ttr, bytes, overfull: !numbers.atEnd }
}

/** Of any other line. */
export function parseLine(input: Buffer, start: number, end: number): Command {
  if (hasZero(input, start, end)) return BAD_FORMAT
  const found = beginningOf(input, start, end)
  if (!found) return UNKNOWN_COMMAND
  const { name } = found
  const from = start + found.prefix.length
  numbers.read(input, from, end)
  switch (name) {
    case 'reserve-with-timeout': {
      const timeout = Number(looseNumber(input.toString('latin1', from, end)) ?? 0n)
      return timeout < 0 || timeout > 2 ** 31 - 1 ? BAD_FORMAT : { name, timeout }
    }
    case 'kick': {
      const bound = looseNumber(input.toString('latin1', from, end))
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
      const tube = input.toString('latin1', from, end)
      return isTubeName(tube) ? { name, tube } : BAD_FORMAT
    }
    case 'pause-tube': {
      const match = /^ *([A-Za-z0-9\-+/;.$_()]+)(.*)$/.exec(input.toString('latin1', from, end))
      if (!match) return BAD_FORMAT
      numbers.read(input, end - (match[2] as string).length, end)
      const delay = numbers.next(U32)
      if (delay < 0 || !numbers.atEnd) return BAD_FORMAT
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

function beginningOf(input: Buffer, start: number, end: number): Beginning | undefined {
  const beginnings = BY_FIRST_BYTE[input[start] as number]
  if (!beginnings) return undefined
  for (const beginning of beginnings) if (beginsWith(input, start, end, beginning.prefix)) return beginning
  return undefined
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
  const match = /^[ \t\n\v\f]*([+-]?)(\d+)/.exec(text)
  if (!match) return undefined
  const digits = BigInt(match[2] as string)
  return match[1] === '-' ? -digits : digits
}

/** Unsigned decimal numbers in a line, with blanks before each. */
class Numbers {
  #bytes: Buffer = Buffer.alloc(0)
  #end = 0
  #at = 0

  read(bytes: Buffer, start: number, end: number): void {
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

/** One for all lines: they come by the hundred thousand a second. */
const numbers = new Numbers()
