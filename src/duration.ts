import { InvalidArgumentError } from './errors.ts'
import type { Ms } from './job.ts'
import { shown } from './shown.ts'

const units: Readonly<Record<DurationUnit, Ms>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** As good as for ever. A moment twice as far from now is still one that a Date can say, and a number that a file gives back as it was. */
const LONGEST: Ms = 100_000 * 365.25 * units.d

/** A moment that never comes: one that no Date can say. */
export const FOR_EVER: Ms = Number.MAX_SAFE_INTEGER - 1

/** Of what is left until a moment: longer than any length of time that can be given. */
export function isForEver(left: Ms): boolean {
  return left > LONGEST
}

/** Milliseconds, seconds, minutes, hours, days of 24 hours, weeks. */
export type DurationUnit = 'ms' | 's' | 'm' | 'h' | 'd' | 'w'

/** A length of time: milliseconds as a number, or a number with its unit: `'500ms'`, `'30s'`, `'10m'`, `'2h'`, `'7d'`, `'1w'`. */
export type Duration = number | `${number}${DurationUnit}`

/**
 * The milliseconds of a duration, checked.
 * @param duration milliseconds, or text such as `'10m'`; at least 0, finite, and below 2^53 ms. More than 100,000 years count as so many
 * @param name what it is for, so that the error can say so
 * @throws InvalidArgumentError for anything else
 * @example toMs('10m') // 600000
 */
export function toMs(duration: Duration, name = 'duration'): Ms {
  const ms = typeof duration === 'number' ? duration : parse(duration)
  if (ms === undefined || !(ms >= 0) || ms > Number.MAX_SAFE_INTEGER)
    throw new InvalidArgumentError(
      typeof duration === 'string' && /^\d+(\.\d+)?$/.test(duration)
        ? `${name} is '${duration}', without a unit; write '${duration}s', or ms, m, h, d or w.`
        : `${name} is ${shown(duration)}; give milliseconds as a number from 0 on, or text such as '500ms', '30s', '10m', '2h' or '7d'.`,
    )
  return Math.min(Math.round(ms), LONGEST)
}

/**
 * Milliseconds as people write them: in the largest unit, up to days, that says them exactly.
 * @example msText(600_000) // '10m'
 */
export function msText(ms: Ms): Duration {
  const unit = (['d', 'h', 'm', 's'] as const).find((unit) => ms > 0 && ms % units[unit] === 0) ?? 'ms'
  return `${ms / units[unit]}${unit}`
}

/** As it was given, with its unit. */
export function durationText(duration: Duration): string {
  return typeof duration === 'number' ? `${duration} ms` : duration
}

function parse(text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined
  const match = /^(\d{1,15}(?:\.\d{1,9})?)([a-z]{1,2})$/.exec(text)
  if (!match) return undefined
  const unit = match[2] as string
  return Object.hasOwn(units, unit) ? Number(match[1]) * units[unit as DurationUnit] : undefined
}
