import type { JobId, Ms, Queue } from '../../job.ts'
import { Heap } from '../../heap.ts'
import { NEVER, type Finished } from '../machine/row.ts'
import type { HistoryTable } from '../machine/table.ts'
import type { Notes } from './notes.ts'
import type { Kept, MemoryQueue } from './queue.ts'
import type { Undoing } from './undo.ts'

/** Finished jobs that are kept to look at: by their queue's policy, or for their result. Each queue has its own in their order. */
export class History implements HistoryTable {
  readonly #queues: ReadonlyMap<Queue, MemoryQueue>
  readonly #notes: Notes
  readonly #undoing: Undoing
  readonly #byJob = new Map<JobId, Kept>()
  /** Those that go at a moment of their own. */
  readonly #timed = new Heap<Kept>((a, b) => a.until < b.until)
  #last = 0

  constructor(queues: ReadonlyMap<Queue, MemoryQueue>, notes: Notes, undoing: Undoing) {
    this.#queues = queues
    this.#notes = notes
    this.#undoing = undoing
  }

  get soonest(): Ms {
    return this.#timed.first?.until ?? NEVER
  }

  get(job: JobId): Finished | undefined {
    return this.#byJob.get(job)?.finished
  }

  add(finished: Finished): void {
    const kept: Kept = { finished, no: ++this.#last, until: finished.until ?? NEVER, slot: -1 }
    this.#byJob.set(finished.row.id, kept)
    queueOf(kept).history.add(kept)
    this.#orderOf(kept).push(kept)
    this.#undoing()?.push(() => this.#remove(kept))
  }

  collect(now: Ms, limit: number): void {
    for (; limit > 0; limit--) {
      const kept = this.#timed.first
      if (!kept || kept.until > now) return
      if (!queueOf(kept).policy?.keep) this.#drop(kept)
      else {
        this.#timed.remove(kept)
        kept.until = NEVER
        queueOf(kept).lasting.push(kept)
      }
    }
  }

  trim(now: Ms, limit: number): void {
    for (const queue of this.#queues.values()) this.#trim(queue, now, limit)
  }

  forget({ history }: MemoryQueue): void {
    for (const kept of history) this.#drop(kept)
  }

  #trim({ lasting, policy }: MemoryQueue, now: Ms, limit: number): void {
    const { jobs = Infinity, ms = Infinity } = policy?.keep ?? { jobs: 0 }
    for (; limit > 0; limit--) {
      const kept = lasting.first
      if (!kept || (lasting.size <= jobs && kept.finished.outcome.at > now - ms)) return
      this.#drop(kept)
    }
  }

  #drop(kept: Kept): void {
    this.#remove(kept)
    this.#notes.drop(kept.finished.row.id)
  }

  #orderOf(kept: Kept): Heap<Kept> {
    return kept.until === NEVER ? queueOf(kept).lasting : this.#timed
  }

  #remove(kept: Kept): void {
    queueOf(kept).history.delete(kept)
    this.#orderOf(kept).remove(kept)
    if (this.#byJob.get(kept.finished.row.id) === kept) this.#byJob.delete(kept.finished.row.id)
  }
}

function queueOf({ finished }: Kept): MemoryQueue {
  return finished.row.queue as MemoryQueue
}
