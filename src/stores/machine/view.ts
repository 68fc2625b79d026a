import type { JobId, Ms } from '../../job.ts'
import type { JobView, QueueStats } from '../store.ts'
import { gateOf, GateRow, limitFrom, opensAt, slackOf, type Limits } from './gate.ts'
import type { QueueRow } from './queue.ts'
import { groupOf, NEVER, type Finished, type Row } from './row.ts'

const NO_COUNTS = Object.freeze({ releases: 0, timeouts: 0, buries: 0, kicks: 0 })

/** What a view must find out beside its row. */
export interface Views {
  /** The first job of the row's group. */
  headOf(row: Row, group: string): JobId | undefined
  /** What is known of that gate, if anything is. */
  gate(name: string): GateRow | undefined
  /** The value of that record. */
  record(key: string): unknown
}

/** What one sees of a job without taking it. */
export function viewOf(row: Row, now: Ms, body: Uint8Array | undefined, views?: Views): JobView {
  const { more, queue } = row
  const reserved = row.state === 'reserved'
  const blocked = views && blockedBy(row, now, views)
  const group = groupOf(row)
  return {
    id: row.id,
    n: row.n,
    queue: queue.name,
    state: row.state,
    pri: row.pri,
    rank: row.rank,
    reserves: row.reserves,
    failures: row.failures,
    redelivered: row.reserves > 0,
    put: row.put,
    delay: row.delay,
    lease: row.lease,
    size: row.size,
    counts: { ...(more?.counts ?? NO_COUNTS) },
    ...(row.first && { first: row.first }),
    ...(body && { body }),
    ...(row.envelope && { envelope: row.envelope }),
    ...(group !== undefined && { group }),
    ...(reserved && row.at !== NEVER && { until: row.at }),
    ...(reserved && row.holder && { holder: row.holder.session }),
    ...(row.state === 'delayed' && { at: row.at }),
    ...(blocked && { blocked }),
    ...(more?.name !== undefined && { name: more.name }),
    ...(more?.why && row.state === 'buried' && { why: more.why }),
    ...(more?.deaths && { deaths: more.deaths }),
    ...(more?.error && { error: more.error }),
  }
}

function blockedBy(row: Row, now: Ms, views: Views): JobView['blocked'] {
  const { state, queue, more, group } = row
  if (state === 'delayed') return { by: 'until', what: row.at }
  if (state === 'ready' && queue.pausedUntil > now) return { by: 'paused', what: queue.pausedUntil }
  if (state === 'waiting' && group !== undefined) {
    const head = views.headOf(row, group)
    if (head !== undefined && head !== row.id) return { by: 'group', what: head }
  }
  if (state === 'waiting' && more?.after !== undefined) return { by: 'job', what: more.after }
  return closedBy(row, now, views)
}

/** The limit that keeps a row from being reserved, if one does. */
function closedBy(row: Row, now: Ms, views: Views): JobView['blocked'] {
  const { queue, parked } = row
  if (parked !== undefined) {
    const gate = views.gate(parked) ?? new GateRow(parked)
    return seen('gate', parked, gate, gate.running, limitFrom(views.record(gate.key)), now)
  }
  if (row.state !== 'ready' || !queue.policy || (queue.policy.concurrency === undefined && !queue.policy.rate))
    return undefined
  const gate = views.gate(gateOf(queue)) ?? new GateRow(gateOf(queue))
  if (slackOf(gate, queue.reserved, queue.policy, now) > 0) return undefined
  return seen('queue', queue.name, gate, queue.reserved, queue.policy, now)
}

function seen(
  by: 'gate' | 'queue',
  what: string,
  gate: GateRow,
  running: number,
  { concurrency, rate }: Limits = {},
  now: Ms,
): JobView['blocked'] {
  const limit: Limits = { ...(concurrency !== undefined && { concurrency }), ...(rate && { rate }) }
  const until = opensAt(gate, limit, now)
  return { by, what, running, limit, ...(until !== NEVER && { until }) }
}

export function finishedView(finished: Finished, now: Ms, body: Uint8Array | undefined): JobView {
  return { ...viewOf(finished.row, now, body), state: 'finished', outcome: finished.outcome }
}

export function statsOf(queue: QueueRow, now: Ms, oldest: Ms | undefined): QueueStats {
  return {
    queue: queue.name,
    explicit: queue.policy !== undefined,
    ready: queue.ready,
    urgent: queue.urgent,
    delayed: queue.delayed,
    waiting: queue.waiting,
    reserved: queue.reserved,
    buried: queue.buried,
    bytes: queue.bytes,
    puts: queue.puts,
    gone: queue.gone,
    ...(oldest !== undefined && { oldest }),
    ...(queue.pausedUntil > now && { pausedUntil: queue.pausedUntil }),
  }
}
