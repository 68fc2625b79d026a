/**
 * Limits: how many jobs of a gate are reserved at a time, and how many begin to be in a span of time.
 *
 * A job is ready while its gates may let it through, else it waits ("parked") at the first that doesn't, and takes no part in a reserve. So that a gate
 * that closes has few ready jobs behind it, it lets no more of them become ready in a queue than it could let through. All that are ready there come before
 * all that are parked there, but for a `mixed` lane, where what came out of turn is put right when the gate opens.
 */
import type { Limit, Ms } from '../../job.ts'
import type { GateRow } from './gate.ts'
import { gateOf, isOver, LIMIT, limitFrom, opensAt, QUEUE, slackOf, type Lane, type Limits } from './gate.ts'
import type { Machine } from './machine.ts'
import type { QueueRow } from './queue.ts'
import { NEVER, type Row } from './row.ts'

/** So many jobs become ready at once when a gate opens; the next follow when these are taken. */
const BATCH = 256
/** Of a limit that changed, so many gates are seen to at once. */
const SLICE = 64

/** The record of a limit was written: those that wait at its gates are looked at again, some now and the rest in later commits. */
export function limitChanged(m: Machine, key: string): void {
  if (!key.startsWith(LIMIT)) return
  m.table.reopen(key.slice(LIMIT.length), m.now)
  openDue(m, SLICE)
}

/** Gates that time has opened by now. Returns how many there were. */
export function openDue(m: Machine, limit: number): number {
  const names = m.table.dueGates(m.now, limit)
  for (const name of names) m.opened.add(name)
  settleGates(m)
  return names.length
}

function limitOf(m: Machine, gate: GateRow): Limit | undefined {
  const version = m.table.recordsVersion
  if (gate.read !== version) {
    gate.limit = limitFrom(m.table.record(gate.key)?.value)
    gate.read = version
  }
  return gate.limit
}

// ------------------------------------------------------------------ open or closed

/** The first gate of the row, other than that one, which lets nothing through now. */
export function closedGate(m: Machine, row: Row, but?: string): string | undefined {
  if (!row.gates) return undefined
  for (const name of row.gates) {
    if (name === but) continue
    const gate = m.table.gate(name)
    if (slackOf(gate, gate.running, limitOf(m, gate), m.now) <= 0) return name
  }
  return undefined
}

/** The gate at which a row that would be ready is to wait, if there is one. */
export function gateFor(m: Machine, row: Row): string | undefined {
  if (!row.gates) return undefined
  return row.gates.find((name) => mustWait(m, m.table.gate(name), row))
}

function mustWait(m: Machine, gate: GateRow, row: Row): boolean {
  const slack = slackOf(gate, gate.running, limitOf(m, gate), m.now)
  const lane = gate.lanes.get(row.queue.no)
  if (slack <= 0) {
    if (lane && lane.ready > 0 && !lane.mixed && precedes(row, lane)) {
      m.table.changing(gate)
      lane.mixed = true
    }
    return true
  }
  if (!lane) return false
  if (lane.parked === 0) return lane.ready >= slack && !precedes(row, lane)
  if (lane.ready > 0 && !lane.mixed) return !precedes(row, lane)
  // Others wait here that may come before it: which, is seen when those are let out that may be.
  m.opened.add(gate.name)
  return true
}

function precedes(row: Row, lane: Lane): boolean {
  return row.pri < lane.pri || (row.pri === lane.pri && row.rank < lane.rank)
}

// ------------------------------------------------------------------ counting

/** Counts a row in (1) or out (-1) of its state, in its queue and at its gates. */
export function count(m: Machine, row: Row, by: 1 | -1): void {
  const { queue, gates } = row
  queue.count(row, by)
  if (by < 0 && row.state === 'reserved' && queue.policy?.concurrency !== undefined && queue.ready > 0) m.wake(queue)
  if (!gates || (row.state !== 'reserved' && row.state !== 'ready' && row.parked === undefined)) return
  for (const name of gates) {
    if (row.state === 'waiting' && row.parked !== name) continue
    const gate = m.table.gate(name)
    m.table.changing(gate)
    if (row.state === 'reserved') countRunning(m, gate, by)
    else if (row.state === 'ready') countReady(m, gate, row, by)
    else countParked(m, gate, row, by)
  }
}

