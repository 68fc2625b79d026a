import type { Ms } from '../../job.ts'
import { GateRow, windowEnd, type Lane } from '../machine/gate.ts'
import { NEVER, type Row } from '../machine/row.ts'
import type { GateTable } from '../machine/table.ts'
import type { Connection } from './connection.ts'
import type { Jobs } from './jobs.ts'
import type { Mark } from './mark.ts'

/** So many gates are kept in the cache from one commit to the next. */
const KEPT = 10_000

/** Others of an older format would not count at gates: from the first gate on they can't open the file. */
const FORMAT = 2

/** A gate as the file has it. */
export class SqliteGate extends GateRow {
  stored = false
  dirty = false
}

/** The file's gates, as far as this process has met them; read again when others have written. */
export class Gates implements GateTable {
  readonly #file: Connection
  readonly #mark: Mark
  readonly #jobs: Jobs
  readonly #byName = new Map<string, SqliteGate>()
  readonly #dirty: SqliteGate[] = []
  #marked = false

  constructor(file: Connection, mark: Mark, jobs: Jobs) {
    this.#file = file
    this.#mark = mark
    this.#jobs = jobs
  }

  /** Others have written, or a unit was undone: nothing is known to be so any more. */
  doubt(): void {
    for (const gate of this.#dirty) gate.dirty = false
    this.#dirty.length = 0
    this.#byName.clear()
  }

  get(name: string): SqliteGate {
    let gate = this.#byName.get(name)
    if (gate) return gate
    gate = gateOf(name, this.#file.get<GateColumns>(`SELECT ${GATE} FROM gate WHERE name = ?`, name))
    this.#byName.set(name, gate)
    return gate
  }

  changing(of: GateRow): void {
    const gate = of as SqliteGate
    if (gate.dirty) return
    gate.dirty = true
    this.#dirty.push(gate)
  }

  open(gate: GateRow, at: Ms): void {
    this.changing(gate)
    gate.opens = at
    if (at !== NEVER) this.#mark.sooner(at)
  }

  parked(gate: GateRow, queue: number, limit: number): Row[] {
    return this.#jobs.parked(gate.name, queue, limit)
  }

  due(now: Ms, limit: number): string[] {
    if (this.#mark.soonest > now) return []
    this.write(now)
    return this.#file.all<[string]>('SELECT name FROM gate WHERE opens <= ? LIMIT +?', now, limit).map(([name]) => name)
  }

  reopen(limit: string, now: Ms): void {
    this.write(now)
    this.doubt()
    const keys = [`${limit}/`, `${limit}0`]
    this.#file.run(
      'UPDATE gate SET opens = ? WHERE parked > 0 AND (name = ? OR (name > ? AND name < ?))',
      now,
      limit,
      ...keys,
    )
    this.#mark.sooner(now)
  }

  write(now: Ms): void {
    if (this.#dirty.length === 0) return
    for (const gate of this.#dirty) {
      gate.dirty = false
      this.#write(gate, now)
    }
    this.#dirty.length = 0
  }

  settle(): void {
    if (this.#byName.size > KEPT) this.#byName.clear()
  }

  collect(now: Ms, limit: number): void {
    this.write(now)
    this.#file.run(
      'DELETE FROM gate WHERE name IN (SELECT name FROM gate WHERE until <= ? AND until IS NOT NULL LIMIT +?)',
      now,
      limit,
    )
    this.#byName.clear()
  }

  #write(gate: SqliteGate, now: Ms): void {
    const idle = gate.isIdle() && gate.opens === NEVER
    const until = windowEnd(gate)
    if (idle && until <= now) {
      if (gate.stored) this.#file.run('DELETE FROM gate WHERE name = ?', gate.name)
      gate.stored = false
      return
    }
    if (!this.#marked) {
      this.#marked = true
      this.#file.run('UPDATE mark SET oldest = max(oldest, ?)', FORMAT)
    }
    this.#file.run(
      'INSERT OR REPLACE INTO gate (name, running, since, used, per, parked, lanes, opens, until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      gate.name,
      gate.running,
      gate.since,
      gate.used,
      gate.per,
      gate.parked,
      lanesText(gate.lanes),
      gate.opens === NEVER ? null : gate.opens,
      idle ? until : null,
    )
    gate.stored = true
  }
}

/** The columns that `gateOf` reads, in its order. */
export const GATE = 'running, since, used, per, parked, lanes, opens'
export type GateColumns = [
  running: number,
  since: Ms,
  used: number,
  per: Ms,
  parked: number,
  lanes: string | null,
  opens: Ms | null,
]

export function gateOf(name: string, columns: GateColumns | undefined): SqliteGate {
  const gate = new SqliteGate(name)
  if (!columns) return gate
  gate.stored = true
  const [running, since, used, per, parked, lanes, opens] = columns
  Object.assign(gate, { running, since, used, per, parked, opens: opens ?? NEVER })
  for (const [no, ready, parked, pri, rank, mixed] of JSON.parse(lanes ?? '[]') as LaneText[])
    gate.lanes.set(no, { ready, parked, pri, rank, mixed: mixed === 1 })
  return gate
}

type LaneText = [no: number, ready: number, parked: number, pri: number, rank: number, mixed: 0 | 1]

function lanesText(lanes: ReadonlyMap<number, Lane>): string | null {
  if (lanes.size === 0) return null
  const list: LaneText[] = []
  for (const [no, { ready, parked, pri, rank, mixed }] of lanes)
    list.push([no, ready, parked, pri, rank, mixed ? 1 : 0])
  return JSON.stringify(list)
}
