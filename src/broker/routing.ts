import type { Ms } from '../job.ts'
import type { Dead, Op, Unit } from '../stores/store.ts'

/** A dead letter that comes back within so long to a queue in which it died before goes in a circle. */
const CIRCLE: Ms = 1000

/**
 * What takes dead letters to where their queues send them. One whose target refuses it, because it is full, stays buried; `due` reports it again.
 *
 * Queues may send to each other: a job that was rejected, waited in the second queue for its time to live and comes back to the first is a retry. One
 * that would go round without anybody's doing is treated as if its queue had no dead-letter target: 'expired' and 'maxlen' leave, others stay buried.
 */
export function forwardDead(dead: readonly Dead[], now: Ms): Unit | undefined {
  const ops: Op[] = []
  for (const one of dead) {
    const job = { id: one.id, n: one.n, buried: true } as const
    if (!circles(one, now)) ops.push({ do: 'forward', job, to: [{ queue: one.to, create: true }], why: one.why })
    else if (one.why === 'expired' || one.why === 'maxlen') ops.push({ do: 'forward', job, to: [], why: one.why })
  }
  return ops.length > 0 ? { ops } : undefined
}

function circles({ queue, to, why, deaths }: Dead, now: Ms): boolean {
  if (why === 'rejected' || why === 'failed') return false
  return queue === to || deaths.some((death) => death.queue === to && now - death.at < CIRCLE)
}
