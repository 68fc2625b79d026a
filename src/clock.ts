import type { Ms } from './job.ts'

/** Time, passed in wherever it matters, so that tests move it instead of sleeping. */
export interface Clock {
  /** Milliseconds since 1970; never goes back while the process lives. */
  now(): Ms
  /** The wall clock, which is what a Date means. It may be set, while `now` goes on as it went. Default: as `now`. */
  wall?(): Ms
  /** How far `now` may be behind, since it is rounded down. What must not come early is so much later. Default 0. */
  readonly grain?: Ms
  /** Runs once, after so many milliseconds and never before. Returns the way to call it off. Never keeps a process alive. */
  after(ms: Ms, run: () => void): () => void
}

const anchor = Date.now() - performance.now()

/** Node sleeps at most this long in one timer; longer waits come back to `after` in steps. */
const LONGEST = 2 ** 31 - 1

/** The machine's clock: the wall time at start, moved on by the monotonic clock, so that a step of the wall clock ends no lease early. */
export const systemClock: Clock = {
  now: () => Math.floor(anchor + performance.now()),
  wall: () => Date.now(),
  grain: 1,
  after(ms, run) {
    const end = performance.now() + ms
    let timer: NodeJS.Timeout
    sleep(ms)
    return () => clearTimeout(timer)
    function sleep(left: Ms) {
      timer = setTimeout(wake, Math.min(Math.ceil(left), LONGEST))
      timer.unref()
    }
    // Node's timers count in whole milliseconds, and go off up to one too early.
    function wake() {
      const left = end - performance.now()
      if (left <= 0) run()
      else sleep(left)
    }
  },
}
