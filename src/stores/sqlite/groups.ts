import type { JobId } from '../../job.ts'
import type { IdMap } from '../../id-map.ts'
import type { QueueRow } from '../machine/queue.ts'
import type { Row } from '../machine/row.ts'
import type { GroupTable } from '../machine/table.ts'
import type { Connection } from './connection.ts'

/** So many groups, and so many of their jobs, are remembered from one commit to the next; past it all are forgotten. */
const GROUPS = 10_000
const MEMBERS = 65_536
/** So many jobs of a group are looked up at once: few at first, since others may write before the next one is asked for. */
const FIRST_REACH = 2
const REACH = 32

/** A job's place in its group. */
interface Place {
  readonly id: JobId
  readonly rank: number
}

const START: Place = { id: 0, rank: 0 }

/** The first jobs of an ordered group that aren't buried: all of them up to `edge`, or all there are. */
class Group {
  /** The number of its queue. */
  readonly queue: number
  readonly name: string
  /** By rank. What stands before `from` has left. */
  readonly #places: Place[] = []
  #from = 0
  /** undefined: there are no more. */
  edge: Place | undefined = START
  reach = FIRST_REACH
  /** Rows behind the edge that this commit has changed and not written yet. */
  unwritten: Set<Row> | undefined

  constructor(queue: number, name: string) {
    this.queue = queue
    this.name = name
  }

  get size(): number {
    return this.#places.length - this.#from
  }

  at(index: number): Place | undefined {
    return this.#places[this.#from + index]
  }

  /** The first of those known that stand behind this one. */
  behind(row: Row): Place | undefined {
    return this.#places[this.#indexBehind(row)]
  }

