/** What a handler throws to say what shall become of its job, other than to be tried again after a while. */
import { durationText, toMs, type Duration } from '../duration.ts'
import { checkDate, checkOptions } from './check.ts'

const RETRY_LATER_OPTIONS = { pauseQueue: true, cause: true } as const

/**
 * Trying again is of no use: the job is set aside at once, whatever attempts are left.
 * @example if (response.status === 410) throw new Discard('the address is gone')
 */
export class Discard extends Error {
  override readonly name = 'Discard'
}

/**
 * Not now: the job comes back after so long, or at that moment, and this attempt isn't counted. It may say so as often as it likes.
 * @param options.pauseQueue nobody takes jobs from the queue until then, either: the other side said 429
 * @example if (response.status === 429) throw new RetryLater('1m', { pauseQueue: true })
 */
export class RetryLater extends Error {
  override readonly name = 'RetryLater'
  readonly after: Duration | Date
  readonly pauseQueue: boolean

  /** @throws InvalidArgumentError */
  constructor(after: Duration | Date, options: { pauseQueue?: boolean; cause?: unknown } = {}) {
    if (after instanceof Date) checkDate(after, 'after')
    else toMs(after, 'after')
    checkOptions(options, 'options of RetryLater', RETRY_LATER_OPTIONS)
    super(
      `try again after ${after instanceof Date ? after.toISOString() : durationText(after)}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    )
    this.after = after
    this.pauseQueue = options.pauseQueue ?? false
  }
}
