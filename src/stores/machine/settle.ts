/** What the holder of a lease does with its job, or an operator with one that nobody holds. */
import type { Outcome, Ref } from '../../job.ts'
import type { BuryOp, CancelOp, FinishOp, NoteOp, Refusal, ReleaseOp, Result, TouchOp } from '../store.ts'
import { aside, endLease, giveBack, timeOut } from './give-back.ts'
import type { Machine } from './machine.ts'
import { isName, refuse } from './refuse.ts'
import { depart, displace, notLeaving } from './place.ts'
import { counts, more, type Row } from './row.ts'

/** Unless said otherwise: who holds a job and finishes it has done it; one that nobody held was deleted. */
const asFinished = (row: Row): Outcome => ({ as: row.state === 'reserved' ? 'done' : 'cancelled' })
const FINISHED: Result = Object.freeze({ ok: true, do: 'finish' })

/** The job that a Ref means, or why it may not be changed. */
export function find(m: Machine, ref: Ref): Row | Refusal {
  const row = m.table.get(ref.id)
  if (!row) return 'gone'
  if (row.state === 'reserved' && row.at <= m.now) {
    timeOut(m, row)
    if (!m.table.get(ref.id)) return 'gone'
  }
  const reserved = row.state === 'reserved'
  if (ref.n !== undefined) {
    if (row.n !== ref.n) return 'stale'
    if (reserved || (ref.buried && row.state === 'buried') || (ref.late && row.state !== 'buried')) return row
    return 'stale'
  }
  if (ref.held !== undefined) {
    if (reserved ? row.holder?.session === ref.held : ref.free) return row
    return 'not held'
  }
  if (!reserved) return row
  if (!ref.force) return 'not held'
  endLease(m, row, 'forced')
  return row
}

export function finish(m: Machine, op: FinishOp): Result {
  const row = find(m, op.job)
  if (typeof row === 'string') return refuse(row)
  depart(m, row, op.outcome ?? asFinished(row))
  return FINISHED
}

export function release(m: Machine, op: ReleaseOp): Result {
  const row = find(m, op.job)
  if (typeof row === 'string') return refuse(row)
  const { as } = op
  if (row.state !== 'reserved') {
    if (op.job.late) return { ok: true, do: 'release', state: row.state, dead: m.dead }
    if (as === 'kicked' ? row.state !== 'buried' && row.state !== 'delayed' : as !== 'asked') return refuse('not held')
  }
  const state = giveBack(m, row, as, {
    ...(op.at !== undefined && { at: op.at }),
    ...(op.pri !== undefined && { pri: op.pri }),
    ...(op.back && { back: true }),
    ...(op.afresh && { afresh: true }),
    ...(op.error && { error: op.error }),
  })
  return { ok: true, do: 'release', state, dead: m.dead }
}

export function bury(m: Machine, op: BuryOp): Result {
  const row = find(m, op.job)
  if (typeof row === 'string') return refuse(row)
  displace(m, row)
  notLeaving(m, row)
  counts(row).buries++
  if (op.pri !== undefined) row.pri = op.pri
  if (op.error) more(row).error = op.error
  aside(m, row, op.why)
  if (op.keep && !row.dead) keepAside(m, row, op.keep)
  return { ok: true, do: 'bury', dead: m.dead }
}

/** The job lies here for so long at the most, and no longer than so many others lie here behind it. */
function keepAside(m: Machine, row: Row, keep: NonNullable<BuryOp['keep']>): void {
  m.table.leave(row)
  row.expires = m.now + keep.ms
  more(row).drop = true
  m.table.enter(row)
  const over = row.queue.buried - keep.jobs
  if (over > 0) for (const oldest of m.table.list(row.queue, 'buried', over)) depart(m, oldest, { as: 'failed' })
}

export function note(m: Machine, op: NoteOp): Result {
  const row = find(m, op.job)
  if (typeof row === 'string') return refuse(row)
  if (op.key !== undefined && !isName(op.key)) return refuse('unsupported')
  if (!row.more?.noted) {
    m.table.leave(row)
    more(row).noted = true
    m.table.enter(row)
  }
  m.table.note(row, { kind: op.kind, ...(op.key !== undefined && { key: op.key }), at: m.now, data: op.data })
  return { ok: true, do: 'note' }
}

export function touch(m: Machine, op: TouchOp): Result {
  const row = find(m, op.job)
  if (typeof row === 'string') return refuse(row)
  if (row.state !== 'reserved') return op.job.late ? { ok: true, do: 'touch', until: m.now } : refuse('not held')
  m.table.leave(row)
  row.at = m.now + (op.ms === 'own' ? row.lease : op.ms)
  m.table.enter(row)
  return { ok: true, do: 'touch', until: row.at, ...(row.more?.cancelled && { cancelled: true as const }) }
}

export function cancel(m: Machine, op: CancelOp): Result {
  const row = m.table.get(op.job)
  if (!row) return refuse('gone')
  if (row.state === 'reserved' && row.at > m.now) {
    m.table.leave(row)
    more(row).cancelled = true
    m.table.enter(row)
    endLease(m, row, 'cancelled')
    return { ok: true, do: 'cancel', state: 'reserved' }
  }
  depart(m, row, { as: 'cancelled' })
  return { ok: true, do: 'cancel', state: 'finished' }
}
