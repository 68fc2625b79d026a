import { toMs, type Duration } from '../../duration.ts'
import { InvalidArgumentError } from '../../errors.ts'

/**
 * What an acknowledged change survives.
 * - `full`: a power cut: it is on disk.
 * - a duration such as '50ms': it is on disk at the latest so long after; a power cut loses what is younger, `kill -9` nothing.
 * - `relaxed`: it is on disk whenever the system writes it; a power cut may lose the last seconds, `kill -9` nothing.
 */
export type Durability = 'full' | 'relaxed' | Duration

/**
 * @throws InvalidArgumentError
 * @example checkDurability('50ms')
 */
export function checkDurability(text: string): Durability {
  if (text === 'full' || text === 'relaxed') return text
  try {
    toMs(text as Duration)
  } catch (error) {
    throw new InvalidArgumentError(`'${text}' is no durability: give full, relaxed, or a time such as 50ms.`, {
      cause: error,
    })
  }
  return text as Duration
}
