import { faultStack, faultText, faultType } from '../jobs/fault.ts'
import type { Jobs } from '../jobs/definition.ts'
import type { JobQueue } from '../jobs/queue.ts'
import type { Log } from '../log.ts'
import { shown } from './output.ts'

/** A line for each attempt; never what is in a job. */
export function logAttempts(queue: JobQueue<Jobs>, log: Log): void {
  queue.on('started', (job) => log.debug(job, 'started'))
  queue.on('done', ({ result: _, ...job }) => log.info(job, 'done'))
  queue.on('failed', ({ error, ...job }) => log.warn({ ...job, err: fault(error) }, 'failed'))
  queue.on('retried', (job) => log.info(job, 'will be tried again'))
  queue.on('dead', ({ error, ...job }) => log.error({ ...job, err: fault(error) }, 'set aside for good'))
  queue.on('cancelled', (job) => log.info(job, 'cancelled'))
  queue.on('stalled', (job) =>
    log.error(job, 'its handler takes no notice of its signal: given up, though it may still run'),
  )
  queue.on('lost', (job) => log.warn(job, "wasn't this worker's any more"))
  queue.on('error', ({ error }) => log.error({ err: fault(error) }, 'the worker met an error, and goes on'))
}

/** As the log prints errors; on a terminal without what could steer it. */
export function fault(error: unknown): { type: string; message: string; stack?: string } {
  const stack = faultStack(error)
  const terminal = process.stderr.isTTY
  return {
    type: shown(faultType(error), terminal),
    message: shown(faultText(error), terminal),
    ...(stack !== undefined && { stack: shown(stack, terminal) }),
  }
}
