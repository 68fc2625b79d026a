import type { Clock } from '../clock.ts'
import type { Ms } from '../job.ts'

/** Goes off once, at the soonest of the moments that it was set to. */
export class Alarm {
  readonly #clock: Clock
  readonly #now: () => Ms
  readonly #run: () => void
  #at: Ms = Infinity
  #callOff: (() => void) | undefined

  /** @param now the clock that its moments are told by */
  constructor(clock: Clock, now: () => Ms, run: () => void) {
    this.#clock = clock
    this.#now = now
    this.#run = run
  }

  /** When it goes off; Infinity: it isn't set. */
  get at(): Ms {
    return this.#at
  }

  set(at: Ms): void {
    if (at >= this.#at) return
    this.#at = at
    this.#callOff?.()
    this.#callOff = this.#clock.after(Math.max(0, at - this.#now()), () => {
      this.clear()
      this.#run()
    })
  }

  clear(): void {
    this.#callOff?.()
    this.#callOff = undefined
    this.#at = Infinity
  }
}
