/**
 * Fair queues: groups take turns. A job's turn is its rank, so that a reserve has nothing to choose: with the jobs that are ready now, or right after the last
 * of its own group, whichever comes later. Turns are read off the jobs that are here: there is no other state, and a group without jobs is forgotten.
 * docs/architecture.md says more, under "Fair groups".
 */
import type { Commit } from './commit.ts'
import type { Row } from './row.ts'

/**
 * Ranks a row that becomes ready and is in no order: one that comes back from its lease keeps its turn, or gets the one that it is now.
 * @param fresh a number above all ranks: its rank where nothing is ready
 */
export function takeTurn(commit: Commit, row: Row, fresh?: number): void {
  const now = current(commit, row)
  const own = row.turn ? row.rank : afterLast(commit, row)
  row.rank = now === undefined ? (fresh ?? commit.table.next()) : Math.max(now, own)
  row.turn = true
}

/** It comes back behind all of its group, and behind those whose turn it is. */
export function toBack(commit: Commit, row: Row): void {
  row.rank = Math.max(afterLast(commit, row), (current(commit, row) ?? 0) + 1)
  row.turn = true
}

/** Turns are taken among jobs of one priority. */
export function setPri(row: Row, pri: number): void {
  if (row.pri !== pri) row.turn = false
  row.pri = pri
}

function afterLast(commit: Commit, row: Row): number {
  return (commit.table.lastTurn(row) ?? -1) + 1
}

/** Whose turn it is among jobs of the row's priority that are ready, or wait at the row's gates. */
function current(commit: Commit, row: Row): number | undefined {
  const { queue, pri } = row
  let first = commit.table.firstReady(row)
  for (const name of row.gates ?? []) {
    const gate = commit.table.gates.get(name)
    if (!gate.lanes.get(queue.no)?.parked) continue
    const parked = commit.table.gates.parked(gate, queue.no, 1)[0]
    if (parked?.pri === pri && (first === undefined || parked.rank < first)) first = parked.rank
  }
  return first
}
