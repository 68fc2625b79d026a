/** How many jobs a queue has, and when it has none left. */
import type { Clock } from '../clock.ts'
import { durationText, toMs, type Duration } from '../duration.ts'
import { TimedOutError } from '../errors.ts'
import type { Ms } from '../job.ts'
import type { Counted, Transport } from '../transports/transport.ts'
import { awake } from './awake.ts'
import { checkList, checkOptions, checkQueue, type Names } from './check.ts'
import { nameOf, queueOf } from './definition.ts'

export interface Counts {
  queue: string
  ready: number
  delayed: number
  waiting: number
  reserved: number
  buried: number
  /** Jobs that came and left since the queue exists. */
  puts: number
  gone: number
  pausedUntil?: Date
}

export interface DrainedOptions {
  /** Default: for ever. */
  timeout?: Duration | undefined
  /** Default true: those that are delayed are waited for, too. */
  delayed?: boolean | undefined
}

const DRAINED_OPTIONS: Names<DrainedOptions> = { timeout: true, delayed: true }
/** So often it is looked whether a queue has jobs. */
const LOOK: Ms = 100

/** @param queues default: all. @throws InvalidArgumentError */
export async function countsOf(transport: Transport, queues: readonly string[] | undefined): Promise<Counts[]> {
  if (queues === undefined) return (await transport.stats()).map(fromStats)
  checkList(queues, 'queues')
  queues.forEach(checkQueue)
  return (await transport.stats(queues.map(queueOf))).map(fromStats)
}

/** Waits until nothing of the queue is left to be worked. @throws TimedOutError, InvalidArgumentError */
export async function drained(
  transport: Transport,
  clock: Clock,
  queue: string,
  options: DrainedOptions,
): Promise<void> {
  checkQueue(queue)
  checkOptions(options, 'options of drained', DRAINED_OPTIONS)
  const { timeout, delayed = true } = options
  const end = timeout === undefined ? Infinity : clock.now() + toMs(timeout, 'timeout')
  for (;;) {
    const [stats] = await transport.stats([queueOf(queue)])
    if (!stats || stats.ready + stats.waiting + stats.reserved + (delayed ? stats.delayed : 0) === 0) return
    if (timeout !== undefined && clock.now() >= end)
      throw new TimedOutError(`Queue '${queue}' still has jobs after ${durationText(timeout)}.`)
    const wait = Math.min(LOOK, end - clock.now())
    await awake(new Promise<void>((resolve) => clock.after(wait, resolve)))
  }
}

function fromStats(stats: Counted): Counts {
  const { ready, delayed, waiting, reserved, buried, puts, gone, pausedUntil } = stats
  return {
    queue: nameOf(stats.queue),
    ready,
    delayed,
    waiting,
    reserved,
    buried,
    puts,
    gone,
    ...(pausedUntil !== undefined && { pausedUntil: new Date(Math.min(pausedUntil, 8.64e15)) }),
  }
}
