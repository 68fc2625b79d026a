import type { Fence, JobId, Ms } from '../job.ts'
import type { Lease } from './broker.ts'

/**
 * The leases that one session holds, as far as its own calls tell: a mirror of the store for what a protocol asks often (DEADLINE_SOON, what to give back)
 * and for timers. The store is the authority.
 */
export class Leases {
  readonly #held = new Map<JobId, Lease>()
  /** The soonest deadline is at or after this moment; exact unless `#stale`. */
  #soonest: Ms = Infinity
  #stale = false

  get size(): number {
    return this.#held.size
  }

  get(id: JobId): Lease | undefined {
    return this.#held.get(id)
  }

  add(id: JobId, n: Fence, until: Ms | undefined): void {
    this.#held.set(id, until === undefined ? { id, n } : { id, n, until })
    if (until !== undefined && until < this.#soonest) this.#soonest = until
  }

  touch(id: JobId, until: Ms): void {
    const lease = this.#held.get(id)
    if (!lease) return
    if (lease.until === this.#soonest) this.#stale = true
    lease.until = until
    if (until < this.#soonest) this.#soonest = until
  }

  remove(id: JobId): void {
    const lease = this.#held.get(id)
    if (!lease) return
    this.#held.delete(id)
    if (this.#held.size === 0) {
      this.#soonest = Infinity
      this.#stale = false
    } else if (lease.until === this.#soonest) this.#stale = true
  }

  /** Removes it if this is the lease. Whether it was. */
  end(id: JobId, n: Fence): boolean {
    if (this.#held.get(id)?.n !== n) return false
    this.remove(id)
    return true
  }

  clear(): void {
    this.#held.clear()
    this.#soonest = Infinity
    this.#stale = false
  }

  /** The soonest deadline. */
  soonest(): Ms | undefined {
    if (this.#stale) {
      this.#stale = false
      this.#soonest = Infinity
      for (const { until } of this.#held.values()) if (until !== undefined && until < this.#soonest) this.#soonest = until
    }
    return this.#soonest === Infinity ? undefined : this.#soonest
  }

  /** A moment at or before the soonest deadline, without looking for it. */
  get bound(): Ms {
    return this.#soonest
  }

  /** The one with the soonest deadline first. */
  list(): Lease[] {
    return [...this.#held.values()].sort((a, b) => (a.until ?? Infinity) - (b.until ?? Infinity))
  }
}
