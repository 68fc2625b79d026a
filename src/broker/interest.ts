import type { Clock } from '../clock.ts'
import type { Ms, Queue } from '../job.ts'
import type { Store } from '../stores/store.ts'

/** A queue that nobody waits for any more is still named for so long: whoever waited is likely to wait again. */
const LINGER: Ms = 1000

/** Tells the store for which queues this process waits, so that other processes wake it. It grows at once and shrinks after a while. */
export class Interest {
  readonly #store: Store
  readonly #clock: Clock
  readonly #wanted: () => Queue[]
  readonly #onVisible: (queues: Queue[]) => void
  #told = new Set<Queue>()
  #news = new Set<Queue>()
  #callOff: (() => void) | undefined
  #closed = false

  /**
   * @param wanted the queues that are waited for now
   * @param onVisible others know now that these are waited for, too: what they put before must be looked for once more
   */
  constructor(store: Store, clock: Clock, wanted: () => Queue[], onVisible: (queues: Queue[]) => void) {
    this.#store = store
    this.#clock = clock
    this.#wanted = wanted
    this.#onVisible = onVisible
  }

  /** Somebody begins to wait for the queue. */
  add(queue: Queue): void {
    if (this.#told.has(queue)) return
    if (this.#news.size === 0) setImmediate(() => this.#grow())
    this.#news.add(queue)
  }

  /** Nobody waits for some queue any more. */
  less(): void {
    this.#callOff ??= this.#clock.after(LINGER, () => this.#compare())
  }

  close(): void {
    this.#closed = true
    this.#callOff?.()
  }

  #grow(): void {
    const news = [...this.#news].filter((queue) => !this.#told.has(queue))
    this.#news.clear()
    if (news.length > 0) this.#tell(new Set([...this.#told, ...news]), news)
  }

  #compare(): void {
    this.#callOff = undefined
    const wanted = this.#wanted()
    const news = wanted.filter((queue) => !this.#told.has(queue))
    if (news.length > 0 || wanted.length < this.#told.size) this.#tell(new Set(wanted), news)
  }

  #tell(queues: Set<Queue>, news: Queue[]): void {
    this.#told = queues
    this.#store.wait([...queues]).then(
      () => this.#onVisible(news),
      () => {
        // The store can't now. The slow poll looks meanwhile, and soon it is said again.
        for (const queue of news) this.#told.delete(queue)
        if (!this.#closed) this.less()
      },
    )
  }
}
