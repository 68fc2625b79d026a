import type { EndOp, Result } from '../store.ts'
import { giveBack } from './give-back.ts'
import { settleGates } from './admission.ts'
import type { Machine } from './machine.ts'
import { write } from './record.ts'

export function end(m: Machine, op: EndOp): Result {
  const { result: count, ready } = m.watching(() => {
    const rows = m.table.held(op.session).sort((a, b) => a.id - b.id)
    for (const row of rows) {
      if (op.as === 'lost') m.news.add(row, 'lost', { why: 'its session ended' })
      else m.news.add(row, 'released')
      giveBack(m, row, op.as)
    }
    for (const key of m.table.sessionRecords(op.session)) write(m, key, undefined, undefined, undefined)
    m.table.forgetHolder(op.session)
    settleGates(m)
    return rows.length
  })
  return { ok: true, do: 'end', count, dead: m.dead, ready }
}
