import type { QueueRow } from '../machine/queue.ts'
import type { Row } from '../machine/row.ts'
import type { GroupTable } from '../machine/table.ts'
import type { MemoryQueue } from './queue.ts'

/** The jobs of ordered groups that aren't buried. Each queue has its own. */
export class Groups implements GroupTable {
  head(queue: QueueRow, group: string): Row | undefined {
    return (queue as MemoryQueue).groups.get(group)?.[0]
  }

  isClosed(row: Row): boolean {
    return this.head(row.queue, row.group as string) !== row
  }

  ready(queue: QueueRow, group: string): Row | undefined {
    return (queue as MemoryQueue).groups.get(group)?.find((row) => row.state === 'ready')
  }

  next(row: Row): Row | undefined {
    const members = (row.queue as MemoryQueue).groups.get(row.group as string) ?? []
    const at = place(members, row)
    return members[at] === row ? members[at + 1] : members[at]
  }

  enter(row: Row, group: string): void {
    if (row.state === 'buried') return
    const { groups } = row.queue as MemoryQueue
    const members = groups.get(group)
    if (!members) groups.set(group, [row])
    else members.splice(place(members, row), 0, row)
  }

  leave(row: Row, group: string): void {
    if (row.state === 'buried') return
    const { groups } = row.queue as MemoryQueue
    const members = groups.get(group) as Row[]
    if (members.length === 1) groups.delete(group)
    else members.splice(place(members, row), 1)
  }
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
