/** What became of which job, for those who wait for it. */
import timers from 'node:timers'
import { InvalidArgumentError, TimedOutError } from '../errors.ts'
import type { Emitter, Events } from '../jobs/events.ts'
import { named } from '../shown.ts'
import { alike } from './puts.ts'

/** As they are now: a test's fake timers must not hold them up. */
const { setTimeout, clearTimeout } = timers
/** What a job has come to. */
export type Reached = 'put' | 'started' | 'done' | 'failed' | 'retried' | 'dead' | 'cancelled' | 'lost'
const STATES: readonly Reached[] = ['put', 'started', 'done', 'failed', 'retried', 'dead', 'cancelled', 'lost']

/** What happened to a job. */
export type Happening<S extends Reached = Reached> = Events[S] & { state: S }

/** So many are remembered. */
const MOST = 100_000

export class Journal {
  readonly #happenings: Happening[] = []
  readonly #waiting = new Set<(happening: Happening) => void>()
  readonly #argsOf: (id: string) => unknown

  /** @param argsOf the arguments that a job has now */
  constructor(events: Emitter, argsOf: (id: string) => unknown) {
    this.#argsOf = argsOf
    for (const state of STATES) events.on(state, (event) => this.#enter({ ...event, state }))
  }

  #enter(happening: Happening): void {
    this.#happenings.push(happening)
    if (this.#happenings.length > MOST) this.#happenings.shift()
    for (const wake of [...this.#waiting]) wake(happening)
  }

  /**
   * @param timeout real milliseconds
   * @throws TimedOutError, InvalidArgumentError
   */
  async wait(name: string, match: unknown, state: Reached, timeout: number): Promise<Happening> {
    if (!STATES.includes(state))
      throw new InvalidArgumentError(`${named(state)} is nothing to wait for; there are ${STATES.join(', ')}.`)
    const wanted = (one: Happening) => one.name === name && one.state === state && alike(this.#argsOf(one.id), match)
    const before = this.#happenings.find(wanted)
    if (before) return before
    const { promise, resolve, reject } = Promise.withResolvers<Happening>()
    const wake = (happening: Happening) => {
      if (wanted(happening)) resolve(happening)
    }
    this.#waiting.add(wake)
    const timer = setTimeout(() => reject(this.#timedOut(name, state, timeout)), timeout)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(wake)
    }
  }

  #timedOut(name: string, state: Reached, timeout: number): TimedOutError {
    const seen = this.#happenings.filter((one) => one.name === name).map((one) => `${one.id} ${one.state}`)
    return new TimedOutError(
      `No job '${name}' of those wanted was ${state} within ${timeout} ms. Seen: ${seen.slice(-20).join(', ') || 'nothing'}. What waits for a delay or a retry comes when the clock is moved.`,
    )
  }
}
