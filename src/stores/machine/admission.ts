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
import type { Commit } from './commit.ts'
import type { QueueRow } from './queue.ts'
import { NEVER, type Row } from './row.ts'

/** So many jobs become ready at once when a gate opens; the next follow when these are taken. */
const BATCH = 256
/** Of a limit that changed, so many gates are seen to at once. */
const SLICE = 64

/** The record of a limit was written: those that wait at its gates are looked at again, some now and the rest in later commits. */
export function limitChanged(commit: Commit, key: string): void {
  if (!key.startsWith(LIMIT)) return
  commit.table.gates.reopen(key.slice(LIMIT.length), commit.now)
  openDue(commit, SLICE)
}

/** Gates that time has opened by now. Returns how many there were. */
export function openDue(commit: Commit, limit: number): number {
  const names = commit.table.gates.due(commit.now, limit)
  for (const name of names) commit.opened.add(name)
  settleGates(commit)
  return names.length
}

function limitOf(commit: Commit, gate: GateRow): Limit | undefined {
  const version = commit.table.records.changes
  if (gate.read !== version) {
    gate.limit = limitFrom(commit.table.records.get(gate.key)?.value)
    gate.read = version
  }
  return gate.limit
}

// ------------------------------------------------------------------ open or closed

/** The first gate of the row, other than that one, which lets nothing through now. */
export function closedGate(commit: Commit, row: Row, but?: string): string | undefined {
  if (!row.gates) return undefined
  for (const name of row.gates) {
    if (name === but) continue
    const gate = commit.table.gates.get(name)
    if (slackOf(gate, gate.running, limitOf(commit, gate), commit.now) <= 0) return name
  }
  return undefined
}

/** The gate at which a row that would be ready is to wait, if there is one. */
export function gateFor(commit: Commit, row: Row): string | undefined {
  if (!row.gates) return undefined
  return row.gates.find((name) => mustWait(commit, commit.table.gates.get(name), row))
}

function mustWait(commit: Commit, gate: GateRow, row: Row): boolean {
  const slack = slackOf(gate, gate.running, limitOf(commit, gate), commit.now)
  const lane = gate.lanes.get(row.queue.no)
  if (slack <= 0) {
    if (lane && lane.ready > 0 && !lane.mixed && precedes(row, lane)) {
      commit.table.gates.changing(gate)
      lane.mixed = true
    }
    return true
  }
  if (!lane) return false
  if (lane.parked === 0) return lane.ready >= slack && !precedes(row, lane)
  if (lane.ready > 0 && !lane.mixed) return !precedes(row, lane)
  // Others wait here that may come before it: which, is seen when those are let out that may be.
  commit.opened.add(gate.name)
  return true
}

function precedes(row: Row, lane: Lane): boolean {
  return row.pri < lane.pri || (row.pri === lane.pri && row.rank < lane.rank)
}

// ------------------------------------------------------------------ counting

/** Counts a row in (1) or out (-1) of its state, in its queue and at its gates. */
export function count(commit: Commit, row: Row, by: 1 | -1): void {
  const { queue, gates } = row
  queue.count(row, by)
  if (by < 0 && row.state === 'reserved' && queue.policy?.concurrency !== undefined && queue.ready > 0)
    commit.wake(queue)
  if (!gates || (row.state !== 'reserved' && row.state !== 'ready' && row.parked === undefined)) return
  for (const name of gates) {
    if (row.state === 'waiting' && row.parked !== name) continue
    const gate = commit.table.gates.get(name)
    commit.table.gates.changing(gate)
    if (row.state === 'reserved') countRunning(commit, gate, by)
    else if (row.state === 'ready') countReady(commit, gate, row, by)
    else countParked(commit, gate, row, by)
  }
}

function countRunning(commit: Commit, gate: GateRow, by: 1 | -1): void {
  gate.running = Math.max(0, gate.running + by)
  if (by < 0 && gate.parked > 0) commit.opened.add(gate.name)
}

function countReady(commit: Commit, gate: GateRow, row: Row, by: 1 | -1): void {
  const lane = gate.lane(row.queue)
  lane.ready = Math.max(0, lane.ready + by)
  if (by > 0) {
    if (lane.ready > 1 && precedes(row, lane)) return
    lane.pri = row.pri
    lane.rank = row.rank
  } else if (lane.ready === 0) {
    lane.mixed = false
    if (lane.parked > 0) commit.opened.add(gate.name)
  }
}

function countParked(commit: Commit, gate: GateRow, row: Row, by: 1 | -1): void {
  const lane = gate.lane(row.queue)
  lane.parked = Math.max(0, lane.parked + by)
  gate.parked = Math.max(0, gate.parked + by)
  if (lane.parked === 0) lane.mixed = false
  reschedule(commit, gate)
}

/** As `schedule`, for one that may be open by now without that anybody has seen to it: who waits there is not to be forgotten. */
function reschedule(commit: Commit, gate: GateRow): void {
  if (gate.parked > 0 && gate.opens <= commit.now) commit.opened.add(gate.name)
  schedule(commit, gate)
}

function schedule(commit: Commit, gate: GateRow, again = false): void {
  let at = NEVER
  if (again) at = commit.now
  else if (gate.parked > 0) at = opensAt(gate, limitOf(commit, gate), commit.now)
  if (at !== gate.opens) commit.table.gates.open(gate, at)
}

// ------------------------------------------------------------------ reserving, and taking that back

/** A row was reserved: it counts in the windows of its rates. */
export function begin(commit: Commit, row: Row): void {
  row.begun = commit.now
  for (const [gate, limit] of rated(commit, row)) {
    commit.table.gates.changing(gate)
    if (isOver(gate, limit, commit.now)) {
      gate.since = commit.now
      gate.used = 0
    }
    gate.used++
    gate.per = limit.rate?.per ?? 0
    commit.housekeeping.keep()
    reschedule(commit, gate)
  }
}

