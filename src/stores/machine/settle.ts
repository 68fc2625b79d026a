/** What the holder of a lease does with its job, or an operator with one that nobody holds. */
import type { Outcome, Ref } from '../../job.ts'
import type { BuryOp, CancelOp, FinishOp, NoteOp, Refusal, ReleaseOp, Result, TouchOp } from '../store.ts'
import { aside, endLease, giveBack, timeOut } from './give-back.ts'
import type { Commit } from './commit.ts'
import { isName, refuse } from './refuse.ts'
import { depart, displace, notLeaving } from './place.ts'
import { counts, more, type Row } from './row.ts'

/** Unless said otherwise: who holds a job and finishes it has done it; one that nobody held was deleted. */
const asFinished = (row: Row): Outcome => ({ as: row.state === 'reserved' ? 'done' : 'cancelled' })
const FINISHED: Result = Object.freeze({ ok: true, do: 'finish' })

/** The job that a Ref means, or why it may not be changed. */
export function find(commit: Commit, ref: Ref): Row | Refusal {
  const row = commit.table.get(ref.id)
  if (!row) return 'gone'
  if (row.state === 'reserved' && row.at <= commit.now) {
    timeOut(commit, row)
    if (!commit.table.get(ref.id)) return 'gone'
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
  endLease(commit, row, 'forced')
  return row
}

export function finish(commit: Commit, op: FinishOp): Result {
  const row = find(commit, op.job)
  if (typeof row === 'string') return refuse(row)
  depart(commit, row, op.outcome ?? asFinished(row))
  return FINISHED
}

export function release(commit: Commit, op: ReleaseOp): Result {
  const row = find(commit, op.job)
  if (typeof row === 'string') return refuse(row)
  const { as } = op
  if (row.state !== 'reserved') {
    if (op.job.late) return { ok: true, do: 'release', state: row.state, dead: commit.dead }
    if (as === 'kicked' ? row.state !== 'buried' && row.state !== 'delayed' : as !== 'asked') return refuse('not held')
  }
  const state = giveBack(commit, row, as, {
    ...(op.at !== undefined && { at: op.at }),
    ...(op.pri !== undefined && { pri: op.pri }),
    ...(op.back && { back: true }),
    ...(op.afresh && { afresh: true }),
    ...(op.error && { error: op.error }),
  })
  return { ok: true, do: 'release', state, dead: commit.dead }
}

export function bury(commit: Commit, op: BuryOp): Result {
  const row = find(commit, op.job)
  if (typeof row === 'string') return refuse(row)
  displace(commit, row)
  notLeaving(commit, row)
  counts(row).buries++
  if (op.pri !== undefined) row.pri = op.pri
  if (op.error) more(row).error = op.error
  aside(commit, row, op.why)
  if (op.keep && !row.dead) keepAside(commit, row, op.keep)
  return { ok: true, do: 'bury', dead: commit.dead }
}

/** The job lies here for so long at the most, and no longer than so many others lie here behind it. */
function keepAside(commit: Commit, row: Row, keep: NonNullable<BuryOp['keep']>): void {
  const until = commit.now + keep.ms
  if (row.expires === 0 || until < row.expires) {
    commit.table.leave(row)
    more(row).retained = row.expires
    more(row).drop = true
    row.expires = until
    commit.table.enter(row)
  }
  const over = row.queue.buried - keep.jobs
  if (over > 0)
    for (const oldest of commit.table.list(row.queue, 'buried', over)) depart(commit, oldest, { as: 'failed' })
}

export function note(commit: Commit, op: NoteOp): Result {
  const row = find(commit, op.job)
  if (typeof row === 'string') return refuse(row)
  if (op.key !== undefined && !isName(op.key)) return refuse('unsupported')
  if (!row.more?.noted) {
    commit.table.leave(row)
    more(row).noted = true
    commit.table.enter(row)
  }
  commit.table.notes.add(row.id, {
    kind: op.kind,
    ...(op.key !== undefined && { key: op.key }),
    at: commit.now,
    data: op.data,
  })
  return { ok: true, do: 'note' }
}

export function touch(commit: Commit, op: TouchOp): Result {
  const row = find(commit, op.job)
  if (typeof row === 'string') return refuse(row)
  if (row.state !== 'reserved') return op.job.late ? { ok: true, do: 'touch', until: commit.now } : refuse('not held')
  commit.table.leave(row)
  row.at = commit.now + (op.ms === 'own' ? row.lease : op.ms)
  commit.table.enter(row)
  return { ok: true, do: 'touch', until: row.at, ...(row.more?.cancelled && { cancelled: true as const }) }
}

export function cancel(commit: Commit, op: CancelOp): Result {
  const row = commit.table.get(op.job)
  if (!row) return refuse('gone')
  if (row.state === 'reserved' && row.at > commit.now) {
    commit.table.leave(row)
    more(row).cancelled = true
    commit.table.enter(row)
    endLease(commit, row, 'cancelled')
    return { ok: true, do: 'cancel', state: 'reserved' }
  }
  depart(commit, row, { as: 'cancelled' })
  return { ok: true, do: 'cancel', state: 'finished' }
}
