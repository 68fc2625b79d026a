import type { Clock } from '../clock.ts'
import type { Ms } from '../job.ts'
import type { Store, StoreEvent, ToldEvent, Unit } from '../stores/store.ts'
import type { Follower } from './broker.ts'

/** Records by which a session says that it follows. */
export const FOLLOW = 'follow/'
/** So many events wait here for their commit; the oldest of those that are too many are dropped, and counted. */
const PENDING = 1000
/** Should a hint get lost, a follower looks after so long. */
const LOOK: Ms = 1000

/** The broker's part in the store's ring of events: what this process tells, and those of its sessions that follow. */
export class Following {
  /** Somebody follows, in whichever process: what happens is to be told. */
  on = false
  readonly #store: Store
  readonly #clock: Clock
  readonly #commit: (unit: Unit) => Promise<unknown>
  readonly #followers = new Set<EventFollower>()
  #pending: StoreEvent[] = []
  #dropped = 0
  #telling = false

  constructor(store: Store, clock: Clock, commit: (unit: Unit) => Promise<unknown>) {
    this.#store = store
    this.#clock = clock
    this.#commit = commit
  }

  /** One commit at a time, not waited for by anybody: what happens meanwhile goes with the next. */
  tell(events: readonly StoreEvent[]): void {
    if (!this.on || events.length === 0) return
    this.#pending.push(...events)
    const surplus = this.#pending.length - PENDING
    if (surplus > 0) {
      this.#pending.splice(0, surplus)
      this.#dropped += surplus
    }
    if (!this.#telling) void this.#tell()
  }

  /** Begins behind what has been told by now. */
  async follow(tenant: string, stop: () => Promise<void>): Promise<EventFollower> {
    const { last } = await this.#store.events(Number.MAX_SAFE_INTEGER, 0)
    const follower: EventFollower = new EventFollower(this.#store, this.#clock, tenant, last, stop, () =>
      this.#followers.delete(follower),
    )
    this.#followers.add(follower)
    return follower
  }

  /** There are new ones. */
  wake(): void {
    for (const follower of this.#followers) follower.wake()
  }

  /** @param failure of the store */
  close(failure?: Error): void {
    for (const follower of this.#followers) follower.end(failure)
  }

  async #tell(): Promise<void> {
    this.#telling = true
    while (this.#pending.length > 0) {
      const events = this.#pending
      const dropped = this.#dropped
      this.#pending = []
      this.#dropped = 0
      try {
        await this.#commit({ ops: [{ do: 'tell', events, ...(dropped > 0 && { dropped }) }], unsynced: true })
      } catch {
        // Nobody may be told of what can't be written: it counts as missed.
        this.#dropped += events.length + dropped
        break
      }
    }
    this.#telling = false
  }
}

export class EventFollower implements Follower {
  readonly #store: Store
  readonly #clock: Clock
  readonly #tenant: string
  readonly #onClose: () => Promise<void>
  readonly #onEnd: () => void
  #after: number
  #news = false
  #wake: (() => void) | undefined
  #over = false
  #failure: Error | undefined
  #closed: Promise<void> | undefined

  constructor(
    store: Store,
    clock: Clock,
    tenant: string,
    after: number,
    onClose: () => Promise<void>,
    onEnd: () => void,
  ) {
    this.#store = store
    this.#clock = clock
    this.#tenant = tenant
    this.#after = after
    this.#onClose = onClose
    this.#onEnd = onEnd
  }

  async next(limit: number): Promise<{ events: ToldEvent[]; missed: number } | undefined> {
    let missed = 0
    while (!this.#over) {
      this.#news = false
      const { events } = await this.#store.events(this.#after, limit)
      for (const { at } of events) {
        missed += at - this.#after - 1
        this.#after = at
      }
      const own = events.filter((event) => event.queue.startsWith(this.#tenant))
      if (own.length > 0 || missed > 0) return { events: own, missed }
      if (events.length === 0 && !this.#news) await this.#sleep()
    }
    if (this.#failure) throw this.#failure
    return undefined
  }

  wake(): void {
    this.#news = true
    this.#wake?.()
  }

  end(failure?: Error): void {
    this.#over = true
    this.#failure ??= failure
    this.#onEnd()
    this.#wake?.()
  }

  close(): Promise<void> {
    this.end()
    return (this.#closed ??= this.#onClose())
  }

  #sleep(): Promise<void> {
    if (this.#over) return Promise.resolve()
    return new Promise((resolve) => {
      const callOff = this.#clock.after(LOOK, () => this.#wake?.())
      this.#wake = () => {
        callOff()
        this.#wake = undefined
        resolve()
      }
    })
  }
}
