/** What a session's operations did to jobs, as events. */
import type { JobId, Ms, Queue } from '../job.ts'
import type { CancelOp, Op, Put, Result, StoreEvent } from '../stores/store.ts'

/** `kicked`: made ready by hand. `deleted`: by its holder, or by hand. */
type Type = 'put' | 'reserved' | 'released' | 'kicked' | 'buried' | 'deleted'

/**
 * What no operation names (one of many jobs, what time does, where a job was moved) the store tells.
 * @param own the session's owner tells of what it puts and works; what it does to other jobs by hand is told here
 * @param queueOf the queue of a job, as far as it is known
 */
export function eventsOf(
  ops: readonly Op[],
  results: readonly Result[],
  time: Ms,
  own: boolean,
  queueOf: (id: JobId) => Queue,
): StoreEvent[] {
  const events: StoreEvent[] = []
  const tell = (type: Type, id: JobId, queue: Queue, more?: object) =>
    events.push({ type, id, queue, time, ...(more && { data: JSON.stringify(more) }) })
  for (const [i, result] of results.entries()) {
    const op = ops[i] as Op
    if (!result.ok) continue
    if (result.do === 'cancel') {
      if (result.state === 'finished') tell('deleted', (op as CancelOp).job, queueOf((op as CancelOp).job))
    } else if (own && !('job' in op && typeof op.job === 'object' && op.job.n === undefined)) continue
    else if (op.do === 'put' && result.do === 'put')
      for (const [j, { queue }] of op.to.entries()) {
        const put = result.per[j] as Put
        if (put.ok) tell('put', put.id, queue, { name: op.msg.name, duplicate: put.duplicate ?? false })
      }
    else if (result.do === 'reserve')
      for (const { id, queue, name, reserves } of result.jobs) tell('reserved', id, queue, { name, starts: reserves })
    else if (op.do === 'release') tell(op.as === 'kicked' ? 'kicked' : 'released', op.job.id, queueOf(op.job.id))
    else if (op.do === 'bury') tell('buried', op.job.id, queueOf(op.job.id))
    else if (op.do === 'finish') tell('deleted', op.job.id, queueOf(op.job.id))
  }
  return events
}
