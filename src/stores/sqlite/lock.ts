import { readFileSync, statSync } from 'node:fs'

/** The byte of the shared-memory file that SQLite locks while it writes ("WAL-Index Locking", walformat.html). */
const WRITE = 120

/**
 * Whether a connection of this very process holds the file's write lock. On Linux alone it can be told; elsewhere the answer is no. It reads all locks of
 * the machine: ask seldom.
 */
export function holdsWriteLock(path: string): boolean {
  try {
    const { ino } = statSync(`${path}-shm`)
    return readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .some((line) => isOurs(line, ino))
  } catch {
    return false
  }
}

/** A line is `1: POSIX  ADVISORY  WRITE 4711 fe:00:2146363 120 120`. */
function isOurs(line: string, inode: number): boolean {
  const [, , , mode, pid, file, from, to] = line.split(/\s+/)
  return (
    mode === 'WRITE' &&
    pid === String(process.pid) &&
    file?.endsWith(`:${inode}`) === true &&
    Number(from) <= WRITE &&
    (to === 'EOF' || Number(to) >= WRITE)
  )
}
