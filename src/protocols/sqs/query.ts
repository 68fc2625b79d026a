/** The Query form: fields of a form in, XML out. */
import { base64, utf8 } from './json.ts'
import type { Shape, Structure } from './model.ts'
import { invalid, shown, SqsError } from './sqs-error.ts'

/** A batch of ten messages with ten attributes each has some four hundred fields. */
const MOST_FIELDS = 2000
/** `SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue`. */
const DEEPEST = 8

export const NAMESPACE = 'http://queue.amazonaws.com/doc/2012-11-05/'

/** The fields of a form by the parts of their names. */
export interface Fields {
  value?: string
  parts?: Map<string, Fields>
}

/**
 * Reads `application/x-www-form-urlencoded`, of a body or a query.
 * @throws SqsError MalformedInput
 */
export function parseForm(form: string, into: Fields = {}): Fields {
  let count = 0
  for (let from = 0; from < form.length;) {
    let end = form.indexOf('&', from)
    if (end < 0) end = form.length
    if (end > from) {
      if (++count > MOST_FIELDS) throw new SqsError('MalformedInput', `There are more than ${MOST_FIELDS} fields.`)
      const is = form.indexOf('=', from)
      const name = form.slice(from, is < 0 || is > end ? end : is)
      const value = is < 0 || is > end ? '' : form.slice(is + 1, end)
      place(into, decode(name), decode(value))
    }
    from = end + 1
  }
  return into
}

function place(fields: Fields, name: string, value: string): void {
  const parts = name.split('.', DEEPEST + 1)
  if (parts.length > DEEPEST) throw new SqsError('MalformedInput', 'The name of a field has too many parts.')
  let at = fields
  for (const part of parts) {
    at.parts ??= new Map()
    let next = at.parts.get(part)
    if (!next) at.parts.set(part, (next = {}))
    at = next
  }
  at.value = value
}

const ESCAPED = /%(?![0-9A-Fa-f]{2})/

function decode(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text
  const spaced = text.replaceAll('+', ' ')
  if (!spaced.includes('%')) return spaced
  if (ESCAPED.test(spaced)) throw new SqsError('MalformedInput', 'A field is not URL-encoded.')
  try {
    return decodeURIComponent(spaced)
  } catch {
    throw new SqsError('MalformedInput', 'The request is not in UTF-8.')
  }
}

export function field(fields: Fields, name: string): string | undefined {
  return fields.parts?.get(name)?.value
}

/**
 * What the model knows of a form; the rest of it is passed over.
 * @throws SqsError MalformedInput, InvalidParameterValue
 */
export function fromForm(shape: Structure, fields: Fields): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const name in shape.members) {
    const member = shape.members[name] as Shape
    const at = fields.parts?.get(member.is === 'list' || member.is === 'map' ? member.query : name)
    // A list without elements can't be said.
    const value = at ? convert(name, member, at) : member.is === 'list' && member.required ? [] : undefined
    if (value !== undefined) values[name] = value
  }
  return values
}

function convert(name: string, shape: Shape, at: Fields): unknown {
  const { value } = at
  switch (shape.is) {
    case 'string':
      return value
    case 'integer':
      if (value === undefined || value === '') return undefined
      if (!/^[+-]?\d{1,10}$/.test(value)) throw invalid(name, value, 'Must be an integer.')
      return Number(value)
    case 'boolean':
      return value === undefined ? undefined : value === 'true'
    case 'blob':
      return value === undefined ? undefined : base64(value)
    case 'list':
      return ordered(at, isElement(shape.of, at)).map((one) => convert(name, shape.of, one) ?? '')
    case 'map': {
      const values = Object.create(null) as Record<string, unknown>
      for (const one of ordered(at, at.parts?.has(shape.key) === true)) {
        const key = field(one, shape.key)
        if (shape.of.is === 'structure') checkAttributeName(key, values)
        const of = one.parts?.get('Value')
        if (key !== undefined) values[key] = (of && convert(name, shape.of, of)) ?? (shape.of.is === 'string' ? '' : {})
      }
      return values
    }
    case 'structure':
      return fromForm(shape, at)
  }
}

/** A message's attributes are all there or none: of two with one name only one would be sent, and of one without a name nothing. */
function checkAttributeName(name: string | undefined, others: object): void {
  if (name === undefined)
    throw new SqsError('InvalidParameterValue', 'The request must contain non-empty message attribute name.')
  if (name in others)
    throw new SqsError('InvalidParameterValue', `Message attribute name '${shown(name)}' already exists.`)
}

/** Whether it stands for an element itself. An empty text doesn't: so some say that there are none. */
function isElement(of: Shape, { value, parts }: Fields): boolean {
  return of.is === 'structure' ? Object.keys(of.members).some((name) => parts?.has(name)) : !!value
}

/**
 * Elements by their numbers, which need not begin at 1, nor be without gaps.
 * @param bare one comes without a number, as the service's documentation has it: `AttributeName=All`, `Attribute.Name=Policy`
 */
function ordered(fields: Fields, bare: boolean): Fields[] {
  const numbered = [...(fields.parts ?? [])]
    .filter(([number]) => /^\d{1,6}$/.test(number))
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, fields]) => fields)
  return bare ? [fields, ...numbered] : numbered
}

/** @throws SqsError MalformedInput */
export function formOf(body: Buffer): string {
  return utf8(body)
}

// ------------------------------------------------------------------ XML

/** An answer. An action that answers nothing has no result. */
export function toXml(action: string, shape: Structure, output: object, requestId: string): string {
  const members = Object.keys(shape.members).length > 0
  const inner = members ? structureXml(shape, output) : ''
  const result = !members ? '' : inner === '' ? `<${action}Result/>` : `<${action}Result>${inner}</${action}Result>`
  return `<?xml version="1.0"?><${action}Response xmlns="${NAMESPACE}">${result}<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${action}Response>`
}

export function errorXml({ fault, code, message }: SqsError, requestId: string): string {
  return `<?xml version="1.0"?><ErrorResponse xmlns="${NAMESPACE}"><Error><Type>${fault}</Type><Code>${code}</Code><Message>${escape(message)}</Message><Detail/></Error><RequestId>${requestId}</RequestId></ErrorResponse>`
}

function structureXml(shape: Structure, output: object): string {
  let xml = ''
  for (const name in shape.members) {
    const value = (output as Record<string, unknown>)[name]
    if (value !== undefined) xml += elements(name, shape.members[name] as Shape, value)
  }
  return xml
}

function elements(name: string, shape: Shape, value: unknown): string {
  switch (shape.is) {
    case 'list': {
      const { query, of } = shape
      return (value as unknown[]).map((one) => elements(query, of, one)).join('')
    }
    case 'map': {
      const { query, key, of } = shape
      return Object.entries(value as object)
        .map(([k, v]) => `<${query}><${key}>${escape(k)}</${key}>${elements('Value', of, v)}</${query}>`)
        .join('')
    }
    case 'structure':
      return `<${name}>${structureXml(shape, value as object)}</${name}>`
    default:
      return `<${name}>${escape(String(value))}</${name}>`
  }
}

const SPECIAL = /[&<>"'\r]|[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\r': '&#xD;',
}

/** What XML can't say at all, as an error's text may quote it, becomes a question mark. */
function escape(text: string): string {
  return text.replace(SPECIAL, (one) => ESCAPES[one] ?? '?')
}
