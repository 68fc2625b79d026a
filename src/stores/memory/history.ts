import type { JobId, Ms, Queue } from '../../job.ts'
import type { Finished } from '../machine/row.ts'
import type { HistoryTable } from '../machine/table.ts'
import type { Notes } from './notes.ts'
import type { MemoryQueue } from './queue.ts'
import type { Undoing } from './undo.ts'

/** So many finished jobs more than its policy says may a queue keep for a while: they go in slices. */
const SURPLUS = 1000

/** Finished jobs that are kept to look at: by their queue's policy, or for their result. Each queue has its own in their order. */
export class History implements HistoryTable {
  readonly #queues: ReadonlyMap<Queue, MemoryQueue>
  readonly #undoing: Undoing
  readonly #notes: Notes
  readonly #byJob = new Map<JobId, Finished>()

  constructor(queues: ReadonlyMap<Queue, MemoryQueue>, notes: Notes, undoing: Undoing) {
    this.#queues = queues
    this.#undoing = undoing
    this.#notes = notes
  }

  get(job: JobId): Finished | undefined {
    return this.#byJob.get(job)
  }

  add(finished: Finished): void {
    const { history, policy } = queueOf(finished)
    history.push(finished)
    this.#byJob.set(finished.row.id, finished)
    this.#undoing()?.push(() => this.#takeBack(finished))
    const surplus = history.length - (policy?.keep?.jobs ?? Infinity)
    if (surplus > SURPLUS) for (const gone of history.splice(0, surplus)) this.#drop(gone)
  }

  /** The last that was added to its queue's. */
  #takeBack(finished: Finished): void {
    queueOf(finished).history.pop()
    this.#byJob.delete(finished.row.id)
  }

  collect(now: Ms): void {
    for (const queue of this.#queues.values()) {
      const { history } = queue
      if (history.length === 0) continue
      const { jobs = Infinity, ms = Infinity } = queue.policy?.keep ?? { jobs: 0 }
      const first = history.length - jobs
      queue.history = history.filter((finished, index) => {
        const { until, outcome } = finished
        const kept = until === undefined ? index >= first && outcome.at > now - ms : until > now
        if (!kept) this.#drop(finished)
        return kept
      })
    }
  }

  forget({ history }: MemoryQueue): void {
    for (const finished of history) this.#drop(finished)
  }

  #drop({ row }: Finished): void {
    this.#byJob.delete(row.id)
    this.#notes.drop(row.id)
  }
}

function queueOf({ row }: Finished): MemoryQueue {
  return row.queue as MemoryQueue
}
