import { readFileSync } from 'node:fs'
import { InvalidArgumentError } from '../errors.ts'

/**
 * Arguments of a job as they are typed: JSON, or `-` for standard input. Left out: no arguments.
 * @throws InvalidArgumentError
 */
export function argumentsOf(text: string | undefined): unknown {
  if (text === undefined) return undefined
  const json = text === '-' ? readFileSync(0, 'utf8') : text
  try {
    return JSON.parse(json) as unknown
  } catch (error) {
    throw new InvalidArgumentError(
      `The arguments are no JSON: ${(error as Error).message}. Put them into single quotes, such as '{"mail_to":"ada@example.com"}'.`,
    )
  }
}
