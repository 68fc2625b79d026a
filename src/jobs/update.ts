/** Changing a job that waits. */
import type { Duration } from '../duration.ts'
import { JobStateError } from '../errors.ts'
import type { Bytes, JobId } from '../job.ts'
import { checkCount, checkOptions, MAX_PRIORITY, type Names } from './check.ts'
import type { Catalog } from './definition.ts'
import { gatesOf } from './limits.ts'
import { decode, encode } from './message.ts'
import { momentOf, type Clocks } from './put.ts'
import { checkArgs } from './validate.ts'

/** What becomes another; what is left out, or undefined, stays. */
export interface JobChange {
  args?: unknown
  priority?: number | undefined
  delay?: Duration | Date | undefined
}

const JOB_CHANGE: Names<JobChange> = { args: true, priority: true, delay: true }

/** @throws JobStateError, ValidationError, InvalidArgumentError */
export async function updateJob(clocks: Clocks, catalog: Catalog, id: JobId, change: JobChange): Promise<void> {
  const { transport } = clocks
  checkOptions(change, 'changes of a job', JOB_CHANGE)
  checkCount(change.priority, 'priority', MAX_PRIORITY)
  const { jobs } = await transport.look({ id, limit: 1, with: ['body'] })
  const [view] = jobs
  if (!view || view.state === 'reserved' || view.state === 'finished') throw notWaiting(id, view?.state)
  const content = change.args === undefined ? {} : await contentWith(change.args, id, view.body, catalog)
  const at = change.delay === undefined ? undefined : momentOf(change.delay, clocks)
  const [result] = await transport.commit({
    ops: [
      {
        do: 'forward',
        job: { id },
        to: [
          {
            queue: view.queue,
            ...(change.priority !== undefined && { pri: change.priority }),
            ...(at !== undefined && { at }),
          },
        ],
        why: 'asked',
        stay: true,
        ...content,
      },
    ],
  })
  if (!result?.ok) throw notWaiting(id, result?.why)
}

/** The message with other arguments, and the limits that it counts towards with them. */
async function contentWith(
  args: unknown,
  id: JobId,
  body: Bytes = new Uint8Array(),
  catalog: Catalog,
): Promise<{ body: Bytes; gates: string[] }> {
  const message = decode(body)
  if (typeof message === 'string') throw new JobStateError(`Job ${id} can't get other arguments: ${message}`)
  const entry = catalog.get(message.job)
  await checkArgs(entry, args)
  return { body: encode({ ...message, args }), gates: gatesOf(entry, args) ?? [] }
}

function notWaiting(id: JobId, why: string | undefined): JobStateError {
  return new JobStateError(
    `Job ${id} can't be changed: ${why === undefined || why === 'gone' ? 'it is gone' : why === 'reserved' || why === 'not held' ? 'it is being worked' : `it is ${why}`}.`,
  )
}
