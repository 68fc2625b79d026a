import type { QueueRow } from '../machine/queue.ts'
import type { Row } from '../machine/row.ts'
import type { GroupTable } from '../machine/table.ts'
import { Members } from './members.ts'
import type { MemoryQueue } from './queue.ts'

/** The jobs of ordered groups that aren't buried. Each queue has its own. */
export class Groups implements GroupTable {
  head(queue: QueueRow, group: string): Row | undefined {
    return (queue as MemoryQueue).groups.get(group)?.first
  }

  isClosed(row: Row): boolean {
    return this.head(row.queue, row.group as string) !== row
  }

  ready(queue: QueueRow, group: string): Row | undefined {
    return (queue as MemoryQueue).groups.get(group)?.ready
  }

  next(row: Row): Row | undefined {
    return (row.queue as MemoryQueue).groups.get(row.group as string)?.after(row)
  }

  enter(row: Row, group: string): void {
    if (row.state === 'buried') return
    const { groups } = row.queue as MemoryQueue
    let members = groups.get(group)
    if (!members) groups.set(group, (members = new Members()))
    members.enter(row)
  }

  leave(row: Row, group: string): void {
    if (row.state === 'buried') return
    const { groups } = row.queue as MemoryQueue
    const members = groups.get(group) as Members
    members.leave(row)
    if (members.size === 0) groups.delete(group)
  }
}
