/** Attributes of messages: what a send may give, and which of them a receive asks for. */
import type { MessageAttribute } from './envelope.ts'
import { unspeakable } from './envelope.ts'
import type { attributeValue, Of } from './model.ts'
import { SqsError } from './sqs-error.ts'

const MOST = 10
/** Letters of any alphabet: the service takes them, whatever its words for a wrong name say. */
const NAME = /^[\p{L}\d_-]+(\.[\p{L}\d_-]+)*$/u
const RESERVED = /^(aws|amazon)\./i
const TYPE = /^(String|Number|Binary)(\.[^\0-\x1F\x7F]+)?$/
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

type Values = Record<string, Of<typeof attributeValue>>
export type Attributes = [string, MessageAttribute][]

/**
 * As they are kept.
 * @throws SqsError InvalidParameterValue
 */
export function toAttributes(values: Values): Attributes {
  const names = Object.keys(values)
  if (names.length > MOST)
    throw wrong(`Number of message attributes [${names.length}] exceeds the allowed maximum [${MOST}].`)
  return names.map((name) => {
    if (!NAME.test(name))
      throw wrong(
        `The message attribute name '${name.slice(0, 256)}' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters.`,
      )
    if (RESERVED.test(name))
      throw wrong(
        "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use.",
      )
    if (name.length > 256) throw wrong('Message (user) attribute name must be shorter than 256 bytes.')
    return [name, toAttribute('user', name, values[name] as Values[string])]
  })
}

function toAttribute(whose: 'user' | 'system', name: string, value: Values[string]): MessageAttribute {
  const { DataType, StringValue, BinaryValue } = value
  if (value.StringListValues?.length || value.BinaryListValues?.length)
    throw wrong('Message attribute list values in SendMessage operation are not supported.')
  if (!DataType) throw wrong(`The message attribute '${name}' must contain a non-empty message attribute type.`)
  const kind = TYPE.exec(DataType)?.[1]
  if (kind === undefined || DataType.length > 256 || unspeakable(DataType) !== undefined)
    throw wrong(
      `The type of message (${whose}) attribute '${name}' is invalid. You must use only the following supported type prefixes: Binary, Number, String.`,
    )
  if (StringValue && BinaryValue?.length)
    throw wrong(`Message (${whose}) attribute '${name}' must have a single value.`)
  const empty = `Message (${whose}) attribute '${name}' must contain a non-empty value of type '${DataType}'.`
  if (kind === 'Binary') {
    if (!BinaryValue?.length) throw wrong(empty)
    return { DataType, BinaryValue: BinaryValue.toString('base64') }
  }
  if (!StringValue || BinaryValue) throw wrong(empty)
  if (kind === 'Number' && !(StringValue.length <= 256 && NUMBER.test(StringValue)))
    throw wrong(`Can't cast the value of message (${whose}) attribute '${name}' to a number.`)
  const bad = unspeakable(StringValue)
  if (bad !== undefined)
    throw wrong(`Invalid binary character '${bad}' was found in the value of message attribute '${name}'.`)
  return { DataType, StringValue }
}

/** @throws SqsError InvalidParameterValue */
export function toTrace(values: Values): string | undefined {
  const names = Object.keys(values)
  if (names.length === 0) return undefined
  for (const name of names)
    if (name !== 'AWSTraceHeader') throw wrong(`Message system attribute name '${name}' is invalid.`)
  const attribute = toAttribute('system', 'AWSTraceHeader', values['AWSTraceHeader'] as Values[string])
  if (attribute.DataType !== 'String' || attribute.StringValue === undefined)
    throw wrong("The message system attribute 'AWSTraceHeader' must be of type String.")
  return attribute.StringValue
}

/** What they add to a message's size: names, types and values, be they as they should or not. */
export function sizeOfAttributes(values: Values): number {
  let size = 0
  for (const [name, value] of Object.entries(values)) {
    const { DataType, StringValue, BinaryValue }: Partial<Values[string]> = value
    size += Buffer.byteLength(name) + Buffer.byteLength(DataType ?? '')
    size += Buffer.byteLength(StringValue ?? '') + (BinaryValue?.length ?? 0)
  }
  return size
}

/** Those that a receive asks for: `All`, `*`, `.*`, `prefix.*`, or a name. */
export function select(attributes: Readonly<Record<string, MessageAttribute>>, asked: readonly string[]): Attributes {
  const matches = (name: string): boolean =>
    asked.some(
      (one) =>
        one === 'All' || one === '*' || one === name || (one.endsWith('.*') && name.startsWith(one.slice(0, -2))),
    )
  return Object.entries(attributes).filter(([name]) => matches(name))
}

function wrong(message: string): SqsError {
  return new SqsError('InvalidParameterValue', message)
}
