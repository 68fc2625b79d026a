import type { Bytes, JobId, Ms, Queue, State, Where } from '../../job.ts'
import { matches } from '../machine/bulk.ts'
import { Heap } from '../../heap.ts'
import { IdMap } from '../../id-map.ts'
import { COMPARE, NATURAL, type Position } from '../machine/page.ts'
import type { QueueRow } from '../machine/queue.ts'
import { NEVER, Timer, type Holder, type Row } from '../machine/row.ts'
import type { Selection, Table } from '../machine/table.ts'
import { Claims } from './claims.ts'
import { Ring } from './events.ts'
import { First } from './first.ts'
import { Gates } from './gates.ts'
import { Groups } from './groups.ts'
import { History } from './history.ts'
import { Holders } from './holders.ts'
import { Notes } from './notes.ts'
import { MemoryQueue } from './queue.ts'
import { Records } from './records.ts'
import { Turns } from './turns.ts'
import { Undo } from './undo.ts'

/** The rows of a store that lives and dies with its process. */
export class MemoryTable implements Table {
  readonly epoch = 1
  #next = 0
  #queueNo = 0
  #burials = 0
  readonly #queues = new Map<Queue, MemoryQueue>()
  readonly #rows = new IdMap<Row>()
  readonly #timers = new Heap<Timer>(sooner)
  readonly #expiries = new Heap<Timer>(sooner)
  /** In the order of burial, unless one has come back behind those that were buried after it. */
  readonly #dead = new Map<JobId, Row>()
  #lastDead = 0
  #disordered = false
  readonly #holders = new Holders()
  readonly #turns = new Turns()
  #lastQueue: MemoryQueue | undefined
  /** How to take back what the unit that runs did; undefined: nobody will ask. */
  #undo: Undo | undefined
  readonly #undoing = () => this.#undo
  readonly groups = new Groups()
  readonly gates = new Gates(this.#undoing)
  readonly claims = new Claims(this.#rows, this.#undoing)
  readonly records = new Records(this.#undoing)
  readonly notes = new Notes(this.#undoing)
  readonly history = new History(this.#queues, this.notes, this.#undoing)
  readonly events = new Ring(this.#undoing)

  next(): number {
    return ++this.#next
  }

  nextBurial(): number {
    return ++this.#burials
  }

  above(id: number): void {
    if (id > this.#next) this.#next = id
  }

  queue(name: Queue): MemoryQueue | undefined {
    let queue = this.#lastQueue
    if (queue?.name !== name) {
      queue = this.#queues.get(name)
      if (!queue) return undefined
      this.#lastQueue = queue
    }
    this.#undo?.saveCounters(queue)
    return queue
  }

  createQueue(name: Queue, now: Ms): MemoryQueue {
    const queue = new MemoryQueue(++this.#queueNo, name)
    queue.used = now
    const paused = this.records.get(`pause/${name}`)
    if (paused) queue.pausedUntil = paused.value as Ms
    this.#queues.set(name, queue)
    this.#undo?.push(() => this.#forget(queue))
    return queue
  }

  queues(): Iterable<MemoryQueue> {
    return this.#queues.values()
  }

  collectQueues(unusedSince: Ms): boolean {
    for (const queue of this.#queues.values())
      if (
        queue.jobs === 0 &&
        !queue.policy &&
        queue.used <= unusedSince &&
        queue.claims.size === 0 &&
        queue.history.size === 0
      )
        this.#forget(queue)
    return false
  }

  get(id: JobId): Row | undefined {
    return this.#rows.get(id)
  }

  insert(row: Row): void {
    this.#rows.set(row)
    this.#undo?.push(() => {
      this.#rows.delete(row.id)
      this.#turns.remove(row)
    })
    this.enter(row)
  }

  leave(row: Row): void {
    this.#undo?.saveRow(row)
    this.#leave(row)
  }

  enter(row: Row): void {
    this.#enter(row)
    this.#undo?.push(() => this.#leave(row))
  }

  remove(row: Row): void {
    this.#rows.delete(row.id)
    this.#turns.remove(row)
    this.#undo?.push(() => this.#rows.set(row))
  }

  bodyOf(row: Row): Bytes {
    return row.body as Bytes
  }

  head(queue: QueueRow): Row | undefined {
    return (queue as MemoryQueue).orders.ready.first
  }

  list(queue: QueueRow, state: Exclude<State, 'finished'>, limit: number, where?: Selection, after?: Position): Row[] {
    const wanted = (row: Row) => matches(row, where, () => row.body as Bytes)
    if (state !== 'reserved') return firstOf((queue as MemoryQueue).orders[state].from(after), limit, wanted)
    const compare = COMPARE[NATURAL[state]]
    const first = new First<Row>(limit, compare)
    for (const row of this.all(queue, state)) if ((!after || compare(row, after) > 0) && wanted(row)) first.add(row)
    return first.sorted()
  }

  /** Jobs of one state, in no order. */
  *all(queue: QueueRow, state: Exclude<State, 'finished'>): Generator<Row, void> {
    if (state !== 'reserved') yield* (queue as MemoryQueue).orders[state].from()
    else for (const row of this.#rows) if (row.queue === queue && row.state === state) yield row
  }

  waiting(queue: QueueRow, limit: number, where: Where, after?: Position): Row[] {
    return this.list(queue, 'waiting', limit, where, after)
  }

  firstReady({ queue, pri }: Row): number | undefined {
    const [first] = (queue as MemoryQueue).orders.ready.from({ pri, rank: -Infinity, at: 0, id: 0 })
    return first?.pri === pri ? first.rank : undefined
  }

  lastTurn(row: Row): number | undefined {
    return this.#turns.last(row)
  }

  due(now: Ms, limit: number): Row[] {
    const rows = new Set<Row>()
    for (const heap of [this.#timers, this.#expiries])
      for (const timer of heap.inOrder()) {
        if (timer.at > now || rows.size >= limit) break
        rows.add(timer.row)
      }
    return [...rows]
  }

  soonest(): Ms {
    const { gates, records } = this
    return Math.min(this.#timers.first?.at ?? NEVER, this.#expiries.first?.at ?? NEVER, gates.soonest, records.soonest)
  }

  bound(): Ms {
    return this.soonest()
  }

  orphans(): Row[] {
    return []
  }

  deadLetters(limit: number, after: number): Row[] {
    if (this.#disordered) {
      const rows = [...this.#dead.values()].sort((a, b) => a.at - b.at)
      this.#dead.clear()
      for (const row of rows) this.#dead.set(row.id, row)
      this.#disordered = false
    }
    return firstOf(this.#dead.values(), limit, (row) => row.at > after)
  }

  holder(session: string): Holder {
    return this.#holders.get(session)
  }

  held(session: string): Row[] {
    return (this.#holders.find(session)?.rows() ?? []).reverse()
  }

  forgetHolder(session: string): void {
    this.#undo?.push(this.#holders.save(session))
    this.#holders.end(session)
  }

  atomic(run: () => boolean): void {
    const undo = (this.#undo = new Undo((row) => this.#enter(row)))
    let done = false
    try {
      done = run()
    } finally {
      this.#undo = undefined
      if (!done) undo.run()
    }
  }

  #enter(row: Row): void {
    if (row.state !== 'reserved') (row.queue as MemoryQueue).orders[row.state].add(row)
    switch (row.state) {
      case 'delayed':
        this.#timers.push((row.timer = new Timer(row.at, row)))
        break
      case 'reserved':
        if (row.at !== NEVER) this.#timers.push((row.timer = new Timer(row.at, row)))
        break
      case 'buried':
        if (row.dead) this.#enterDead(row)
        break
      case 'waiting':
        if (row.parked !== undefined) this.gates.enter(row, row.parked)
        break
      default:
      // A ready one is in its order alone.
    }
    if (row.group !== undefined) this.groups.enter(row, row.group)
    if (row.turn || row.seat) this.#turns.enter(row)
    if (row.expires !== 0 && row.state !== 'reserved') this.#expiries.push((row.expiry = new Timer(row.expires, row)))
  }

  #enterDead(row: Row): void {
    this.#dead.set(row.id, row)
    if (row.at < this.#lastDead) this.#disordered = true
    else this.#lastDead = row.at
  }

  #leave(row: Row): void {
    if (row.state !== 'reserved') (row.queue as MemoryQueue).orders[row.state].remove(row)
    if (row.state === 'buried' && row.dead) this.#dead.delete(row.id)
    if (row.state === 'waiting' && row.parked !== undefined) this.gates.leave(row, row.parked)
    if (row.timer) {
      this.#timers.remove(row.timer)
      row.timer = undefined
    }
    if (row.expiry) {
      this.#expiries.remove(row.expiry)
      row.expiry = undefined
    }
    if (row.group !== undefined) this.groups.leave(row, row.group)
  }

  #forget(queue: MemoryQueue): void {
    this.history.forget(queue)
    this.#queues.delete(queue.name)
    if (this.#lastQueue === queue) this.#lastQueue = undefined
  }
}

function sooner(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.row.id < b.row.id)
}

function firstOf(rows: Iterable<Row>, limit: number, wanted: (row: Row) => boolean = () => true): Row[] {
  const found: Row[] = []
  for (const row of rows) {
    if (found.length >= limit) break
    if (wanted(row)) found.push(row)
  }
  return found
}
