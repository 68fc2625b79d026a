/** A gate: a limit, or one key of it, how many jobs are at it, and whether it lets one more through. */
import type { Limit, Ms } from '../../job.ts'
import type { QueueRow } from './queue.ts'
import { isName } from './refuse.ts'
import { NEVER } from './row.ts'

/** A job has no more gates, and none has a longer name, in bytes. */
const MOST = 8
const LONGEST = 300

/** A gate in one queue. */
export interface Lane {
  ready: number
  parked: number
  /** The last, by (pri, rank), of those that are ready, or were since none was. */
  pri: number
  rank: number
  /** Some that are parked may come before some that are ready. */
  mixed: boolean
}

/** A limit, or one key of it, as the state machine works on it; also the rate of a queue as a whole. */
export class GateRow {
  readonly name: string
  /** The record with its limit. */
  readonly key: string
  /** That limit, and the version of the records that it was read at. */
  limit: Limit | undefined = undefined
  read = -1
  /** Jobs reserved now. */
  running = 0
  /** When the last window began, and how many jobs were reserved in it. */
  since: Ms = 0
  used = 0
  /** How long a window was when the last job was counted. */
  per: Ms = 0
  /** Jobs parked here. */
  parked = 0
  /** By queue number. */
  lanes = new Map<number, Lane>()
  /** When time opens it to those that are parked, or NEVER. */
  opens: Ms = NEVER
  /** Its place in a table's heap, or -1. */
  slot = -1

  constructor(name: string) {
    this.name = name
    this.key = limitKey(name)
  }

  lane(queue: QueueRow): Lane {
    let lane = this.lanes.get(queue.no)
    if (!lane) this.lanes.set(queue.no, (lane = { ready: 0, parked: 0, pri: 0, rank: 0, mixed: false }))
    return lane
  }

  /** No job is at it, behind it, or on its way through; what it knows is at the most its window. */
  isIdle(): boolean {
    for (const [no, lane] of this.lanes) if (lane.ready === 0 && lane.parked === 0) this.lanes.delete(no)
    return this.running === 0 && this.lanes.size === 0
  }
}

/** The limit of a gate is the value of this record. */
export const LIMIT = 'limit/'

function limitKey(gate: string): string {
  const slash = gate.indexOf('/')
  return LIMIT + (slash < 0 ? gate : gate.slice(0, slash))
}

/** A record's value as a limit: what of it makes no sense limits nothing. */
export function limitFrom(value: unknown): Limit | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { concurrency, rate } = value as Limit
  const limit: Limit = {}
  if (isCount(concurrency)) limit.concurrency = concurrency
  if (isCount(rate?.jobs) && isCount(rate.per)) limit.rate = { jobs: rate.jobs, per: rate.per }
  return limit
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0
}

/** The gate that counts the rate of a queue as a whole: no job can name it. */
export const QUEUE = '/'
export const gateOf = (queue: QueueRow) => QUEUE + queue.name

/** Not too many, and each has a name that can be. */
export function areGates(names: readonly string[] | undefined): boolean {
  return names === undefined || (new Set(names).size <= MOST && names.every(isGate))
}

/** The gates of a message, each once; undefined: it has none. */
export function gatesOf(names: readonly string[] | undefined): readonly string[] | undefined {
  return names && names.length > 0 ? [...new Set(names)] : undefined
}

function isGate(name: string): boolean {
  return name !== '' && !name.startsWith(QUEUE) && isName(name) && Buffer.byteLength(name) <= LONGEST
}

export type Limits = Pick<Limit, 'concurrency' | 'rate'>

/** The window that the gate counts in has ended, or nothing was counted in it. */
export function isOver(gate: GateRow, limit: Limits | undefined, now: Ms): boolean {
  return gate.used === 0 || !limit?.rate || gate.since + limit.rate.per <= now
}

/** How many more it lets through now. */
export function slackOf(gate: GateRow, running: number, limit: Limits | undefined, now: Ms): number {
  if (!limit) return Infinity
  const { concurrency = Infinity, rate } = limit
  const left = rate ? rate.jobs - (isOver(gate, limit, now) ? 0 : gate.used) : Infinity
  return Math.min(concurrency - running, left)
}

/** When time alone lets more through; NEVER: it would now, or only the end of a lease does. */
export function opensAt(gate: GateRow, limit: Limits | undefined, now: Ms): Ms {
  const { rate } = limit ?? {}
  if (!rate || isOver(gate, limit, now) || gate.used < rate.jobs) return NEVER
  return gate.since + rate.per
}

/** Until then what the gate counted in its last window matters. */
export function windowEnd(gate: GateRow): Ms {
  return gate.used === 0 ? 0 : gate.since + gate.per
}
