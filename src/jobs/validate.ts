import { ValidationError } from '../errors.ts'
import type { Entry } from './definition.ts'
import { isJson, throughJson } from './json.ts'
import { issuesText, type StandardResult, type StandardSchema } from './standard-schema.ts'
import { isThenable } from './thenable.ts'

/**
 * What the validator makes of the value. Where there is none, the value itself.
 * @param what for the error: "The arguments of 'sendMail'"
 * @throws ValidationError
 */
export function validate(schema: StandardSchema | undefined, value: unknown, what: string): unknown {
  if (!schema) return value
  const result = schema['~standard'].validate(value)
  return isThenable(result)
    ? Promise.resolve(result as PromiseLike<StandardResult<unknown>>).then((one) => valid(one, what))
    : valid(result, what)
}

/**
 * Arguments are validated before they are put: as they are, and, where JSON would make something else of them, as the worker will find them.
 * @returns a promise where the validator answers later
 * @throws ValidationError
 */
export function checkArgs({ name, definition: { schema } }: Entry, args: unknown): unknown {
  if (!schema) return undefined
  const what = `The arguments of '${name}'`
  const first = validate(schema, args, what)
  if (args === undefined || isJson(args)) return first
  const again = () => validate(schema, throughJson(args, what), `${what}, as JSON gives them to the worker,`)
  return first instanceof Promise ? first.then(again) : again()
}

function valid(result: StandardResult<unknown>, what: string): unknown {
  if (result.issues) throw new ValidationError(`${what} are not as defined: ${issuesText(result.issues)}.`)
  return result.value
}
