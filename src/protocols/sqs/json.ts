/** AWS JSON 1.0: from a parsed body to an input of the model, and back to text. */
import { isUtf8 } from 'node:buffer'
import type { Shape, Structure } from './model.ts'
import { SqsError } from './sqs-error.ts'

/**
 * What the model knows of a JSON body; the rest of it is passed over.
 * @throws SqsError MalformedInput
 */
export function fromJson(shape: Structure, body: Buffer): Record<string, unknown> {
  let value: unknown = {}
  if (body.length > 0)
    try {
      value = JSON.parse(utf8(body))
    } catch {
      throw new SqsError('MalformedInput', 'The body is no JSON.')
    }
  return structure(shape, value)
}

function structure(shape: Structure, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unexpected('object', value)
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
      if (typeof value !== 'string') throw unexpected('string', value)
      return value
    case 'integer':
      if (!Number.isInteger(value) || Math.abs(value as number) > 2 ** 31) throw unexpected('integer', value)
      return value
    case 'boolean':
      if (typeof value !== 'boolean') throw unexpected('boolean', value)
      return value
    case 'blob':
      if (typeof value !== 'string') throw unexpected('blob', value)
      return base64(value)
    case 'list':
      if (!Array.isArray(value)) throw unexpected('list', value)
      return value.map((one) => convert(shape.of, one))
    case 'map': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unexpected('map', value)
      const values = Object.create(null) as Record<string, unknown>
      for (const key of Object.keys(value)) {
        const one = (value as Record<string, unknown>)[key]
        if (one !== null) values[key] = convert(shape.of, one)
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

function unexpected(wanted: string, value: unknown): SqsError {
  const found = value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value
  return new SqsError('MalformedInput', `Where a value of type ${wanted} belongs stands one of type ${found}.`)
}

/** Binary values of an output are Base64 already. */
export function toJson(output: object): string {
  return JSON.stringify(output)
}
