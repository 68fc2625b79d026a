import { toMs, type Duration } from '../duration.ts'
import type { Ms } from '../job.ts'
import { ManualClock } from './clock.ts'

/** So many timers are met one by one; of a longer stretch, what is left is passed in as many strides at the most. */
const STEPS = 10_000

/** The clock of a test's queue: it stands still until it is moved, and moves delays, timeouts, retries and leases with it. */
export class TestClock extends ManualClock {
  readonly #settle: () => Promise<void>

  /**
   * @internal Use TestQueue.clock.
   * @param settle resolves when nothing happens any more until time passes
   */
  constructor(start: Ms | undefined, settle: () => Promise<void>) {
    super(start)
    this.#settle = settle
  }

  /** The moment that it shows. */
  get date(): Date {
    return new Date(this.now())
  }

  /**
   * Moves on by so long, and resolves when all that becomes due on the way has happened, each thing at its time.
   * @example await queue.clock.advance('1h')
   */
  async advance(by: Duration): Promise<void> {
    const end = this.now() + toMs(by, 'by')
    await this.#settle()
    let steps = 0
    for (let next = this.soonest; next !== undefined && next <= end; next = this.soonest) {
      const stride = ++steps > STEPS ? (end - this.now()) / STEPS : 0
      this.move(Math.min(end - this.now(), Math.max(next - this.now(), stride, 0)))
      await this.#settle()
    }
    this.move(end - this.now())
    await this.#settle()
  }
}
