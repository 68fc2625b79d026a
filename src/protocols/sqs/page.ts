/** Long lists, a page at a time. */
import { SqsError } from './sqs-error.ts'

const MOST = 1000

/**
 * The names that follow those of the page before.
 * @param names in order
 * @param token where the page before ended
 * @throws SqsError InvalidParameterValue
 */
export function pageOf(
  names: readonly string[],
  limit: number | undefined,
  token: string | undefined,
): { names: readonly string[]; next?: string } {
  const after = token === undefined ? '' : nameIn(token)
  const from = names.findIndex((name) => name > after)
  if (from < 0) return { names: [] }
  const page = names.slice(from, from + (limit ?? MOST))
  // As the service has it: who doesn't ask for pages gets one, and no token.
  if (limit === undefined || from + page.length >= names.length) return { names: page }
  return { names: page, next: Buffer.from(page.at(-1) ?? '').toString('base64url') }
}

function nameIn(token: string): string {
  const name = Buffer.from(token, 'base64url').toString()
  if (name === '' || Buffer.from(name).toString('base64url') !== token)
    throw new SqsError('InvalidParameterValue', 'Invalid or expired next token.')
  return name
}
