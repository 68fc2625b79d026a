import type { Clock } from '../clock.ts'
import { Heap } from '../heap.ts'
import type { Ms } from '../job.ts'
import { Alarm } from './alarm.ts'

interface Waiter {
  readonly until: Ms
  /** -1: it is not among them. */
  slot: number
  /** Its time is over. */
  timeOut(): void
}

/** Lines whose time runs out: one timer for all of them. */
export class Timeouts {
  readonly #clock: Clock
  readonly #waiters = new Heap<Waiter>((a, b) => a.until < b.until)
  readonly #alarm: Alarm

  constructor(clock: Clock) {
    this.#clock = clock
    this.#alarm = new Alarm(
      clock,
      () => clock.now(),
      () => this.#run(),
    )
  }

  add(waiter: Waiter): void {
    this.#waiters.push(waiter)
    this.#alarm.set(waiter.until)
  }

  remove(waiter: Waiter): void {
    if (waiter.slot < 0) return
    this.#waiters.remove(waiter)
    if (this.#waiters.first === undefined) this.#alarm.clear()
  }

  #run(): void {
    const now = this.#clock.now()
    for (let { first } = this.#waiters; first; { first } = this.#waiters) {
      if (first.until > now) return this.#alarm.set(first.until)
      this.#waiters.remove(first)
      first.timeOut()
    }
  }
}
