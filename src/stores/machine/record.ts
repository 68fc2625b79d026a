import type { Queue, QueuePolicy } from '../../job.ts'
import type { RecordOp, Result } from '../store.ts'
import { limitChanged } from './admission.ts'
import type { Commit } from './commit.ts'
import { isName, refuse } from './refuse.ts'

/** Kinds of record that the state machine reads, beside limits. */
const POLICY = 'queue/'
const PAUSE = 'pause/'

/** Which records were deleted is known for so many changes of records; who asks for older ones reads all. */
export const KNOWN = 1000

export function record(commit: Commit, op: RecordOp): Result {
  const { table } = commit
  const { key, value } = op
  if (!isName(key)) return refuse('unsupported')
  const old = table.records.get(key)
  if (op.version !== undefined && op.version !== (old?.version ?? 0)) return refuse('conflict')
  if (op.needs !== undefined && !table.records.get(op.needs)) return refuse('missing')
  if (op.none !== undefined && table.records.any(op.none)) return refuse('in use')
  if (value === undefined && !old) return { ok: true, do: 'record', version: 0 }

  return { ok: true, do: 'record', version: write(commit, key, value, op.session, op.at) }
}

/** Writes a record, or takes it away, and lets a policy or a pause have its effect. Returns its new version. */
export function write(
  commit: Commit,
  key: string,
  value: unknown,
  session: string | undefined,
  at: number | undefined,
): number {
  if (key.startsWith(POLICY)) setPolicy(commit, key.slice(POLICY.length) as Queue, value as QueuePolicy | undefined)
  else if (key.startsWith(PAUSE)) {
    const until = typeof value === 'number' ? value : 0
    pause(commit, key.slice(PAUSE.length) as Queue, until)
    at = until
  }
  const version = commit.table.records.set(key, value, session, at)
  limitChanged(commit, key)
  return version
}

function setPolicy(commit: Commit, name: Queue, policy: QueuePolicy | undefined): void {
  const queue = commit.table.queue(name) ?? (policy && commit.table.createQueue(name, commit.now))
  if (!queue) return
  queue.policy = policy
  // Those that had nowhere to go may have a way now.
  commit.toldOf = 0
  commit.wake(queue)
}

function pause(commit: Commit, name: Queue, until: number): void {
  const queue = commit.table.queue(name)
  if (!queue) return
  queue.pausedUntil = until
  if (until <= commit.now) commit.wake(queue)
}
