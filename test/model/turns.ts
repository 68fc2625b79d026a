/** Which turn a job of a fair group gets, written from docs/architecture.md ("Fair groups") and not from the stores' code. */
import type { JobId } from '../../src/job.ts'

export interface Turning {
  id: JobId
  queue: string
  pri: number
  rank: number
  /** Its fair group, '' for those of none; undefined: it is of no fair queue. */
  fair: string | undefined
  /** It has taken a turn since it was last delayed, buried, moved, or given another priority. */
  turn: boolean
}

/**
 * Becomes ready.
 * @param jobs all that there are
 * @param ready those of them that are ready
 * @param fresh a new number
 */
export function takeTurn<T extends Turning>(
  job: T,
  jobs: readonly T[],
  ready: (one: T) => boolean,
  fresh: () => number,
): void {
  const now = current(job, jobs, ready)
  const own = job.turn ? job.rank : afterLast(job, jobs)
  job.rank = now === undefined ? fresh() : Math.max(now, own)
  job.turn = true
}

/** Comes back behind all of its group, and behind those whose turn it is. */
export function toBack<T extends Turning>(job: T, jobs: readonly T[], ready: (one: T) => boolean): void {
  job.rank = Math.max(afterLast(job, jobs), (current(job, jobs, ready) ?? 0) + 1)
  job.turn = true
}

function current<T extends Turning>(job: T, jobs: readonly T[], ready: (one: T) => boolean): number | undefined {
  const ranks = jobs.filter((one) => one !== job && one.queue === job.queue && one.pri === job.pri && ready(one))
  return ranks.length === 0 ? undefined : Math.min(...ranks.map(({ rank }) => rank))
}

function afterLast<T extends Turning>(job: T, jobs: readonly T[]): number {
  const theirs = jobs.filter(
    (one) => one !== job && one.turn && one.queue === job.queue && one.pri === job.pri && one.fair === job.fair,
  )
  return Math.max(-1, ...theirs.map(({ rank }) => rank)) + 1
}
