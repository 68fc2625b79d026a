/** AWS JSON 1.0: from a parsed body to an input of the model, and back to text. */
import { isUtf8 } from 'node:buffer'
import { SMALL_BODY } from './limits.ts'
import type { Shape, Structure } from './model.ts'
import { SqsError } from './sqs-error.ts'

/** Lists, maps and their values in one body: a hundred messages with ten attributes each have some 5,000. */
const MOST_VALUES = 10_000
const [QUOTE, BACKSLASH, COMMA, BRACKET, BRACE] = [0x22, 0x5c, 0x2c, 0x5b, 0x7b]

/**
 * What the model knows of a JSON body; the rest of it is passed over.
 * @throws SqsError MalformedInput, InvalidParameterValue
 */
export function fromJson(shape: Structure, body: Buffer): Record<string, unknown> {
  let value: unknown = {}
  if (body.length > SMALL_BODY) checkCount(body)
  if (body.length > 0)
    try {
      value = JSON.parse(utf8(body))
    } catch {
      throw new SqsError('MalformedInput', 'The body is no JSON.')
    }
  return structure(shape, value)
}

/** A value takes far longer than its bytes do, also where nobody has a use for it. @throws SqsError MalformedInput */
function checkCount(body: Buffer): void {
  let count = 0
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]
    if (byte === QUOTE) {
      while (++at < body.length && body[at] !== QUOTE) if (body[at] === BACKSLASH) at++
    } else if ((byte === COMMA || byte === BRACKET || byte === BRACE) && ++count > MOST_VALUES)
      throw new SqsError('MalformedInput', `There are more than ${MOST_VALUES} values.`)
  }
}

function structure(shape: Structure, value: unknown): Record<string, unknown> {
  if (!isObject(value)) throw unexpected('null', value)
  const values: Record<string, unknown> = {}
  for (const name in shape.members) {
    if (!Object.hasOwn(value, name)) continue
    const member = (value as Record<string, unknown>)[name]
    if (member !== undefined && member !== null) values[name] = convert(shape.members[name] as Shape, member)
  }
  return values
}

function convert(shape: Shape, value: unknown): unknown {
  switch (shape.is) {
    case 'string':
      if (typeof value === 'string') return value
      // Whoever gives one of these means its text, as the service has it.
      if (typeof value === 'number' || typeof value === 'boolean') return String(value)
      throw unexpected('a String', value)
    case 'integer':
      if (!Number.isInteger(value) || Math.abs(value as number) > 2 ** 31) throw unexpected('an Integer', value)
      return value
    case 'boolean':
      if (typeof value !== 'boolean') throw unexpected('a Boolean', value)
      return value
    case 'blob':
      if (typeof value !== 'string') throw unexpected('a Blob', value)
      return base64(value)
    case 'list':
      if (!Array.isArray(value)) throw unexpected('list or null', value)
      return value.map((one) => convert(shape.of, one))
    case 'map': {
      if (!isObject(value)) throw unexpected('map or null', value)
      const values = Object.create(null) as Record<string, unknown>
      for (const key of Object.keys(value)) {
        const one = (value as Record<string, unknown>)[key]
        if (one !== null) values[key] = convert(shape.of, one)
        // In the service's words. Of a structure nothing is known of it: it is passed over as ever.
        else if (shape.of.is === 'string')
          throw new SqsError('InvalidParameterValue', "the parameter 'value' may not be null")
      }
      return values
    }
    case 'structure':
      return structure(shape, value)
  }
}

/** @throws SqsError MalformedInput */
export function base64(text: string): Buffer {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 === 1)
    throw new SqsError('MalformedInput', 'A binary value is no Base64.')
  return Buffer.from(text, 'base64')
}

/** @throws SqsError MalformedInput */
export function utf8(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new SqsError('MalformedInput', 'The request is not in UTF-8.')
  return bytes.toString()
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** In the service's words, by which people find out what they did. */
function unexpected(wanted: string, value: unknown): SqsError {
  return new SqsError('MalformedInput', mismatch(wanted, value))
}

function mismatch(wanted: string, value: unknown): string {
  if (Array.isArray(value)) return 'Start of list found where not expected'
  if (isObject(value)) return 'Start of structure or map found where not expected.'
  if (!/^an? /.test(wanted)) return `Expected ${wanted}`
  const token = typeof value === 'boolean' || value === null ? String(value) : typeof value
  return `${token.toUpperCase()}_VALUE can not be converted to ${wanted}`
}

/** Binary values of an output are Base64 already. */
export function toJson(output: object): string {
  return JSON.stringify(output)
}
