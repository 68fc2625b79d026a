import type { Bytes, JobId, Ms } from '../../job.ts'
import { MOST } from '../machine/notes.ts'
import type { NoteTable } from '../machine/table.ts'
import type { Note } from '../store.ts'
import type { Connection } from './connection.ts'

/** What is kept beside a job: logs, progress, failed attempts, steps. */
export class Notes implements NoteTable {
  readonly #file: Connection

  constructor(file: Connection) {
    this.#file = file
  }

  add(job: JobId, { kind, key, at, data }: Note): void {
    if (kind === 'progress') this.#file.run('DELETE FROM note WHERE job = ? AND kind = ?', job, kind)
    else if (kind === 'step')
      this.#file.run('DELETE FROM note WHERE job = ? AND kind = ? AND key IS ?', job, kind, key ?? null)
    this.#file.run(
      `INSERT INTO note (job, no, kind, key, at, data) VALUES (?1, coalesce((SELECT max(no) FROM note WHERE job = ?1), 0) + 1, ?2, ?3, ?4, ?5)`,
      job,
      kind,
      key ?? null,
      at,
      data,
    )
    if (MOST[kind] > 1)
      this.#file.run(
        `DELETE FROM note WHERE job = ?1 AND kind = ?2 AND no <= coalesce((SELECT no FROM note WHERE job = ?1 AND kind = ?2 ORDER BY no DESC LIMIT 1 OFFSET ?3), -1)`,
        job,
        kind,
        MOST[kind],
      )
  }

  drop(job: JobId): void {
    this.#file.run('DELETE FROM note WHERE job = ?', job)
  }
}

export const NOTES_OF = 'SELECT kind, key, at, data FROM note WHERE job = ? ORDER BY no'
export type NoteColumns = [Note['kind'], string | null, Ms, Bytes]

export function noteOf([kind, key, at, data]: NoteColumns): Note {
  return { kind, at, data, ...(key !== null && { key }) }
}
