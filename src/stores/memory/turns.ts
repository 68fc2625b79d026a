import { Heap } from '../../heap.ts'
import type { QueueRow } from '../machine/queue.ts'
import type { Row } from '../machine/row.ts'

/** The turns of a fair group's jobs of one priority: the last first. */
class Group {
  readonly queue: QueueRow
  readonly pri: number
  readonly name: string
  readonly seats = new Heap<Seat>(isBehind)

  constructor(row: Row) {
    this.queue = row.queue
    this.pri = row.pri
    this.name = row.fair ?? ''
  }

  has({ queue, pri, fair }: Row): boolean {
    return queue === this.queue && pri === this.pri && fair === this.name
  }
}

/** A turn that a row has taken. */
interface Seat {
  readonly group: Group
  readonly rank: number
  readonly id: number
  slot: number
}

/** Which turns the fair groups of all queues have taken. A row that leaves its order keeps its seat until it enters one again, or is gone. */
export class Turns {
  readonly #groups = new Map<QueueRow, Map<string, Group>>()

  enter(row: Row): void {
    const seat = row.seat as Seat | undefined
    if (seat) {
      if (row.turn && seat.rank === row.rank && seat.group.has(row)) return
      this.#rise(row, seat)
    }
    if (row.turn) this.#sit(row)
  }

  remove(row: Row): void {
    if (row.seat) this.#rise(row, row.seat as Seat)
  }

  /** The last turn that another row of its group and priority has. */
  last(row: Row): number | undefined {
    // It takes a seat again when it enters.
    this.remove(row)
    return this.#groups.get(row.queue)?.get(keyOf(row))?.seats.first?.rank
  }

  #sit(row: Row): void {
    let groups = this.#groups.get(row.queue)
    if (!groups) this.#groups.set(row.queue, (groups = new Map<string, Group>()))
    const key = keyOf(row)
    let group = groups.get(key)
    if (!group) groups.set(key, (group = new Group(row)))
    const seat: Seat = { group, rank: row.rank, id: row.id, slot: -1 }
    group.seats.push(seat)
    row.seat = seat
  }

  #rise(row: Row, seat: Seat): void {
    const { group } = seat
    group.seats.remove(seat)
    row.seat = undefined
    if (group.seats.size > 0) return
    const groups = this.#groups.get(group.queue)
    groups?.delete(keyText(group.pri, group.name))
    if (groups?.size === 0) this.#groups.delete(group.queue)
  }
}

function keyOf({ pri, fair = '' }: Row): string {
  return keyText(pri, fair)
}

function keyText(pri: number, group: string): string {
  return `${pri}/${group}`
}

function isBehind(a: Seat, b: Seat): boolean {
  return a.rank > b.rank || (a.rank === b.rank && a.id > b.id)
}
