import type { Queue, QueuePolicy } from '../../job.ts'
import type { RecordOp, Result } from '../store.ts'
import { limitChanged } from './admission.ts'
import type { Machine } from './machine.ts'
import { isName, refuse } from './refuse.ts'

/** Kinds of record that the state machine reads, beside limits. */
const POLICY = 'queue/'
const PAUSE = 'pause/'

/** Which records were deleted is known for so many changes of records; who asks for older ones reads all. */
export const KNOWN = 1000

export function record(m: Machine, op: RecordOp): Result {
  const { table } = m
  const { key, value } = op
  if (!isName(key)) return refuse('unsupported')
  const old = table.record(key)
  if (op.version !== undefined && op.version !== (old?.version ?? 0)) return refuse('conflict')
  if (op.needs !== undefined && !table.record(op.needs)) return refuse('missing')
  if (op.none !== undefined && table.anyRecord(op.none)) return refuse('in use')
  if (value === undefined && !old) return { ok: true, do: 'record', version: 0 }

  return { ok: true, do: 'record', version: write(m, key, value, op.session, op.at) }
}

/** Writes a record, or takes it away, and lets a policy or a pause have its effect. Returns its new version. */
export function write(
  m: Machine,
  key: string,
  value: unknown,
  session: string | undefined,
  at: number | undefined,
): number {
  if (key.startsWith(POLICY)) setPolicy(m, key.slice(POLICY.length) as Queue, value as QueuePolicy | undefined)
  else if (key.startsWith(PAUSE)) {
    const until = typeof value === 'number' ? value : 0
    pause(m, key.slice(PAUSE.length) as Queue, until)
    at = until
  }
  const version = m.table.setRecord(key, value, session, at)
  limitChanged(m, key)
  return version
}

function setPolicy(m: Machine, name: Queue, policy: QueuePolicy | undefined): void {
  const queue = m.table.queue(name) ?? (policy && m.table.createQueue(name, m.now))
  if (!queue) return
  queue.policy = policy
  // Those that had nowhere to go may have a way now.
  m.toldOf = 0
  m.wake(queue)
}

function pause(m: Machine, name: Queue, until: number): void {
  const queue = m.table.queue(name)
  if (!queue) return
  queue.pausedUntil = until
  if (until <= m.now) m.wake(queue)
}
