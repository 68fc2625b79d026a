import { inspect } from 'node:util'

/** A value as the message of an error shows it: short, and without a throw of its own, whatever it is. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 100 ? `${value.slice(0, 99)}…` : value)
  if (typeof value === 'function') return 'a function'
  try {
    return inspect(value, {
      depth: 1,
      breakLength: Infinity,
      maxArrayLength: 5,
      maxStringLength: 50,
      customInspect: false,
    })
  } catch {
    return 'something that cannot be looked at'
  }
}

/** The same where a name is wanted: 'sendMail'. */
export function named(value: unknown): string {
  return typeof value === 'string' && value.length <= 250 ? `'${value}'` : shown(value)
}