function countRunning(m: Machine, gate: GateRow, by: 1 | -1): void {
  gate.running = Math.max(0, gate.running + by)
  if (by < 0 && gate.parked > 0) m.opened.add(gate.name)
}

function countReady(m: Machine, gate: GateRow, row: Row, by: 1 | -1): void {
  const lane = gate.lane(row.queue)
  lane.ready = Math.max(0, lane.ready + by)
  if (by > 0) {
    if (lane.ready > 1 && precedes(row, lane)) return
    lane.pri = row.pri
    lane.rank = row.rank
  } else if (lane.ready === 0) {
    lane.mixed = false
    if (lane.parked > 0) m.opened.add(gate.name)
  }
}

function countParked(m: Machine, gate: GateRow, row: Row, by: 1 | -1): void {
  const lane = gate.lane(row.queue)
  lane.parked = Math.max(0, lane.parked + by)
  gate.parked = Math.max(0, gate.parked + by)
  if (lane.parked === 0) lane.mixed = false
  reschedule(m, gate)
}

/** As `schedule`, for one that may be open by now without that anybody has seen to it: who waits there is not to be forgotten. */
function reschedule(m: Machine, gate: GateRow): void {
  if (gate.parked > 0 && gate.opens <= m.now) m.opened.add(gate.name)
  schedule(m, gate)
}

function schedule(m: Machine, gate: GateRow, again = false): void {
  let at = NEVER
  if (again) at = m.now
  else if (gate.parked > 0) at = opensAt(gate, limitOf(m, gate), m.now)
  if (at !== gate.opens) m.table.opens(gate, at)
}

// ------------------------------------------------------------------ reserving, and taking that back

/** A row was reserved: it counts in the windows of its rates. */
export function begin(m: Machine, row: Row): void {
  row.begun = m.now
  for (const [gate, limit] of rated(m, row)) {
    m.table.changing(gate)
    if (isOver(gate, limit, m.now)) {
      gate.since = m.now
      gate.used = 0
    }
    gate.used++
    gate.per = limit.rate?.per ?? 0
    reschedule(m, gate)
  }
}

/** A reserve is taken back: it no longer counts in a window that still runs. */
export function returnTokens(m: Machine, row: Row): void {
  for (const [gate, limit] of rated(m, row)) {
    if (isOver(gate, limit, m.now) || row.begun < gate.since) continue
    m.table.changing(gate)
    gate.used--
    if (gate.name.startsWith(QUEUE)) m.wake(row.queue)
    else if (gate.parked > 0) m.opened.add(gate.name)
  }
}

/** The gates of a row that have a rate, its queue's among them. */
function rated(m: Machine, row: Row): [GateRow, Limits][] {
  const found: [GateRow, Limits][] = []
  const { policy } = row.queue
  if (policy?.rate) found.push([m.table.gate(gateOf(row.queue)), policy])
  for (const name of row.gates ?? []) {
    const gate = m.table.gate(name)
    const limit = limitOf(m, gate)
    if (limit?.rate) found.push([gate, limit])
  }
  return found
}

/** The queue as a whole has reached a limit of its policy. */
export function isQueueClosed(m: Machine, queue: QueueRow): boolean {
  const { policy } = queue
  if (!policy || (policy.concurrency === undefined && !policy.rate)) return false
  if (policy.concurrency !== undefined && queue.reserved >= policy.concurrency) return true
  if (!policy.rate) return false
  const gate = m.table.gate(gateOf(queue))
  if (slackOf(gate, 0, { rate: policy.rate }, m.now) > 0) return false
  const at = opensAt(gate, policy, m.now)
  if (queue.ready > 0 && at !== gate.opens) m.table.opens(gate, at)
  return true
}

