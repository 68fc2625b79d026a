/** What it means to who waits for a write that it failed. */
import { CorruptStoreError, UnavailableError, UnknownOutcomeError } from '../../errors.ts'
import type { Ms } from '../../job.ts'

/** @param ms how long it waited */
export function ownTransaction(path: string, ms: Ms): string {
  return `${path} was locked for ${ms / 1000} s by a transaction that this process has open itself, so nothing was written. A put that is awaited within one's own transaction would wait for ever: use putWithin (within, of a store), or put after COMMIT.`
}

export function atLimit(path: string, cause: unknown): UnavailableError {
  return new UnavailableError(
    `${path}-wal may not grow any more (EFBIG), so nothing was written: a file of this size is the largest that its file system, or the limit of this process ("ulimit -f"), allows. Raise the limit, or move the store to where larger files may be; then try again.`,
    { cause },
  )
}

/**
 * @param code SQLite's primary result code; 0: the error is none of SQLite's
 * @param committing it came from COMMIT
 */
export function reasonOf(code: number, committing: boolean, message: string, path: string, cause: unknown): Error {
  switch (code) {
    case 0:
      return cause as Error
    case 13:
      return new UnavailableError(`The disk of ${path} is full, so nothing was written. Make room, then try again.`, {
        cause,
      })
    case 11:
    case 26:
      return new CorruptStoreError(
        `${path} is damaged (${message}). Restore it from a backup, or take out what can be read with "sqlite3 ${path} .recover".`,
        {
          cause,
        },
      )
    default:
      if (committing)
        return new UnknownOutcomeError(
          `Writing ${path} failed (${message}): what was being written may or may not be kept. The store has stopped; check the disk, then start again.`,
          { cause },
        )
      return new UnavailableError(
        `${path} could not be written (${message}), so nothing was. Check the disk, then try again.`,
        { cause },
      )
  }
}
