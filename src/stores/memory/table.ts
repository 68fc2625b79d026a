import type { Bytes, JobId, Ms, Queue, State, Where } from '../../job.ts'
import type { Event, Note, StoreRecord } from '../store.ts'
import { matches } from '../machine/bulk.ts'
import { Heap } from '../machine/heap.ts'
import type { QueueRow } from '../machine/queue.ts'
import type { GateRow } from '../machine/gate.ts'
import { NEVER, Timer, type Finished, type Holder, type Row } from '../machine/row.ts'
import type { Claim, Table } from '../machine/table.ts'
import { Ring } from './events.ts'
import { Gates } from './gates.ts'
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
  readonly #rows = new Map<JobId, Row>()
  readonly #timers = new Heap<Timer>(sooner)
  readonly #expiries = new Heap<Timer>(sooner)
  readonly #dead = new Map<JobId, Row>()
  readonly #holders = new Holders()
  readonly gates = new Gates()
  readonly records = new Records()
  readonly events = new Ring()
  readonly notes = new Notes()
  readonly history = new History(this.notes)
  readonly #turns = new Turns()
  #lastQueue: MemoryQueue | undefined
  /** How to take back what the unit that runs did; undefined: nobody will ask. */
  #undo: Undo | undefined

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

  collectQueues(unusedSince: Ms): void {
    for (const queue of this.#queues.values())
      if (
        queue.jobs === 0 &&
        !queue.policy &&
        queue.used <= unusedSince &&
        queue.claims.size === 0 &&
        queue.history.length === 0
      )
        this.#forget(queue)
  }

  get(id: JobId): Row | undefined {
    return this.#rows.get(id)
  }

  insert(row: Row): void {
    this.#rows.set(row.id, row)
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
    this.#undo?.push(() => this.#rows.set(row.id, row))
  }

  bodyOf(row: Row): Bytes {
    return row.body as Bytes
  }

  head(queue: QueueRow): Row | undefined {
    return (queue as MemoryQueue).order.first
  }

  list(queue: QueueRow, state: Exclude<State, 'finished'>, limit: number, where?: Where): Row[] {
    const { order, later, aside, waiters } = queue as MemoryQueue
    const wanted = (row: Row) => matches(row, where, () => row.body as Bytes)
    if (state === 'ready') return order.smallest(limit, wanted)
    if (state === 'delayed') return later.smallest(limit, wanted)
    if (state === 'buried') return firstOf(aside.values(), limit, wanted)
    const rows: Iterable<Row> = state === 'waiting' ? waiters : this.#rows.values()
    const found = [...rows].filter((row) => row.queue === queue && row.state === state && wanted(row))
    return found.sort((a, b) => a.pri - b.pri || a.rank - b.rank || a.id - b.id).slice(0, limit)
  }

  firstReady(row: Row): number | undefined {
    return (row.queue as MemoryQueue).order.firstAt(row.pri)?.rank
  }

  lastTurn(row: Row): number | undefined {
    return this.#turns.last(row)
  }

  groupHead(queue: QueueRow, group: string): Row | undefined {
    return (queue as MemoryQueue).groups.get(group)?.[0]
  }

  groupClosed(row: Row): boolean {
    return this.groupHead(row.queue, row.group as string) !== row
  }

  groupReady(queue: QueueRow, group: string): Row | undefined {
    return (queue as MemoryQueue).groups.get(group)?.find((row) => row.state === 'ready')
  }

  groupNext(row: Row): Row | undefined {
    return (row.queue as MemoryQueue).after(row, row.group as string)
  }

  due(now: Ms, limit: number): Row[] {
    const rows = new Set<Row>()
    for (const heap of [this.#timers, this.#expiries])
      for (const timer of heap.smallest(limit - rows.size, (timer) => timer.at <= now)) rows.add(timer.row)
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
    return firstOf(this.#dead.values(), limit, (row) => row.at > after)
  }

  gate(name: string): GateRow {
    return this.gates.get(name)
  }

  changing(gate: GateRow): void {
    this.#undo?.push(this.gates.save(gate))
  }

  opens(gate: GateRow, at: Ms): void {
    this.changing(gate)
    this.gates.open(gate, at)
  }

  parked(gate: GateRow, queue: number, limit: number): Row[] {
    return this.gates.parked(gate, queue, limit)
  }

  dueGates(now: Ms, limit: number): string[] {
    return this.gates.due(now, limit)
  }

  reopen(limit: string, now: Ms): void {
    this.gates.reopen(limit, now)
  }

  collectGates(now: Ms): void {
    this.gates.collect(now)
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

  claim(queue: QueueRow, key: string): Claim | undefined {
    return (queue as MemoryQueue).claims.get(key)
  }

  setClaim(queue: QueueRow, key: string, claim: Claim | undefined): void {
    const { claims } = queue as MemoryQueue
    const old = claims.get(key)
    setOrDelete(claims, key, claim)
    this.#undo?.push(() => setOrDelete(claims, key, old))
  }

  collectClaims(now: Ms, limit: number): void {
    for (const { claims } of this.#queues.values())
      for (const [key, claim] of claims) {
        if (--limit < 0) return
        const over = typeof claim.for === 'number' && claim.for <= now
        if (over && this.get(claim.id)?.more?.after === undefined) claims.delete(key)
      }
  }

  record(key: string): StoreRecord | undefined {
    return this.records.get(key)
  }

  setRecord(key: string, value: unknown, session: string | undefined, at: Ms | undefined): number {
    this.#undo?.push(this.records.save(key))
    return this.records.set(key, value, session, at)
  }

  get recordsVersion(): number {
    return this.records.changes
  }

  anyRecord(prefix: string): boolean {
    return this.records.any(prefix)
  }

  sessionRecords(session: string): string[] {
    return this.records.ofSession(session)
  }

  dueRecords(now: Ms, limit: number, prefix: string): string[] {
    return this.records.due(now, limit, prefix)
  }

  keep(finished: Finished, until: Ms | undefined): void {
    if (until !== undefined) finished.until = until
    this.history.add(finished)
    this.#undo?.push(() => this.history.takeBack(finished))
  }

  collectHistory(now: Ms): void {
    this.history.collect(this.#queues.values(), now)
  }

  note(row: Row, note: Note): void {
    this.#undo?.push(this.notes.save(row.id))
    this.notes.add(row.id, note)
  }

  dropNotes(id: JobId): void {
    this.#undo?.push(this.notes.save(id))
    this.notes.drop(id)
  }

  tell(events: readonly Event[], dropped: number): number {
    this.#undo?.push(this.events.save())
    return this.events.add(events, dropped)
  }

  atomic(run: () => boolean): void {
    const undo = (this.#undo = new Undo((row) => this.#enter(row), this.#dead))
    let done = false
    try {
      done = run()
    } finally {
      this.#undo = undefined
      if (!done) undo.run()
    }
  }

  #enter(row: Row): void {
    const queue = row.queue as MemoryQueue
    switch (row.state) {
      case 'ready':
        queue.order.push(row)
        break
      case 'delayed':
        queue.later.push(row)
        this.#timers.push((row.timer = new Timer(row.at, row)))
        break
      case 'reserved':
        if (row.at !== NEVER) this.#timers.push((row.timer = new Timer(row.at, row)))
        break
      case 'buried':
        queue.aside.set(row.id, row)
        if (row.dead) this.#dead.set(row.id, row)
        break
      case 'waiting':
        queue.waiters.add(row)
        if (row.parked !== undefined) this.gates.enter(row, row.parked)
    }
    if (row.group !== undefined && row.state !== 'buried') queue.join(row, row.group)
    if (row.turn || row.seat) this.#turns.enter(row)
    if (row.expires !== 0 && row.state !== 'reserved') this.#expiries.push((row.expiry = new Timer(row.expires, row)))
  }

  #leave(row: Row): void {
    const queue = row.queue as MemoryQueue
    switch (row.state) {
      case 'ready':
        queue.order.remove(row)
        break
      case 'delayed':
        queue.later.remove(row)
        break
      case 'buried':
        queue.aside.delete(row.id)
        if (row.dead) this.#dead.delete(row.id)
        break
      case 'waiting':
        queue.waiters.delete(row)
        if (row.parked !== undefined) this.gates.leave(row, row.parked)
        break
      default:
      // A reserved one has a timer at most.
    }
    if (row.timer) {
      this.#timers.remove(row.timer)
      row.timer = undefined
    }
    if (row.expiry) {
      this.#expiries.remove(row.expiry)
      row.expiry = undefined
    }
    if (row.group !== undefined && row.state !== 'buried') queue.part(row, row.group)
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

function setOrDelete<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}
