import type { Queue } from '../../job.ts'
import type { DueOp, Result } from '../store.ts'
import { openDue, settleGates } from './admission.ts'
import { drop, giveBack, timeOut } from './give-back.ts'
import { REPORT_AGAIN, type Commit } from './commit.ts'
import { displace, place } from './place.ts'
import { NEVER, type Row } from './row.ts'

/** No slice is larger, whatever is asked for. */
const SLICE = 200
const PAUSE = 'pause/'

export function due(commit: Commit, op: DueOp): Result {
  const limit = Math.min(op.limit, SLICE)
  const { table, now } = commit
  const { result, ready } = commit.watching(() => {
    const { rows, records } = sweep(commit, limit, '')
    const orphans = table.orphans(limit)
    for (const row of orphans) {
      commit.news.add(row, 'lost', { why: 'its process ended' })
      giveBack(commit, row, 'lost')
    }
    settleGates(commit)
    const letters = report(commit, limit)
    commit.housekeeping.look(now)
    return { records, more: rows >= limit || orphans.length >= limit || letters >= limit }
  })
  commit.undelivered = false
  const next = Math.min(table.soonest(now), commit.housekeeping.at, commit.reportAgainAt)
  commit.toldDue = next
  return {
    ok: true,
    do: 'due',
    dead: commit.dead,
    records: result.records,
    ready,
    more: result.more,
    ...(next < NEVER && { next }),
  }
}

/**
 * Tells of dead letters: again of those that still lie here after a while, and of those that nobody was told of. Returns how many it looked at. After a while it
 * begins with the first again: another process may have given them a way, or a unit in which they left was undone.
 */
function report(commit: Commit, limit: number): number {
  const { table, now, reported } = commit
  let looked = 0
  if (now - commit.toldSince >= REPORT_AGAIN) {
    commit.toldSince = now
    commit.toldOf = 0
  }
  for (const [id, at] of reported) {
    if (looked >= limit || now - at < REPORT_AGAIN) break
    looked++
    reported.delete(id)
    const row = table.get(id)
    if (row?.dead && row.queue.policy?.dead !== undefined) commit.reportDead(row, row.queue.policy.dead)
  }
  const rows = table.deadLetters(limit - looked, commit.toldOf)
  for (const row of rows) {
    commit.toldOf = row.at
    const to = row.queue.policy?.dead
    if (to !== undefined && !reported.has(row.id)) commit.reportDead(row, to)
  }
  return looked + rows.length
}

/** Makes due what is due: so many rows, and records whose keys begin with `prefix`. Before each commit only pauses end: others are for `due` to report. */
export function sweep(commit: Commit, limit: number, prefix = PAUSE): { rows: number; records: string[] } {
  const { table, now } = commit
  const rows = table.due(now, limit)
  for (const row of rows) makeDue(commit, row)
  const records: string[] = []
  for (const key of table.records.due(now, limit, prefix)) {
    if (key.startsWith(PAUSE)) unpause(commit, key)
    else records.push(key)
  }
  const gates = openDue(commit, limit)
  return { rows: Math.max(rows.length, gates), records }
}

function makeDue(commit: Commit, row: Row): void {
  if (row.state === 'reserved') {
    if (row.at <= commit.now) timeOut(commit, row)
  } else if (row.expires !== 0 && row.expires <= commit.now) drop(commit, row, 'expired')
  else if (row.state === 'delayed' && row.at <= commit.now) {
    displace(commit, row)
    if (row.more?.rankWhenDue) {
      delete row.more.rankWhenDue
      row.rank = commit.table.next()
    }
    place(commit, row, 0)
  }
}

function unpause(commit: Commit, key: string): void {
  commit.table.records.set(key, undefined, undefined, undefined)
  const queue = commit.table.queue(key.slice(PAUSE.length) as Queue)
  if (!queue) return
  queue.pausedUntil = 0
  commit.wake(queue)
}
