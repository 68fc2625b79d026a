/** How often a job may be tried, and how long an attempt may take: what its put said, else its definition. */
import { toMs } from '../duration.ts'
import type { Ms, Ref } from '../job.ts'
import type { Delivery, Note, Op, Transport } from '../transports/transport.ts'
import type { BackoffOption } from './backoff.ts'
import type { Entry } from './definition.ts'
import type { Message } from './message.ts'

/** By default. */
export const RETRIES = 5

export interface Terms {
  retries: number
  maxStarts: number
  timeout?: Ms
  backoff?: BackoffOption
}

export function termsOf(message: Message, { definition: { options } }: Entry): Terms {
  const retries = message.retries ?? options.retries ?? RETRIES
  const timeout = message.timeout ?? (options.timeout === undefined ? undefined : toMs(options.timeout))
  const backoff = message.backoff ?? options.backoff
  return {
    retries,
    maxStarts: Math.max(1, message.maxStarts ?? options.maxStarts ?? retries + 1),
    ...(timeout !== undefined && { timeout }),
    ...(backoff !== undefined && { backoff }),
  }
}

/** Whether a job that was taken may be started: no, and why not; or yes, and whether it may be for the last time. */
export async function startOf(
  { retries, maxStarts }: Terms,
  { id, failures = 0 }: Delivery,
  transport: Transport,
): Promise<{ usedUp: string } | { last: boolean }> {
  if (failures < retries && failures + 1 < maxStarts) return { last: false }
  const { notes: kept } = transport.capabilities
  const notes = kept && failures > 0 ? await notesOf(id, transport) : []
  const told = attemptsTold(notes)
  const died = failures - told
  // Whose process died may have been waiting in it, and never have been started. So the last start is noted, and who lacks the note still has it.
  const started = !kept || notes.some(({ key }) => key === LAST_START)
  if (failures > retries && (started || told > retries))
    return {
      usedUp: `Its attempts are used up: ${times(failures)} it was started and failed, or its worker's process ended. It may have been this job that ended it.`,
    }
  if (died >= maxStarts && started)
    return {
      usedUp: `Its worker's process ended ${times(died)} with the job in hand, so it isn't started again (maxStarts is ${maxStarts}).`,
    }
  return { last: failures >= retries || died + 1 >= maxStarts }
}

/** That a job was about to be started for the last time: a step of ours among its notes. */
const LAST_START = '\u0001last start'

export function lastStartNote(job: Ref): Op {
  return { do: 'note', job, kind: 'step', key: LAST_START, data: Buffer.alloc(0) }
}

async function notesOf(id: number, transport: Transport): Promise<readonly Note[]> {
  const { jobs } = await transport.look({ id, limit: 1, with: ['notes'] })
  return jobs[0]?.notes ?? []
}

/** Attempts whose failure somebody told, since the job was put or its attempts were last counted anew. */
function attemptsTold(notes: readonly Note[]): number {
  const attempts = notes.filter((note) => note.kind === 'attempt').map(numberOf)
  let from = attempts.length - 1
  while (from > 0 && (attempts[from - 1] as number) < (attempts[from] as number)) from--
  return attempts.length - Math.max(0, from)
}

function numberOf({ data }: Note): number {
  return (JSON.parse(Buffer.from(data).toString()) as { attempt: number }).attempt
}

function times(n: number): string {
  return n === 1 ? 'once' : `${n} times`
}
