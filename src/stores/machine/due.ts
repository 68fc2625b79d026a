import type { Ms, Queue } from '../../job.ts'
import type { DueOp, Result } from '../store.ts'
import { openDue, settleGates } from './admission.ts'
import { drop, giveBack, timeOut } from './give-back.ts'
import type { Machine } from './machine.ts'
import { displace, place } from './place.ts'
import { NEVER, type Row } from './row.ts'

/** No slice is larger, whatever is asked for. */
const SLICE = 200
/** An implicit queue that was empty for so long is forgotten, with its statistics. */
const UNUSED: Ms = 60_000
const COLLECT: Ms = 1000
/** A dead letter that was reported and still lies here is reported again. */
const REPORT_AGAIN: Ms = 60_000
const PAUSE = 'pause/'

export function due(m: Machine, op: DueOp): Result {
  const limit = Math.min(op.limit, SLICE)
  const { table, now } = m
  const { result, ready } = m.watching(() => {
    const { rows, records } = sweep(m, limit, '')
    const orphans = table.orphans(limit)
    for (const row of orphans) {
      m.news.add(row, 'lost', { why: 'its process ended' })
      giveBack(m, row, 'lost')
    }
    settleGates(m)
    const letters = report(m, limit)
    collect(m, limit)
    return { records, more: rows >= limit || orphans.length >= limit || letters >= limit }
  })
  m.undelivered = false
  const next = table.soonest(now)
  m.toldDue = next
  return {
    ok: true,
    do: 'due',
    dead: m.dead,
    records: result.records,
    ready,
    more: result.more,
    ...(next < NEVER && { next }),
  }
}

/** Tells of dead letters: again of those that still lie here after a while, and of those that nobody was told of. Returns how many it looked at. */
function report(m: Machine, limit: number): number {
  const { table, now, reported } = m
  let looked = 0
  for (const [id, at] of reported) {
    if (looked >= limit || now - at < REPORT_AGAIN) break
    looked++
    reported.delete(id)
    const row = table.get(id)
    if (row?.dead && row.queue.policy?.dead !== undefined) m.reportDead(row, row.queue.policy.dead)
  }
  const rows = table.deadLetters(limit - looked, m.toldOf)
  for (const row of rows) {
    m.toldOf = row.at
    const to = row.queue.policy?.dead
    if (to !== undefined && !reported.has(row.id)) m.reportDead(row, to)
  }
  return looked + rows.length
}

/** Throws out what is over: unique keys' windows, history, implicit queues that nobody used for a while. */
function collect(m: Machine, limit: number): void {
  const { table, now } = m
  if (now - m.collected >= COLLECT) {
    m.collected = now
    table.collectClaims(now, limit)
    table.collectHistory(now, limit)
    table.collectGates(now, limit)
  }
  if (now - m.queuesCollected >= UNUSED) {
    m.queuesCollected = now
    table.collectQueues(now - UNUSED)
  }
}

/** Makes due what is due: so many rows, and records whose keys begin with `prefix`. Before each commit only pauses end: others are for `due` to report. */
export function sweep(m: Machine, limit: number, prefix = PAUSE): { rows: number; records: string[] } {
  const { table, now } = m
  const rows = table.due(now, limit)
  for (const row of rows) makeDue(m, row)
  const records: string[] = []
  for (const key of table.dueRecords(now, limit, prefix)) {
    if (key.startsWith(PAUSE)) unpause(m, key)
    else records.push(key)
  }
  const gates = openDue(m, limit)
  return { rows: Math.max(rows.length, gates), records }
}

function makeDue(m: Machine, row: Row): void {
  if (row.state === 'reserved') {
    if (row.at <= m.now) timeOut(m, row)
  } else if (row.expires !== 0 && row.expires <= m.now) drop(m, row, 'expired')
  else if (row.state === 'delayed' && row.at <= m.now) {
    displace(m, row)
    if (row.more?.rankWhenDue) {
      delete row.more.rankWhenDue
      row.rank = m.table.next()
    }
    place(m, row, 0)
  }
}

function unpause(m: Machine, key: string): void {
  m.table.setRecord(key, undefined, undefined, undefined)
  const queue = m.table.queue(key.slice(PAUSE.length) as Queue)
  if (!queue) return
  queue.pausedUntil = 0
  m.wake(queue)
}
