import { buffer } from 'node:stream/consumers'
import { InvalidArgumentError } from '../errors.ts'

/**
 * Standard input to its end. Read by itself (`readFileSync(0)`), a pipe whose writer is slow is an EAGAIN: what this program imports has made it one that
 * doesn't block.
 * @throws InvalidArgumentError
 */
export async function readInput(): Promise<Buffer> {
  try {
    return await buffer(process.stdin)
  } catch (error) {
    throw new InvalidArgumentError(`Standard input can't be read: ${(error as Error).message}.`, { cause: error })
  }
}
