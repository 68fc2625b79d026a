import type { EndOp, Result } from '../store.ts'
import { giveBack } from './give-back.ts'
import { settleGates } from './admission.ts'
import type { Commit } from './commit.ts'
import { write } from './record.ts'

export function end(commit: Commit, op: EndOp): Result {
  const { result: count, ready } = commit.watching(() => {
    const rows = commit.table.held(op.session).sort((a, b) => a.id - b.id)
    for (const row of rows) {
      if (op.as === 'lost') commit.news.add(row, 'lost', { why: 'its session ended' })
      else commit.news.add(row, 'released')
      giveBack(commit, row, op.as)
    }
    for (const key of commit.table.records.ofSession(op.session)) write(commit, key, undefined, undefined, undefined)
    commit.table.forgetHolder(op.session)
    settleGates(commit)
    return rows.length
  })
  return { ok: true, do: 'end', count, dead: commit.dead, ready }
}
