import type { Ms } from '../../job.ts'

/** So many handlers are watched; further ones are not named. */
export const SLOTS = 256

/** The main thread gives a sign of life so often. */
export const PERIOD: Ms = 500

const BEATS = 0
const DEBUGGED = 1
const RUNNING = 2
const IDLE = 3
/** By slot, from 1 on. */
const ACTIVE = 3
const BEAT_AT = 0
const JOB = 1

/** What the main thread writes and the watching one reads. Handlers are known by their slot, from 1 on. */
export class Board {
  readonly buffer: SharedArrayBuffer
  readonly #integers: Int32Array
  readonly #numbers: Float64Array

  constructor(buffer = new SharedArrayBuffer((4 + SLOTS) * 4 + (2 + SLOTS) * 8)) {
    this.buffer = buffer
    this.#numbers = new Float64Array(buffer, 0, 2 + SLOTS)
    this.#integers = new Int32Array(buffer, (2 + SLOTS) * 8)
  }

  /** @param debugged somebody may have stopped the program to look at it */
  beat(debugged: boolean): void {
    this.#numbers[BEAT_AT] = now()
    this.#integers[DEBUGGED] = debugged ? 1 : 0
    Atomics.add(this.#integers, BEATS, 1)
  }

  get beats(): number {
    return Atomics.load(this.#integers, BEATS)
  }

  get beatAt(): Ms {
    return this.#numbers[BEAT_AT] as number
  }

  get debugged(): boolean {
    return this.#integers[DEBUGGED] === 1
  }

  /** No handler is at work: there are no signs of life, and nobody looks for any. */
  get idle(): boolean {
    return this.#integers[IDLE] === 1
  }

  set idle(idle: boolean) {
    this.#integers[IDLE] = idle ? 1 : 0
  }

  /** A handler is called. */
  enter(slot: number, job: number): void {
    this.#integers[RUNNING] = slot
    this.#numbers[JOB + slot] = job
    ;(this.#integers[ACTIVE + slot] as number)++
  }

  /** It has returned: what it awaits goes on. */
  leave(): void {
    this.#integers[RUNNING] = 0
  }

  /** What it answered has settled. */
  settled(slot: number): void {
    ;(this.#integers[ACTIVE + slot] as number)--
  }

  /** The handler that has been called and has not returned; 0: none. */
  get running(): number {
    return this.#integers[RUNNING] as number
  }

  /** How many attempts of it run. */
  active(slot: number): number {
    return this.#integers[ACTIVE + slot] as number
  }

  /** The job for which it was called last. */
  job(slot: number): number {
    return this.#numbers[JOB + slot] as number
  }

  clear(slot: number): void {
    this.#integers[ACTIVE + slot] = 0
  }
}

/** The same in all threads. */
export function now(): Ms {
  return performance.timeOrigin + performance.now()
}
