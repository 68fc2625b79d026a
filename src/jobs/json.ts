/** What travels as JSON, and arrives as it set out. */
import { InvalidArgumentError } from '../errors.ts'

/** Deeper values are looked at by JSON itself. */
const DEEP = 50

/**
 * Whether JSON gives the value back as it is: plain objects, arrays, texts, finite numbers, booleans and null. A property that is undefined counts as
 * absent.
 */
export function isJson(value: unknown, depth = 0): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value)
    case 'object':
      if (value === null) return true
      if (depth > DEEP || 'toJSON' in value) return false
      if (Array.isArray(value)) return value.every((one) => isJson(one, depth + 1))
      return isPlain(value) && Object.values(value).every((one) => one === undefined || isJson(one, depth + 1))
    default:
      return false
  }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** The value as JSON would give it back. @throws InvalidArgumentError what JSON can't say */
export function throughJson(value: unknown, what: string): unknown {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw new InvalidArgumentError(
      `${what} can't be JSON: ${(error as Error).message}. Give plain values, without circles and bigints.`,
      { cause: error },
    )
  }
  return text === undefined ? undefined : (JSON.parse(text) as unknown)
}

/** @throws InvalidArgumentError the value would arrive as another: a Date as a text, a Map as nothing */
export function asJson(value: unknown, what: string): unknown {
  if (value !== undefined && !isJson(value))
    throw new InvalidArgumentError(
      `${what} would arrive as another value: JSON has no dates, maps, bigints and classes. Give a text or a number instead.`,
    )
  return value
}
