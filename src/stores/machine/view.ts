import type { Ms } from '../../job.ts'
import type { JobView, QueueStats } from '../store.ts'
import type { QueueRow } from './queue.ts'
import { NEVER, type Finished, type Row } from './row.ts'

const NO_COUNTS = Object.freeze({ releases: 0, timeouts: 0, buries: 0, kicks: 0 })

/** What one sees of a job without taking it. `closedBy`: the job that its group waits for. */
export function viewOf(row: Row, now: Ms, body: Uint8Array | undefined, closedBy?: number): JobView {
  const { more, queue } = row
  const reserved = row.state === 'reserved'
  const paused = row.state === 'ready' && queue.pausedUntil > now
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
    ...(row.group !== undefined && { group: row.group }),
    ...(reserved && row.at !== NEVER && { until: row.at }),
    ...(reserved && row.holder && { holder: row.holder.session }),
    ...(row.state === 'delayed' && { at: row.at, blocked: { by: 'until' as const, what: row.at } }),
    ...(paused && { blocked: { by: 'paused' as const, what: queue.pausedUntil } }),
    ...(row.state === 'waiting' && closedBy !== undefined && { blocked: { by: 'group' as const, what: closedBy } }),
    ...(more?.name !== undefined && { name: more.name }),
    ...(more?.why && row.state === 'buried' && { why: more.why }),
    ...(more?.deaths && { deaths: more.deaths }),
    ...(more?.error && { error: more.error }),
  }
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
