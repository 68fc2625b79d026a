import { InvalidArgumentError } from '../errors.ts'
import { readInput } from './input.ts'

/**
 * Arguments of a job as they are typed: JSON, or `-` for standard input. Left out: no arguments.
 * @throws InvalidArgumentError
 */
export async function argumentsOf(text: string | undefined): Promise<unknown> {
  if (text === undefined) return undefined
  const json = text === '-' ? (await readInput()).toString() : text
  try {
    return JSON.parse(json) as unknown
  } catch (error) {
    throw new InvalidArgumentError(
      `The arguments are no JSON: ${(error as Error).message}. Put them into single quotes, such as '{"mail_to":"ada@example.com"}'.`,
    )
  }
}
