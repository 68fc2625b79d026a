import { toMs, type Duration } from '../duration.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { Backoff, Ms } from '../job.ts'
import { shown } from '../shown.ts'
import { checkOptions, type Names } from './check.ts'

/**
 * How long a failed job waits for its next attempt.
 * - a duration: after the first failure; three times as long after each further one, at the longest an hour
 * - an object: `first`, times `factor` (default 3) after each, at the longest `max` (default an hour). `jitter` (default 0.2): up to that part of it is
 *   added by chance, so that what failed together doesn't come back together
 * - a function of the attempt that failed (1 is the first) and its error; only in a definition
 */
export type BackoffOption = Duration | BackoffTerms | ((attempt: number, error: unknown) => Duration)
export interface BackoffTerms {
  first: Duration
  factor?: number | undefined
  max?: Duration | undefined
  jitter?: number | undefined
}

const FIRST: Ms = 1000
const FACTOR = 3
const MAX: Ms = 3_600_000
const JITTER = 0.2
const TERMS: Names<BackoffTerms> = { first: true, factor: true, max: true, jitter: true }

/** The terms in numbers, without the jitter, as stores know them. */
export function backoffOf(terms: Duration | BackoffTerms = FIRST, what = 'backoff'): Backoff & { jitter: number } {
  if (typeof terms === 'object') checkOptions(terms, `terms of ${what}`, TERMS)
  const { first, factor = FACTOR, max = MAX, jitter = JITTER } = typeof terms === 'object' ? terms : { first: terms }
  if (!Number.isFinite(factor) || factor < 1)
    throw new InvalidArgumentError(`${what}.factor is ${shown(factor)}; give a number from 1 on.`)
  if (!Number.isFinite(jitter) || jitter < 0 || jitter > 1)
    throw new InvalidArgumentError(`${what}.jitter is ${shown(jitter)}; give a part from 0 to 1.`)
  return { first: toMs(first, `${what}.first`), factor, max: toMs(max, `${what}.max`), jitter }
}

/**
 * @param attempt which one failed; 1 is the first
 * @param random from 0 to below 1
 */
export function delayAfter(
  option: BackoffOption | undefined,
  attempt: number,
  error: unknown,
  random: () => number,
): Ms {
  if (typeof option === 'function') return toMs(option(attempt, error), 'the delay that backoff answered')
  const { first, factor, max, jitter } = backoffOf(option)
  // No further than needed: none, times infinitely many, is no number.
  const delay = Math.min(max, first * Math.min(max, factor ** (attempt - 1)))
  return Math.round(delay * (1 + jitter * random()))
}
