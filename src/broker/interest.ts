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
  readonly #onVisible: () => void
  #told = new Set<Queue>()
  #growing = false
  #shrink: (() => void) | undefined

  /**
   * @param wanted the queues that are waited for now
   * @param onVisible others know of it now: what they put before must be looked for once more
   */
  constructor(store: Store, clock: Clock, wanted: () => Queue[], onVisible: () => void) {
    this.#store = store
    this.#clock = clock
    this.#wanted = wanted
    this.#onVisible = onVisible
  }

  changed(): void {
    const wanted = this.#wanted()
    if (wanted.some((queue) => !this.#told.has(queue))) return this.#grow()
    if (wanted.length < this.#told.size) this.#shrink ??= this.#clock.after(LINGER, () => this.#lessen())
  }

  close(): void {
    this.#shrink?.()
  }

  #grow(): void {
    if (this.#growing) return
    this.#growing = true
    setImmediate(() => {
      this.#growing = false
      this.#tell(new Set([...this.#told, ...this.#wanted()]))
    })
  }

  #lessen(): void {
    this.#shrink = undefined
    const wanted = this.#wanted()
    if (wanted.length < this.#told.size) this.#tell(new Set(wanted))
  }

  #tell(queues: Set<Queue>): void {
    this.#told = queues
    this.#store.wait([...queues]).then(this.#onVisible, () => undefined)
  }
}
