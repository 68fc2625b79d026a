import type { Result, TellOp } from '../store.ts'
import type { Commit } from './commit.ts'

/** So many events are kept: who is further behind has missed some. */
export const EVENTS = 10_000
export function tell(commit: Commit, op: TellOp): Result {
  const last = commit.table.events.add(op.events, op.dropped ?? 0)
  commit.told = last
  return { ok: true, do: 'tell', last }
}