/** When the rate of a queue as a whole lets its next job through, if that is what it waits for. */
export function queueOpens(m: Machine, queue: QueueRow): Ms {
  return queue.policy?.rate ? opensAt(m.table.gate(gateOf(queue)), queue.policy, m.now) : NEVER
}

// ------------------------------------------------------------------ parking and letting out

/** Another state or gate for a row that stays where it is. */
export function restate(m: Machine, row: Row, state: 'ready' | 'waiting', parked?: string): void {
  m.table.leave(row)
  count(m, row, -1)
  row.state = state
  row.parked = parked
  row.released = state === 'ready'
  count(m, row, 1)
  m.table.enter(row)
}

/** A ready row meets a closed gate. false: enough was moved in this commit; the rest is for the next ones. */
export function park(m: Machine, row: Row, name: string): boolean {
  if (m.moves <= 0) return false
  m.moves--
  waitAt(m, row, name)
  return true
}

/** A row waits at a gate from now on, perhaps in front of some that are ready there. */
function waitAt(m: Machine, row: Row, name: string): void {
  restate(m, row, 'waiting', name)
  const lane = m.table.gate(name).lane(row.queue)
  if (lane.ready > 0) lane.mixed = true
}

/** Lets out what may go of those that wait at gates which opened. */
export function settleGates(m: Machine): void {
  for (const name of m.opened) {
    m.opened.delete(name)
    if (name.startsWith(QUEUE)) wakeQueue(m, name)
    else refill(m, name)
  }
}

function wakeQueue(m: Machine, name: string): void {
  const gate = m.table.gate(name)
  if (gate.opens !== NEVER) m.table.opens(gate, NEVER)
  const queue = m.table.queue(name.slice(QUEUE.length) as QueueRow['name'])
  if (queue) m.wake(queue)
}

function refill(m: Machine, name: string): void {
  const gate = m.table.gate(name)
  const slack = slackOf(gate, gate.running, limitOf(m, gate), m.now)
  let again = false
  if (slack > 0) for (const [no, lane] of [...gate.lanes]) again = refillLane(m, gate, no, lane, slack) || again
  schedule(m, gate, again)
}

/** Whether there is more to do than this commit may. */
function refillLane(m: Machine, gate: GateRow, no: number, lane: Lane, slack: number): boolean {
  const empty = lane.ready === 0
  if (!empty && !lane.mixed) return false
  let room = Math.min(slack, BATCH)
  while (room > 0 && lane.parked > 0) {
    if (m.moves <= 0) return true
    const rows = m.table.parked(gate, no, Math.min(room, m.moves))
    if (rows.length === 0) return false
    for (const row of rows) {
      if (!empty && !precedes(row, lane)) {
        m.table.changing(gate)
        lane.mixed = false
        return false
      }
      m.moves--
      if (letOut(m, row, gate.name)) room--
    }
  }
  return false
}

/** A row is let out by this gate: to the next one that is closed, behind its group, or to the ready ones. */
function letOut(m: Machine, row: Row, from: string): boolean {
  if (row.group !== undefined && m.table.groupHead(row.queue, row.group) !== row) {
    restate(m, row, 'waiting')
    return false
  }
  const other = closedGate(m, row, from)
  if (other !== undefined) {
    waitAt(m, row, other)
    return false
  }
  restate(m, row, 'ready')
  for (const name of row.gates ?? []) {
    const gate = m.table.gate(name)
    const lane = gate.lane(row.queue)
    if (name === from || lane.parked === 0 || lane.mixed) continue
    // Those that are parked there may come before it.
    m.table.changing(gate)
    lane.mixed = true
    m.opened.add(name)
  }
  m.wake(row.queue)
  return true
}
