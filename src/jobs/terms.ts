/** How often a job may be tried, and how long an attempt may take: what its put said, else its definition. */
import { toMs } from '../duration.ts'
import type { Ms } from '../job.ts'
import type { Delivery, Note, Transport } from '../transports/transport.ts'
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

/** Why a job that was taken is not started once more, if it isn't. */
export async function usedUp(
  { retries, maxStarts }: Terms,
  { id, failures = 0 }: Delivery,
  transport: Transport,
): Promise<string | undefined> {
  if (failures > retries)
    return `Its attempts are used up: ${times(failures)} it was started and failed, or its worker's process ended. It may have been this job that ended it.`
  if (failures < maxStarts) return undefined
  const died = failures - (transport.capabilities.notes ? await attemptsTold(id, transport) : 0)
  return died < maxStarts
    ? undefined
    : `Its worker's process ended ${times(died)} while it was worked, so it isn't started again (maxStarts is ${maxStarts}).`
}

/** Attempts whose failure somebody told, since the job was put or its attempts were last counted anew. */
async function attemptsTold(id: number, transport: Transport): Promise<number> {
  const { jobs } = await transport.look({ id, limit: 1, with: ['notes'] })
  const attempts = (jobs[0]?.notes ?? []).filter((note) => note.kind === 'attempt').map(numberOf)
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
