import type { Clock } from '../clock.ts'
import type { Ms } from '../job.ts'

/** A clock that stands still until it is moved. */
export class ManualClock implements Clock {
  #now: Ms
  #timers: { at: Ms; run: () => void }[] = []

  constructor(start: Ms = Date.UTC(2026, 0, 1)) {
    this.#now = start
  }

  now(): Ms {
    return this.#now
  }

  after(ms: Ms, run: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** When the next timer is due. */
  get soonest(): Ms | undefined {
    return this.#timers.length === 0 ? undefined : this.#timers.reduce((least, { at }) => Math.min(least, at), Infinity)
  }

  /** Moves on by so many milliseconds, and runs what is due on the way, in order. */
  move(ms: Ms): void {
    const end = this.#now + ms
    for (;;) {
      let next: { at: Ms; run: () => void } | undefined
      for (const timer of this.#timers) if (timer.at <= end && (!next || timer.at < next.at)) next = timer
      if (!next) break
      const run = next
      this.#timers = this.#timers.filter((other) => other !== run)
      this.#now = Math.max(this.#now, run.at)
      run.run()
    }
    this.#now = end
  }
}
