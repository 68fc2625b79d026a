/** A job as columns and as a Row. */
import type { SQLInputValue } from 'node:sqlite'
import type { Bytes, Ms } from '../../job.ts'
import { Row, type More } from '../machine/row.ts'
import { NumberedHolder } from './holder.ts'
import type { SqliteQueue } from './queue.ts'

export const STATES = ['ready', 'reserved', 'delayed', 'buried', 'waiting'] as const
export const CODES = { ready: 0, reserved: 1, delayed: 2, buried: 3, waiting: 4 } as const

/** A larger body stands in a table of its own. */
export const INLINE = 512
/** A job's body, wherever it stands. */
export const BODY_OF = 'coalesce(job.body, (SELECT body.body FROM body WHERE body.id = job.id))'

/** The columns that `rowOf` reads, in its order. `body` may stand behind them. */
export const COLUMNS =
  "id, queue, pri, rank, state, at, lease, n, session, reserves, failures, delay, put, first, expires, dead, grp, more, envelope, coalesce(size, length(body)), iif(gates IS NULL AND begun IS NULL, NULL, json_array(json(gates), gate, begun)), iif(turn IS NULL, '-', '+') || fair"
export const BODY = 22

export type Columns = [
  id: number,
  queue: number,
  pri: number,
  rank: number,
  state: number,
  at: number,
  lease: number,
  n: number,
  session: number | null,
  reserves: number,
  failures: number,
  delay: number,
  put: number,
  first: number,
  expires: number | null,
  dead: number | null,
  grp: string | null,
  more: string | null,
  envelope: Bytes | null,
  size: number | null,
  gates: string | null,
  fair: string | null,
  body?: Bytes | null,
]

/** The row without its holder. */
export function rowOf(c: Columns, queue: SqliteQueue): Row {
  const row = new Row(c[0], queue, c[2], c[3], c[6], c[12], c[BODY] ?? undefined, c[19] ?? 0)
  row.state = STATES[c[4]] as Row['state']
  row.at = c[5]
  row.n = c[7]
  row.reserves = c[9]
  row.failures = c[10]
  row.delay = c[11]
  row.first = c[13]
  row.stored = true
  if (c[14] !== null) row.expires = c[14]
  if (c[15] !== null) row.dead = true
  if (c[16] !== null) row.group = c[16]
  if (c[17] !== null) row.more = moreOf(c[17])
  if (c[18] !== null) row.envelope = c[18]
  if (c[20] !== null) setGates(row, c[20])
  if (c[21] !== null) {
    row.fair = c[21].slice(1)
    row.turn = c[21].startsWith('+')
  }
  return row
}

function setGates(row: Row, text: string): void {
  const [gates, parked, begun] = JSON.parse(text) as [string[] | null, string | null, Ms | null]
  if (gates !== null) row.gates = gates
  if (parked !== null) row.parked = parked
  row.begun = begun ?? 0
}

export function sessionOf({ state, holder }: Row): number | null {
  return state === 'reserved' && holder instanceof NumberedHolder ? holder.no : null
}

/** All columns that change, in the order of the statements that write them. */
export function columnsOf(row: Row): SQLInputValue[] {
  return [
    row.queue.no,
    row.pri,
    row.rank,
    CODES[row.state],
    row.at,
    row.lease,
    row.n,
    sessionOf(row),
    row.reserves,
    row.failures,
    row.delay,
    row.put,
    row.first,
    row.dead ? 1 : null,
    row.fair ?? null,
    row.turn ? 1 : null,
    row.expires || null,
    row.group ?? null,
    moreOrNull(row),
  ]
}

/** gates, gate, begun. */
export function gatesOf(row: Row): SQLInputValue[] {
  return [row.gates ? JSON.stringify(row.gates) : null, row.parked ?? null, row.begun || null]
}

export function moreOrNull({ more }: Row): string | null {
  if (!more) return null
  const { error, ...rest } = more
  const text = JSON.stringify(error ? { ...rest, error: Buffer.from(error).toString('base64') } : rest)
  return text === '{}' ? null : text
}

function moreOf(text: string): More {
  const more = JSON.parse(text) as More & { error?: Bytes | string }
  if (typeof more.error === 'string') more.error = new Uint8Array(Buffer.from(more.error, 'base64'))
  return more
}

/** It has nothing but what a job may have from its put on: such a row is written by a shorter statement. */
export function isPlain(row: Row): boolean {
  return row.fair === undefined && row.gates === undefined && row.begun === 0 && row.delay === 0 && row.failures === 0
}