/** A reserve is taken back: it no longer counts in a window that still runs. */
export function returnTokens(commit: Commit, row: Row): void {
  for (const [gate, limit] of rated(commit, row)) {
    if (isOver(gate, limit, commit.now) || row.begun < gate.since) continue
    commit.table.gates.changing(gate)
    gate.used--
    if (gate.name.startsWith(QUEUE)) commit.wake(row.queue)
    else if (gate.parked > 0) commit.opened.add(gate.name)
  }
}

/** The gates of a row that have a rate, its queue's among them. */
function rated(commit: Commit, row: Row): [GateRow, Limits][] {
  const found: [GateRow, Limits][] = []
  const { policy } = row.queue
  if (policy?.rate) found.push([commit.table.gates.get(gateOf(row.queue)), policy])
  for (const name of row.gates ?? []) {
    const gate = commit.table.gates.get(name)
    const limit = limitOf(commit, gate)
    if (limit?.rate) found.push([gate, limit])
  }
  return found
}

/** The queue as a whole has reached a limit of its policy. */
export function isQueueClosed(commit: Commit, queue: QueueRow): boolean {
  const { policy } = queue
  if (!policy || (policy.concurrency === undefined && !policy.rate)) return false
  if (policy.concurrency !== undefined && queue.reserved >= policy.concurrency) return true
  if (!policy.rate) return false
  const gate = commit.table.gates.get(gateOf(queue))
  if (slackOf(gate, 0, { rate: policy.rate }, commit.now) > 0) return false
  const at = opensAt(gate, policy, commit.now)
  if (queue.ready > 0 && at !== gate.opens) commit.table.gates.open(gate, at)
  return true
}

/** When the rate of a queue as a whole lets its next job through, if that is what it waits for. */
export function queueOpens(commit: Commit, queue: QueueRow): Ms {
  return queue.policy?.rate ? opensAt(commit.table.gates.get(gateOf(queue)), queue.policy, commit.now) : NEVER
}

// ------------------------------------------------------------------ parking and letting out

/** Another state or gate for a row that stays where it is. */
export function restate(commit: Commit, row: Row, state: 'ready' | 'waiting', parked?: string): void {
  commit.table.leave(row)
  count(commit, row, -1)
  row.state = state
  row.parked = parked
  row.released = state === 'ready'
  count(commit, row, 1)
  commit.table.enter(row)
}

/** A ready row meets a closed gate. false: enough was moved in this commit; the rest is for the next ones. */
export function park(commit: Commit, row: Row, name: string): boolean {
  if (commit.moves <= 0) return false
  commit.moves--
  waitAt(commit, row, name)
  return true
}

/** A row waits at a gate from now on, perhaps in front of some that are ready there. */
function waitAt(commit: Commit, row: Row, name: string): void {
  restate(commit, row, 'waiting', name)
  const lane = commit.table.gates.get(name).lane(row.queue)
  if (lane.ready > 0) lane.mixed = true
}

/** Lets out what may go of those that wait at gates which opened. */
export function settleGates(commit: Commit): void {
  for (const name of commit.opened) {
    commit.opened.delete(name)
    if (name.startsWith(QUEUE)) wakeQueue(commit, name)
    else refill(commit, name)
  }
}

function wakeQueue(commit: Commit, name: string): void {
  const gate = commit.table.gates.get(name)
  if (gate.opens !== NEVER) commit.table.gates.open(gate, NEVER)
  const queue = commit.table.queue(name.slice(QUEUE.length) as QueueRow['name'])
  if (queue) commit.wake(queue)
}

function refill(commit: Commit, name: string): void {
  const gate = commit.table.gates.get(name)
  const slack = slackOf(gate, gate.running, limitOf(commit, gate), commit.now)
  let again = false
  if (slack > 0) for (const [no, lane] of [...gate.lanes]) again = refillLane(commit, gate, no, lane, slack) || again
  schedule(commit, gate, again)
}

/** Whether there is more to do than this commit may. */
function refillLane(commit: Commit, gate: GateRow, no: number, lane: Lane, slack: number): boolean {
  const empty = lane.ready === 0
  if (!empty && !lane.mixed) return false
  let room = Math.min(slack, BATCH)
  while (room > 0 && lane.parked > 0) {
    if (commit.moves <= 0) return true
    const rows = commit.table.gates.parked(gate, no, Math.min(room, commit.moves))
    if (rows.length === 0) return false
    for (const row of rows) {
      if (!empty && !precedes(row, lane)) {
        commit.table.gates.changing(gate)
        lane.mixed = false
        return false
      }
      commit.moves--
      if (letOut(commit, row, gate.name)) room--
    }
  }
  return false
}

/** A row is let out by this gate: to the next one that is closed, behind its group, or to the ready ones. */
function letOut(commit: Commit, row: Row, from: string): boolean {
  if (row.group !== undefined && commit.table.groups.head(row.queue, row.group) !== row) {
    restate(commit, row, 'waiting')
    return false
  }
  const other = closedGate(commit, row, from)
  if (other !== undefined) {
    waitAt(commit, row, other)
    return false
  }
  restate(commit, row, 'ready')
  for (const name of row.gates ?? []) {
    const gate = commit.table.gates.get(name)
    const lane = gate.lane(row.queue)
    if (name === from || lane.parked === 0 || lane.mixed) continue
    // Those that are parked there may come before it.
    commit.table.gates.changing(gate)
    lane.mixed = true
    commit.opened.add(name)
  }
  commit.wake(row.queue)
  return true
}
