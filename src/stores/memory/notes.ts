import type { JobId } from '../../job.ts'
import { withNote } from '../machine/notes.ts'
import type { NoteTable } from '../machine/table.ts'
import type { Note } from '../store.ts'
import type { Undoing } from './undo.ts'

/** What is kept beside a job: logs, progress, failed attempts, steps. */
export class Notes implements NoteTable {
  readonly #undoing: Undoing
  readonly #byJob = new Map<JobId, readonly Note[]>()

  constructor(undoing: Undoing) {
    this.#undoing = undoing
  }

  of(job: JobId): readonly Note[] {
    return this.#byJob.get(job) ?? []
  }

  add(job: JobId, note: Note): void {
    this.#undoing()?.push(this.#save(job))
    this.#byJob.set(job, withNote(this.of(job), note))
  }

  drop(job: JobId): void {
    this.#undoing()?.push(this.#save(job))
    this.#byJob.delete(job)
  }

  /** How to make them again what they are now. */
  #save(job: JobId): () => void {
    const notes = this.#byJob.get(job)
    return () => void (notes ? this.#byJob.set(job, notes) : this.#byJob.delete(job))
  }
}
