import { constants } from 'node:os'
import { toMs, type Duration } from '../duration.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { Ms } from '../job.ts'
import { named } from '../shown.ts'
import { checkCount, checkFunctions, checkList, checkOptions, type Names } from './check.ts'
import type { WorkMiddleware } from './context.ts'
import type { Jobs } from './definition.ts'

export interface WorkerOptions<J extends Jobs = Jobs> {
  /** Attempts at a time. Default 10. */
  concurrency?: number | undefined
  /** Queues to take from. Default: those of the jobs that are handled. */
  queues?: readonly string[] | undefined
  /** At a stop, attempts may go on for so long; then their signals fire, and their jobs go back. Default '25s'. */
  stopWithin?: Duration | undefined
  /** Around each attempt. */
  use?: readonly WorkMiddleware<J>[] | undefined
  /** Signals at which it stops by itself, such as `['SIGTERM', 'SIGINT']`. Default: none. */
  stopOn?: readonly NodeJS.Signals[] | undefined
}

const WORKER_OPTIONS: Names<WorkerOptions> = {
  concurrency: true,
  queues: true,
  stopWithin: true,
  use: true,
  stopOn: true,
}
const MOST = 100_000

/** With what holds where nothing is said. @throws InvalidArgumentError */
export function checkedOptions(options: WorkerOptions): {
  concurrency: number
  stopWithin: Ms
  use: readonly WorkMiddleware[]
  stopOn: readonly NodeJS.Signals[]
} {
  checkOptions(options, 'options of a worker', WORKER_OPTIONS)
  const { concurrency = 10, stopWithin = '25s', use = [], stopOn = [] } = options
  checkCount(concurrency, 'concurrency', MOST)
  if (concurrency < 1) throw new InvalidArgumentError('concurrency is 0; give a number from 1 on.')
  checkFunctions(use, 'use')
  checkList(stopOn, 'stopOn')
  for (const signal of stopOn) checkSignal(signal)
  return { concurrency, stopWithin: toMs(stopWithin, 'stopWithin'), use, stopOn }
}

/** @throws InvalidArgumentError it never comes, or nobody may hear it */
function checkSignal(signal: unknown): void {
  if (typeof signal !== 'string' || !Object.hasOwn(constants.signals, signal) || UNHEARD.includes(signal))
    throw new InvalidArgumentError(`stopOn has ${named(signal)}; give signals that can be heard, such as 'SIGTERM'.`)
}

const UNHEARD = ['SIGKILL', 'SIGSTOP']
