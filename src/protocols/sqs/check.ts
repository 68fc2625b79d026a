/** What the model says of an input beyond its types. */
import type { Shape, Structure } from './model.ts'
import { invalid, missing, SqsError } from './sqs-error.ts'

type Values = Readonly<Record<string, unknown>>

/**
 * Everything that must be there is there. An empty text, list or map counts as missing, as the service has it; but for an empty batch, which has an
 * error of its own. Of the entries of a batch only the ids are looked at: whatever else they lack is looked for one by one, by who does them.
 * @throws SqsError MissingParameter, InvalidParameterValue
 */
export function checkRequired(shape: Structure, values: Values, path = '', lacks = missing): void {
  for (const name in shape.members) {
    const member = shape.members[name] as Shape
    const value = values[name]
    if (value === undefined || (value === '' && !(member.is === 'string' && member.blank))) {
      if (!member.required) continue
      if (member.is === 'string' && member.lacking !== undefined)
        throw new SqsError('InvalidParameterValue', `Value for parameter ${name} is invalid. Reason: ${member.lacking}`)
      throw lacks(path + nameOf(name, member))
    }
    if (member.is === 'list' && member.of.is === 'structure') {
      const { query } = member
      for (const [i, one] of (value as Values[]).entries())
        if (one['Id'] === undefined) throw missing(`${path}${entryPath(query, i)}Id`)
    } else if (member.required && mustHaveSome(member) && isEmpty(value)) throw lacks(path + nameOf(name, member))
  }
}

function mustHaveSome(member: Shape): boolean {
  return member.is === 'map' || (member.is === 'list' && !member.blank)
}

/** By what name it is missed. */
function nameOf(name: string, member: Shape): string {
  return member.is === 'map' && member.missed !== undefined ? member.missed : name
}

/** Where a member of a batch's entry stands. */
export function entryPath(query: string, index: number): string {
  return `${query}.${index + 1}.`
}

function isEmpty(value: unknown): boolean {
  return Object.keys(value as object).length === 0
}

/**
 * Numbers are within their bounds. Elements of a batch are looked at one by one, by who does them.
 * @throws SqsError InvalidParameterValue
 */
export function checkBounds(shape: Structure, values: Values): void {
  for (const name in shape.members) {
    const member = shape.members[name] as Shape
    const value = values[name]
    if (value === undefined || member.is !== 'integer') continue
    const { from = -Infinity, to = Infinity } = member
    if ((value as number) < from || (value as number) > to)
      throw invalid(name, value, member.says ?? `Must be between ${from} and ${to}, if provided.`)
  }
}
