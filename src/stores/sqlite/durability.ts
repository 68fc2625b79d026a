import { toMs, type Duration } from '../../duration.ts'
import { InvalidArgumentError } from '../../errors.ts'
import type { Ms } from '../../job.ts'
import { named } from '../../shown.ts'

/**
 * What an acknowledged change survives.
 * - `full`: a power cut: it is on disk.
 * - a duration such as '50ms': it is on disk at the latest so long after; a power cut loses what is younger, `kill -9` nothing.
 * - `relaxed`: it is on disk whenever the system writes it; a power cut may lose the last seconds, `kill -9` nothing.
 */
export type Durability = 'full' | 'relaxed' | Duration

/** A timer takes no more: 24 days. */
const LONGEST: Ms = 2 ** 31 - 1

/**
 * @throws InvalidArgumentError
 * @example checkDurability('50ms')
 */
export function checkDurability(text: string): Durability {
  syncEvery(text as Durability)
  return text as Durability
}

/**
 * How long after a change it is on disk at the latest. 0: before the answer. -1: whenever.
 * @throws InvalidArgumentError
 */
export function syncEvery(durability: Durability): Ms {
  if (durability === 'full') return 0
  if (durability === 'relaxed') return -1
  try {
    const ms = toMs(durability)
    if (ms <= LONGEST) return ms
  } catch {
    // It is no time.
  }
  throw new InvalidArgumentError(
    `${named(durability)} is no durability: give full, relaxed, or a time up to 24d such as 50ms.`,
  )
}