  /** Whether it was one of those known. */
  leave(row: Row): boolean {
    const places = this.#places
    if (places[this.#from]?.id === row.id) {
      this.#from++
      return true
    }
    const at = places.findIndex(({ id }, i) => id === row.id && i >= this.#from)
    if (at < 0) this.unwritten?.delete(row)
    else places.splice(at, 1)
    return at >= 0
  }

  /** false: it stands behind the edge. What is put isn't remembered while another one comes first: it is looked up when its turn comes. */
  enter(row: Row): boolean {
    const places = this.#places
    const first = places[this.#from]
    const left = places[this.#from - 1]
    if (left?.id === row.id && left.rank === row.rank && !(first && isBehind(row, first))) {
      this.#from--
      return true
    }
    const last = first && (places.at(-1) as Place)
    if (!this.edge && last && isBehind(row, last) && (!row.stored || this.size >= REACH)) this.edge = last
    if (this.edge && isBehind(row, this.edge)) {
      ;(this.unwritten ??= new Set()).add(row)
      return false
    }
    const { id, rank } = row
    places.splice(this.#indexBehind(row), 0, { id, rank })
    return true
  }

  /**
   * Moves the edge on.
   * @param found the next ones behind it in the file, without those of which this commit has made something else
   * @param edge the last one that was looked at
   */
  extend(found: Place[], edge: Place | undefined): void {
    if (this.unwritten?.size) {
      const rows = [...this.unwritten].filter((row) => !edge || !isBehind(row, edge)).sort(inOrder)
      if (rows.length > REACH) {
        rows.length = REACH
        const { id, rank } = rows.at(-1) as Row
        edge = { id, rank }
        found = found.filter((place) => !isBehind(place, edge as Place))
      }
      for (const row of rows) {
        this.unwritten.delete(row)
        found.push({ id: row.id, rank: row.rank })
      }
      found.sort(inOrder)
    }
    this.#places.splice(0, this.#from)
    this.#from = 0
    this.#places.push(...found)
    this.edge = edge
  }

  #indexBehind(row: Row): number {
    const places = this.#places
    let at = this.#from
    while (at < places.length && !isBehind(places[at] as Place, row)) at++
    return at
  }
}

/** The ordered groups, as far as this process has met them: who is first, and who follows. It holds while nobody else writes to the file. */
export class Groups implements GroupTable {
  readonly #file: Connection
  readonly #loaded: IdMap<Row>
  readonly #get: (id: JobId) => Row | undefined
  /** By queue number and name. */
  readonly #queues = new Map<number, Map<string, Group>>()
  readonly #unwritten = new Set<Group>()
  #last: Group | undefined
  #groups = 0
  #members = 0

  /**
   * @param loaded the rows that are in the cache
   * @param get a row, from the cache or the file
   */
  constructor(file: Connection, loaded: IdMap<Row>, get: (id: JobId) => Row | undefined) {
    this.#file = file
    this.#loaded = loaded
    this.#get = get
  }

  /** Others have written, or a unit was undone: nothing is known to be so any more. */
  doubt(): void {
    this.#queues.clear()
    this.#unwritten.clear()
    this.#last = undefined
    this.#groups = this.#members = 0
  }

  /** All that the commit has changed by now is in the file. */
  written(): void {
    if (this.#unwritten.size > 0) {
      for (const group of this.#unwritten) group.unwritten?.clear()
      this.#unwritten.clear()
    }
    if (this.#groups > GROUPS || this.#members > MEMBERS) this.doubt()
  }

  leave(row: Row, name: string): void {
    if (this.#group(row.queue, name).leave(row)) this.#members--
  }

  enter(row: Row, name: string): void {
    if (row.state === 'buried') return
    const group = this.#group(row.queue, name)
    if (group.enter(row)) this.#members++
    else this.#unwritten.add(group)
  }

  head(queue: QueueRow, name: string): Row | undefined {
    return this.#at(0, this.#group(queue, name))
  }

  isClosed(row: Row): boolean {
    const group = this.#group(row.queue, row.group as string)
    while (group.size === 0 && group.edge) this.#extend(group)
    const first = group.at(0)
    return first !== undefined && first.id !== row.id
  }

  /** Only the first is ever ready; or the one behind it, when another one has just come in front of that. */
  ready(queue: QueueRow, name: string): Row | undefined {
    const group = this.#group(queue, name)
    for (let i = 0; i < 2; i++) {
      const row = this.#at(i, group)
      if (row?.state === 'ready') return row
    }
    return undefined
  }

  next(row: Row): Row | undefined {
    const group = this.#group(row.queue, row.group as string)
    for (;;) {
      const place = group.behind(row)
      if (place || !group.edge) return place && this.#get(place.id)
      this.#extend(group)
    }
  }

  #group({ no }: QueueRow, name: string): Group {
    const last = this.#last
    if (last?.name === name && last.queue === no) return last
    let groups = this.#queues.get(no)
    if (!groups) this.#queues.set(no, (groups = new Map<string, Group>()))
    let group = groups.get(name)
    if (!group) {
      groups.set(name, (group = new Group(no, name)))
      this.#groups++
    }
    return (this.#last = group)
  }

  #at(index: number, group: Group): Row | undefined {
    while (index >= group.size && group.edge) this.#extend(group)
    const place = group.at(index)
    return place && this.#get(place.id)
  }

  /** Looks up the next ones: their places only, since a row that is read now is needless if it has changed when its turn comes. */
  #extend(group: Group): void {
    const { reach, edge = START } = group
    group.reach = Math.min(REACH, reach * 2)
    const found = this.#file.all<[id: JobId, rank: number]>(
      `SELECT id, rank FROM job WHERE queue = ? AND grp = ? AND grp IS NOT NULL AND state <> 3 AND (rank, id) > (?, ?)
       ORDER BY rank, id LIMIT +?`,
      group.queue,
      group.name,
      edge.rank,
      edge.id,
      reach,
    )
    const places = found.map(([id, rank]): Place => ({ id, rank }))
    const before = group.size
    group.extend(
      places.filter(({ id }) => (this.#loaded.get(id)?.change ?? 'none') === 'none'),
      places.length < reach ? undefined : places.at(-1),
    )
    this.#members += group.size - before
  }
}

function isBehind(a: Place, b: Place): boolean {
  return a.rank > b.rank || (a.rank === b.rank && a.id > b.id)
}

function inOrder(a: Place, b: Place): number {
  return a.rank - b.rank || a.id - b.id
}
