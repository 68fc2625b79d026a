import { readFileSync } from 'node:fs'
import { hostname, uptime } from 'node:os'
import type { DatabaseSync } from 'node:sqlite'
import type { Ms } from '../../job.ts'

/**
 * One clock for all processes that share the file: the wall time at which the file was first opened since the machine started, moved on by the
 * machine's monotonic clock. So a step of the wall clock ends no lease early, and no two processes disagree. Within a transaction.
 */
export function sharedClock(db: DatabaseSync): () => Ms {
  const boot = bootId()
  const mark = db.prepare('SELECT boot, wall, monotonic FROM mark WHERE k = 1').get() as {
    boot: string | null
    wall: number
    monotonic: number
  }
  if (mark.boot !== boot) {
    Object.assign(mark, { wall: Date.now(), monotonic: monotonic() })
    db.prepare('UPDATE mark SET boot = ?, wall = ?, monotonic = ? WHERE k = 1').run(boot, mark.wall, mark.monotonic)
  }
  const offset = mark.wall - mark.monotonic
  return () => offset + monotonic()
}

function monotonic(): Ms {
  const [s, ns] = process.hrtime()
  return s * 1000 + Math.floor(ns / 1e6)
}

/** Names this start of the machine; elsewhere than on Linux, by the moment of it, to ten seconds. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return `${hostname()} ${Math.round((Date.now() / 1000 - uptime()) / 10)}`
  }
}
