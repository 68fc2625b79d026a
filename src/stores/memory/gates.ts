import type { Ms } from '../../job.ts'
import { GateRow, windowEnd } from '../machine/gate.ts'
import { Heap } from '../../heap.ts'
import { NEVER, precedes, type Row } from '../machine/row.ts'
import type { GateTable } from '../machine/table.ts'
import type { StoreLimit } from '../store.ts'
import type { Undoing } from './undo.ts'

/** The end of the window in which a gate counts. */
interface Window {
  readonly gate: GateRow
  readonly until: Ms
  slot: number
}

/** Gates, and the rows that are parked at them. */
export class Gates implements GateTable {
  readonly #undoing: Undoing
  readonly #byName = new Map<string, GateRow>()
  /** By gate and queue number. */
  readonly #parked = new Map<string, Map<number, Heap<Row>>>()
  readonly #opens = new Heap<GateRow>((a, b) => a.opens < b.opens || (a.opens === b.opens && a.name < b.name))
  /** Perhaps blank by now. */
  readonly #touched = new Set<GateRow>()
  /** Kept for what they counted in their window, by its end. */
  readonly #windows = new Heap<Window>((a, b) => a.until < b.until)
  readonly #windowed = new Set<GateRow>()

  constructor(undoing: Undoing) {
    this.#undoing = undoing
  }

  get(name: string): GateRow {
    let gate = this.#byName.get(name)
    if (!gate) this.#byName.set(name, (gate = new GateRow(name)))
    this.#touched.add(gate)
    return gate
  }

  find(name: string): GateRow | undefined {
    return this.#byName.get(name)
  }

  changing(gate: GateRow): void {
    this.#undoing()?.push(this.#save(gate))
  }

  /** How to make it again what it is now. */
  #save(gate: GateRow): () => void {
    const { running, since, used, per, parked, lanes, opens } = gate
    const saved = {
      running,
      since,
      used,
      per,
      parked,
      lanes: new Map([...lanes].map(([no, lane]) => [no, { ...lane }])),
    }
    return () => {
      Object.assign(gate, saved)
      this.#open(gate, opens)
      this.#byName.set(gate.name, gate)
    }
  }

  open(gate: GateRow, at: Ms): void {
    this.changing(gate)
    this.#open(gate, at)
  }

  #open(gate: GateRow, at: Ms): void {
    if (gate.slot >= 0) this.#opens.remove(gate)
    gate.opens = at
    if (at !== NEVER) this.#opens.push(gate)
  }

  get soonest(): Ms {
    return this.#opens.first?.opens ?? NEVER
  }

  due(now: Ms, limit: number): string[] {
    const names: string[] = []
    for (const gate of this.#opens.inOrder()) {
      if (gate.opens > now || names.length >= limit) break
      names.push(gate.name)
    }
    return names
  }

  reopen(limit: string, now: Ms): void {
    for (const [name, gate] of this.#byName)
      if (gate.parked > 0 && (name === limit || name.startsWith(`${limit}/`))) this.open(gate, now)
  }

  enter(row: Row, name: string): void {
    let lanes = this.#parked.get(name)
    if (!lanes) this.#parked.set(name, (lanes = new Map<number, Heap<Row>>()))
    let heap = lanes.get(row.queue.no)
    if (!heap) lanes.set(row.queue.no, (heap = new Heap<Row>(precedes)))
    heap.push(row)
  }

  leave(row: Row, name: string): void {
    const lanes = this.#parked.get(name) as Map<number, Heap<Row>>
    const heap = lanes.get(row.queue.no) as Heap<Row>
    heap.remove(row)
    if (heap.size > 0) return
    lanes.delete(row.queue.no)
    if (lanes.size === 0) this.#parked.delete(name)
  }

  parked(gate: GateRow, queue: number, limit: number): Row[] {
    return this.#parked.get(gate.name)?.get(queue)?.smallest(limit) ?? []
  }

  /** Those that jobs can name, all keys of a limit together. */
  limits(): StoreLimit[] {
    const limits = new Map<string, StoreLimit>()
    for (const { name: gate, running, parked } of this.#byName.values()) {
      const slash = gate.indexOf('/')
      if (slash === 0) continue
      const name = slash < 0 ? gate : gate.slice(0, slash)
      const limit = limits.get(name) ?? { name, running: 0, parked: 0, keys: 0 }
      limit.running += running
      limit.parked += parked
      if (slash > 0 && running + parked > 0) limit.keys++
      limits.set(name, limit)
    }
    return [...limits.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** At the end of a commit: what is blank is forgotten. */
  settle(now: Ms): void {
    if (this.#touched.size === 0) return
    for (const gate of this.#touched) this.#settle(gate, now)
    this.#touched.clear()
  }

  collect(now: Ms, limit: number): void {
    for (; limit > 0; limit--) {
      const window = this.#windows.first
      if (!window || window.until > now) return
      this.#windows.remove(window)
      this.#windowed.delete(window.gate)
      this.#settle(window.gate, now)
    }
  }

  #settle(gate: GateRow, now: Ms): void {
    if (!gate.isIdle() || gate.opens !== NEVER || this.#byName.get(gate.name) !== gate) return
    const until = windowEnd(gate)
    if (until <= now) this.#byName.delete(gate.name)
    else if (!this.#windowed.has(gate)) {
      this.#windowed.add(gate)
      this.#windows.push({ gate, until, slot: -1 })
    }
  }
}
