import type { BulkOp, Result, SliceEnd } from '../store.ts'
import { move } from './forward.ts'
import { settleGates } from './admission.ts'
import { endLease, giveBack } from './give-back.ts'
import type { Commit } from './commit.ts'
import { depart } from './place.ts'
import { positionOf } from './page.ts'
import type { QueueRow } from './queue.ts'
import type { Row } from './row.ts'
import type { Selection } from './table.ts'

/** No slice is larger, whatever is asked for: a commit must stay short. */
const SLICE = 1000

export function bulk(commit: Commit, op: BulkOp): Result {
  const queue = commit.table.queue(op.where.queue)
  if (!queue) return { ok: true, do: 'bulk', count: 0, more: false, ready: [] }
  const limit = Math.min(op.limit, SLICE)
  const { result, ready } = commit.watching(() => {
    const done = slice(commit, queue, op, limit)
    settleGates(commit)
    return done
  })
  return { ok: true, do: 'bulk', ...result, ready }
}

function slice(
  commit: Commit,
  queue: QueueRow,
  op: BulkOp,
  limit: number,
): { count: number; more: boolean; after?: SliceEnd } {
  const { table } = commit
  // Where they are now: what is done to one may put others into another state.
  const found: { row: Row; end: SliceEnd }[] = []
  const firstOnly = op.act === 'kick' || op.act === 'retry'
  const where: Selection = typeof op.act === 'object' && op.act.to === 'origin' ? { ...op.where, died: true } : op.where
  const begun = op.after && op.where.states.indexOf(op.after.state)
  const states = begun === undefined ? op.where.states : op.where.states.slice(begun, firstOnly ? begun + 1 : undefined)
  for (const state of queue.inhabited(states)) {
    const left = limit + 1 - found.length
    const from = op.after?.state === state ? op.after : undefined
    // In which order they are deleted is nobody's business, and to order all that wait for each slice would cost the square of their number.
    const disordered = state === 'waiting' && op.act === 'delete'
    const rows = disordered ? table.waiting(queue, left, where, from) : table.list(queue, state, left, where, from)
    for (const row of rows) found.push({ row, end: { state, ...positionOf(row) } })
    if (found.length > limit || (firstOnly && found.length > 0)) break
  }
  const seen = new Set<Row>()
  let count = 0
  let { after } = op
  for (const { row, end } of found) {
    if (!seen.has(row)) {
      if (typeof op.act === 'object') count += moveBefore(commit, row, op, limit, seen)
      // What is left of its group before it comes with the next slice, and so does this one.
      if (seen.size >= limit) break
      seen.add(row)
      if (act(commit, row, op.act)) count++
    }
    after = end
  }
  const more = found.length > limit && count > 0
  return { count, more, ...(more && after && { after }) }
}

/** A group comes in order: those that precede the row in its group, and are meant too, are moved first, whatever their states. Returns how many were. */
function moveBefore(commit: Commit, row: Row, { where, act: to }: BulkOp, limit: number, seen: Set<Row>): number {
  let count = 0
  while (row.group !== undefined && seen.size < limit) {
    const head = commit.table.groups.head(row.queue, row.group)
    if (!head || head === row || seen.has(head) || !where.states.includes(head.state)) break
    if (!matches(head, where, () => commit.table.bodyOf(head))) break
    seen.add(head)
    if (act(commit, head, to)) count++
  }
  return count
}

function act(commit: Commit, row: Row, act: BulkOp['act']): boolean {
  if (row.state === 'reserved') endLease(commit, row, 'forced')
  if (typeof act === 'object') {
    const queue = act.to === 'origin' ? row.more?.deaths?.[0]?.queue : act.to
    if (queue === undefined || (act.explicit && !commit.table.queue(queue)?.policy)) return false
    // Where it lies is another thing than when it may be taken.
    const target = { queue, create: true, ...(row.state === 'delayed' && { at: row.at }) } as const
    return move(commit, row, { to: [target], why: 'asked' }).ok
  }
  commit.news.add(row, act === 'delete' ? 'deleted' : 'kicked')
  if (act === 'delete') depart(commit, row, { as: 'cancelled' })
  else giveBack(commit, row, 'kicked', act === 'retry' ? { afresh: true } : {})
  return true
}

export function matches(row: Row, where: Selection | undefined, body: () => Uint8Array): boolean {
  if (!where) return true
  const { upTo, name, key, match, died } = where
  if (died && !row.more?.deaths) return false
  if (upTo !== undefined && row.id > upTo) return false
  if (name !== undefined && row.more?.name !== name) return false
  if (key !== undefined && !row.more?.unique?.key.endsWith(`\0${key}`)) return false
  return match === undefined || Buffer.from(body()).includes(match)
}
