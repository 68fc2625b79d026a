import type { Ms } from './job.ts'

/** Time, passed in wherever it matters, so that tests move it instead of sleeping. */
export interface Clock {
  /** Milliseconds since 1970; never goes back while the process lives. */
  now(): Ms
  /** Runs once, after so many milliseconds. Returns the way to call it off. Never keeps a process alive. */
  after(ms: Ms, run: () => void): () => void
}

const anchor = Date.now() - performance.now()

/** Node sleeps at most this long in one timer; longer waits come back to `after` in steps. */
const LONGEST = 2 ** 31 - 1

/** The machine's clock: the wall time at start, moved on by the monotonic clock, so that a step of the wall clock ends no lease early. */
export const systemClock: Clock = {
  now: () => Math.floor(anchor + performance.now()),
  after(ms, run) {
    let timer = setTimeout(step, Math.min(ms, LONGEST))
    let left = ms - LONGEST
    timer.unref()
    return () => clearTimeout(timer)
    function step() {
      if (left <= 0) return run()
      timer = setTimeout(step, Math.min(left, LONGEST))
      timer.unref()
      left -= LONGEST
    }
  },
}
