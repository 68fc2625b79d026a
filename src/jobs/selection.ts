/** Which jobs of a queue are meant, and what is done to many of them. */
import { InvalidArgumentError } from '../errors.ts'
import type { State, Where } from '../job.ts'
import type { BulkOp, Counted, SliceEnd, Transport } from '../transports/transport.ts'
import { named } from '../shown.ts'
import { checkList, checkOptions, checkQueue, checkText, type Names } from './check.ts'
import { type Catalog, queueOf } from './definition.ts'

/** Which jobs of a queue: all of these must hold. */
export interface Selection {
  queue: string
  /** Default: all that aren't finished. `finished` stands alone. */
  states?: readonly State[] | undefined
  name?: string | undefined
  /** Their unique key. */
  key?: string | undefined
  /** Text that their message contains. */
  match?: string | undefined
}

export const LIVE: readonly State[] = ['reserved', 'ready', 'waiting', 'delayed', 'buried']
/** Nobody works these. */
export const AT_REST: readonly State[] = ['ready', 'waiting', 'delayed', 'buried']
const STATES: readonly State[] = [...LIVE, 'finished']
const SELECTION: Names<Selection> = { queue: true, states: true, name: true, key: true, match: true }
/** Jobs of one commit. */
const SLICE = 500

/** @param defaults states, where it names none. @throws InvalidArgumentError */
export function whereOf(selection: Selection, defaults: readonly State[], catalog: Catalog): Where {
  checkOptions(selection, 'parts of a selection', SELECTION)
  const { queue, states = defaults, name, key, match } = selection
  checkQueue(queue)
  checkList(states, 'states')
  checkText(name, 'name')
  checkText(key, 'key')
  checkText(match, 'match')
  for (const state of states)
    if (!STATES.includes(state))
      throw new InvalidArgumentError(`${named(state)} is no state of a job; there are ${STATES.join(', ')}.`)
  if (states.length === 0 || (states.includes('finished') && states.length > 1))
    throw new InvalidArgumentError(`states are [${states.join(', ')}]; name some, and 'finished' alone.`)
  return {
    queue: queueOf(queue),
    // Moved, they come in this order.
    states: STATES.filter((state) => states.includes(state)),
    ...(name !== undefined && !catalog.alone(name, queue) && { name }),
    ...(key !== undefined && { key }),
    ...(match !== undefined && { match }),
  }
}

/**
 * Does it in slices, to as many jobs as are in these states now: what comes in or back meanwhile may be left over, so that it comes to an end.
 * @returns how many
 */
export async function changeMany(transport: Transport, where: Where, act: BulkOp['act']): Promise<number> {
  if (where.states.includes('finished'))
    throw new InvalidArgumentError('Finished jobs are history; only their age and number end them.')
  const [stats] = await transport.stats([where.queue])
  let left = stats ? where.states.reduce((sum, state) => sum + stats[state as keyof Numbers], 0) : 0
  let count = 0
  let after: SliceEnd | undefined
  // Once at least: a transport that can't do it says so, however few there are.
  do {
    const op: BulkOp = { do: 'bulk', where, act, limit: Math.min(SLICE, left), ...(after && { after }) }
    const [result] = await transport.commit({ ops: [op] })
    if (!result?.ok || result.do !== 'bulk') break
    count += result.count
    left -= result.count
    // At the end once more from the beginning: a job that leaves makes others ready, of its group or at its limits, where these slices have been.
    if (!result.more && !after) break
    ;({ after } = result)
  } while (left > 0)
  return count
}

type Numbers = Pick<Counted, 'delayed' | 'waiting' | 'ready' | 'reserved' | 'buried'>
