import { Heap } from '../machine/heap.ts'
import { QueueRow } from '../machine/queue.ts'
import type { Finished, Row } from '../machine/row.ts'
import type { Claim } from '../machine/table.ts'
import { Ready } from './ready.ts'

/** A queue and the orders in which its jobs lie. */
export class MemoryQueue extends QueueRow {
  readonly order = new Ready()
  readonly later = new Heap<Row>((a, b) => a.at < b.at || (a.at === b.at && isBehind(b, a)))
  /** In the order of burial. */
  readonly aside = new Map<number, Row>()
  /** Those that wait: behind their group, at a gate, for a job whose key they have. */
  readonly waiters = new Set<Row>()
  /** Each group's jobs that aren't buried, by rank. */
  readonly groups = new Map<string, Row[]>()
  readonly claims = new Map<string, Claim>()
  history: Finished[] = []

  join(row: Row, group: string): void {
    const members = this.groups.get(group)
    if (!members) this.groups.set(group, [row])
    else members.splice(place(members, row), 0, row)
  }

  part(row: Row, group: string): void {
    const members = this.groups.get(group) as Row[]
    if (members.length === 1) this.groups.delete(group)
    else members.splice(place(members, row), 1)
  }

  after(row: Row, group: string): Row | undefined {
    const members = this.groups.get(group) ?? []
    const at = place(members, row)
    return members[at] === row ? members[at + 1] : members[at]
  }
}

function isBehind(a: Row, b: Row): boolean {
  return a.rank > b.rank || (a.rank === b.rank && a.id > b.id)
}

/** Where a row is, or belongs, among rows ordered by rank. */
function place(rows: readonly Row[], row: Row): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((rows[middle] as Row).rank < row.rank) low = middle + 1
    else high = middle
  }
  return low
}
