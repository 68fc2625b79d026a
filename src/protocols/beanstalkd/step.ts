/** Commands on their way to a unit of the broker's batch, and how many of them one unit may have. */
import type { Broker, Session } from '../../broker/broker.ts'
import type { Operation } from './operation.ts'

/** A command on its way: its reply, or the operation that will tell. */
export type Step = string | Operation

/**
 * Where the unit ends that begins here. What becomes ready belongs to those who wait already, before this connection's next command. Several puts stay together
 * while each is behind the one before, so that who waits longest gets the first one all the same.
 */
export function unitEnd(steps: readonly Step[], from: number, broker: Broker): number {
  if (broker.waiting() === 0) return steps.length
  let awaited = false
  let pri = 0
  for (let i = from; i < steps.length; i++) {
    const step = steps[i] as Step
    if (typeof step === 'string') continue
    if (step.name === 'put') {
      if (step.command.delay > 0 || broker.waiting(step.queue) === 0) continue
      if (step.command.pri < pri) return i
      awaited = true
      pri = step.command.pri
    } else if (awaited) return i
    else if (returnsJob(step)) {
      awaited = true
      // Which job comes back, and how urgent it is, only the store knows: no put may overtake it.
      pri = Infinity
    }
  }
  return steps.length
}

/** What it gives back goes to one who waits, in a commit of its own. What is put goes in the commit of the put. */
export function returnsJob(step: Step): boolean {
  return typeof step !== 'string' && (step.name === 'kick-job' || (step.name === 'release' && step.delay === 0))
}

/** The reply to one of them depends on whether another connection has ended. */
export function concernOthers(steps: readonly Step[], session: Session): boolean {
  for (const step of steps) if (typeof step !== 'string' && concernsOthers(step, session)) return true
  return false
}

function concernsOthers(step: Operation, session: Session): boolean {
  switch (step.name) {
    case 'reserve-with-timeout':
      return step.timeout === 0
    case 'reserve-job':
    case 'delete':
      return !session.held(step.id)
    default:
      return false
  }
}
