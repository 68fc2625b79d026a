import { Heap } from '../heap.ts'
import { IdMap } from '../id-map.ts'
import type { Fence, JobId, Ms, Queue, Ref } from '../job.ts'
import type { Op, Refusal, Result } from '../stores/store.ts'
import type { Lease } from './broker.ts'

/**
 * The leases that sessions of this process hold, as far as answers and the store's hints tell: a mirror for what a protocol asks often
 * (DEADLINE_SOON, what to give back). The store is the authority.
 */
export class Leases {
  readonly #byJob = new IdMap<HeldLease>()
  readonly #now: () => Ms

  /** @param now the clock of deadlines */
  constructor(now: () => Ms) {
    this.#now = now
  }

  get(id: JobId): HeldLease | undefined {
    return this.#byJob.get(id)
  }

  /** What the answers to a session's operations say about leases. */
  learn(ops: readonly Op[], results: readonly Result[], holder: Holder): void {
    for (let i = 0; i < results.length; i++) {
      const op = ops[i] as Op
      const result = results[i] as Result
      switch (op.do) {
        case 'reserve':
          if (result.ok && result.do === 'reserve' && op.lease.session === holder.session && !op.gone)
            for (const { id, n, until, queue } of result.jobs) this.#add(holder, id, n, until, queue)
          break
        case 'touch': {
          const lease = this.#byJob.get(op.job.id)
          if (!lease) break
          if (!result.ok) this.#refused(lease, op.job, result.why, holder)
          else if (result.do === 'touch' && names(op.job, lease, holder)) lease.holder.touch(lease, result.until)
          break
        }
        case 'finish':
        case 'release':
        case 'bury':
        case 'forward': {
          const lease = this.#byJob.get(op.job.id)
          if (!lease) break
          if (!result.ok) this.#refused(lease, op.job, result.why, holder)
          else if (names(op.job, lease, holder)) this.#remove(lease)
          else if (op.job.force) this.#lose(lease, 'forced')
          break
        }
        default:
          break
      }
    }
  }

  /** The store says that a lease ended; a cancelled job's goes on, but should not. */
  ended(id: JobId, n: Fence, why: 'timeout' | 'cancelled' | 'forced'): void {
    const lease = this.#byJob.get(id)
    if (lease?.n !== n) return
    if (why === 'cancelled') lease.holder.lost(lease, why)
    else this.#lose(lease, why)
  }

  /** All of a session's leases are over. */
  clear(holder: Holder): void {
    for (const lease of holder.leases) this.#byJob.delete(lease.id)
    holder.leases.clear()
  }

  #add(holder: Holder, id: JobId, n: Fence, until: Ms | undefined, queue: Queue): void {
    // Its end may have been told of before its begin was answered.
    if (until !== undefined && until <= this.#now()) return
    const old = this.#byJob.get(id)
    // Who gives it back, or leaves, may be answered after the next holder is.
    if (old && !old.holder.leaving && old.until !== undefined && old.until <= this.#now()) this.#lose(old, 'timeout')
    else if (old) this.#remove(old)
    const lease = new HeldLease(holder, id, n, until, queue)
    this.#byJob.set(lease)
    holder.leases.push(lease)
  }

  /** The session may be told that it doesn't hold the job, or not by this number. */
  #refused(lease: HeldLease, job: Ref, why: Refusal, holder: Holder): void {
    if ((why === 'gone' || why === 'stale' || why === 'not held') && names(job, lease, holder)) this.#remove(lease)
  }

  #remove(lease: HeldLease): void {
    this.#byJob.delete(lease.id)
    lease.holder.leases.remove(lease)
  }

  #lose(lease: HeldLease, why: 'timeout' | 'forced'): void {
    this.#remove(lease)
    lease.holder.lost(lease, why)
  }
}

/** Whether it is this lease, and not one that has begun since, or that of another who is left alone. */
function names({ n, held }: Ref, lease: HeldLease, holder: Holder): boolean {
  return n === undefined ? held !== undefined && lease.holder === holder : lease.n === n
}

export class HeldLease implements Lease {
  readonly holder: Holder
  readonly id: JobId
  readonly n: Fence
  readonly queue: Queue
  until?: Ms
  /** Its place in its holder's heap. */
  slot = -1

  constructor(holder: Holder, id: JobId, n: Fence, until: Ms | undefined, queue: Queue) {
    this.holder = holder
    this.id = id
    this.n = n
    this.queue = queue
    if (until !== undefined) this.until = until
  }
}

/** Whoever holds leases: a session. */
export class Holder {
  readonly session: string
  /** What has no deadline comes last. */
  readonly leases = new Heap<HeldLease>((a, b) => (a.until ?? Infinity) < (b.until ?? Infinity))
  /** Is called when one of them ended without the session's doing, or its job was cancelled. */
  readonly lost: (lease: HeldLease, why: 'timeout' | 'cancelled' | 'forced') => void
  /** The session's end is on its way to the store. */
  leaving = false

  constructor(session: string, lost: Holder['lost']) {
    this.session = session
    this.lost = lost
  }

  touch(lease: HeldLease, until: Ms): void {
    this.leases.remove(lease)
    lease.until = until
    this.leases.push(lease)
  }
}
