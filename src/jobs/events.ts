/** What happens to jobs, as this process sees it. */
import { InvalidArgumentError } from '../errors.ts'
import type { Ms } from '../job.ts'
import { named } from '../shown.ts'
import { checkFunction, type Names } from './check.ts'
import { isCounted, type Counted, type Figures } from './figures.ts'

/** What each event of a job tells: which job it is. */
export interface JobEvent {
  /** The job. */
  id: string
  name: string
  queue: string
}

/** What each event tells. */
export interface Events {
  /** A job was put by this process; `duplicate`: its unique key was taken, and `id` is the job that has it. */
  put: JobEvent & { duplicate: boolean }
  /** An attempt begins; 1 is the first. */
  started: JobEvent & { attempt: number }
  progress: JobEvent & { progress: unknown }
  /** It is done, after so many milliseconds of this attempt. */
  done: JobEvent & { attempt: number; ms: Ms; result: unknown }
  /** An attempt failed; `retried` or `dead` follows. */
  failed: JobEvent & { attempt: number; ms: Ms; error: unknown }
  /** It comes back at `at`: after a failure, or because its handler said so. */
  retried: JobEvent & { attempt: number; at: Date }
  /** It is set aside for good: its attempts are used up, its handler discarded it, or it can't be understood. */
  dead: JobEvent & { error: unknown; why: 'failed' | 'exhausted' | 'invalid' | 'rejected' }
  /** It was cancelled while it was being worked. */
  cancelled: JobEvent
  /** Its handler takes no notice of its signal: it was given up, and its slot is free again. */
  stalled: JobEvent & { ms: Ms }
  /** The job wasn't this worker's any more when its attempt was over: its outcome was not taken. */
  lost: JobEvent & { why: string }
  /**
   * The event loop of this process stood still for so long: no timer, connection or other job went on. `name` and `id`: in which handler, for which job; ''
   * where that isn't known. `where`: the function and its place, such as `shrink (/app/images.ts:12)`, or ''. While nobody listens, it is a warning of the process.
   */
  blocked: JobEvent & { ms: Ms; where: string }
  /** Something beside the jobs went wrong; the worker goes on. */
  error: { error: unknown }
}
export type EventName = keyof Events

/** Of jobs and of the process, which others may follow, too. */
export const TOLD_EVENTS: Names<Omit<Events, 'error'>> = {
  put: true,
  started: true,
  progress: true,
  done: true,
  failed: true,
  retried: true,
  dead: true,
  cancelled: true,
  stalled: true,
  lost: true,
  blocked: true,
}
const EVENTS: Names<Events> = { ...TOLD_EVENTS, error: true }

type Listener = (event: never) => void

/** Who hears all of them, for a while. */
export interface Sink {
  /** It wants to hear now. */
  readonly open: boolean
  tell<N extends EventName>(name: N, event: Events[N]): void
}

/** Calls who listens, in the order in which they came. A listener that throws, now or later, is told as 'error', and disturbs nobody. */
export class Emitter {
  readonly #listeners = new Map<EventName, Set<Listener>>()
  readonly #figures: Figures | undefined
  readonly #sink: Sink | undefined

  /** @param figures counts all of them */
  constructor(figures?: Figures, sink?: Sink) {
    this.#figures = figures
    this.#sink = sink
  }

  /** @throws InvalidArgumentError there is no such event */
  on<N extends EventName>(name: N, listener: (event: Events[N]) => void): () => void {
    if (typeof name !== 'string' || !Object.hasOwn(EVENTS, name))
      throw new InvalidArgumentError(`There is no event ${named(name)}; there are ${Object.keys(EVENTS).join(', ')}.`)
    checkFunction(listener, `The listener of '${name}'`)
    let listeners = this.#listeners.get(name)
    if (!listeners) this.#listeners.set(name, (listeners = new Set()))
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  /** Somebody listens, or follows: the event is worth making. What is only counted needs less: `count`. */
  heard(name: EventName): boolean {
    return this.listened(name) || this.#sink?.open === true
  }

  /** In place of `emit`, of an event that nobody hears. @param ms how long the attempt took that it ends */
  count(name: Counted, about: { name: string; queue: string }, ms?: Ms): void {
    this.#figures?.count(name, about, ms)
  }

  /** Somebody in this process listens. */
  listened(name: EventName): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0
  }

  emit<N extends EventName>(name: N, event: Events[N]): void {
    if (this.#sink?.open) this.#sink.tell(name, event)
    this.emitHere(name, event)
  }

  /** To listeners of this process alone. */
  emitHere<N extends EventName>(name: N, event: Events[N]): void {
    if (isCounted(name)) {
      const about = event as Partial<Events['put'] & Events['done']> & JobEvent
      if (!about.duplicate) this.#figures?.count(name, about, about.ms)
    }
    const listeners = this.#listeners.get(name)
    if (!listeners) return
    const threw = (error: unknown) => {
      if (name !== 'error') this.emit('error', { error })
    }
    for (const listener of [...listeners])
      try {
        const answered = (listener as (event: Events[N]) => unknown)(event)
        // Of an async function; nobody else would hear of what it throws.
        if (answered instanceof Promise) answered.catch(threw)
      } catch (error) {
        threw(error)
      }
  }
}
