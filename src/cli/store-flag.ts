import type { Command } from 'commander'
import { InvalidArgumentError, NotSupportedError, UnavailableError } from '../errors.ts'
import type { JobId } from '../job.ts'
import { openTarget } from './open-target.ts'
import { complain } from './output.ts'
import type { Target } from './target.ts'

/** The flag that every command has which works on queues. */
export interface StoreFlag {
  store?: string
}

export function withStore(command: Command): Command {
  return command.option(
    '--store <url>',
    'a store (file:PATH) or a running server (beanstalkd://HOST:PORT); default: QUEUEUP_STORE, else file:queueup.db',
  )
}

/**
 * @throws InvalidArgumentError it is in memory
 */
export function storeOf({ store }: StoreFlag): string {
  const url = store ?? process.env['QUEUEUP_STORE'] ?? 'file:queueup.db'
  if (/^memory:/.test(url))
    throw new InvalidArgumentError(
      'memory: is empty and gone when the command ends; name a file, or a running server such as beanstalkd://127.0.0.1:11300.',
    )
  return url
}

/** Opens what the flag names, works on it, and closes it. */
export async function onTarget<T>(flags: StoreFlag, run: (target: Target) => Promise<T>): Promise<T> {
  const target = await openTarget(storeOf(flags))
  try {
    return await run(target)
  } finally {
    await leave(target)
  }
}

/** Closes it. Where there is no room to write down that this process has left, others see it: what it was asked for is done, and must not be done again. */
export async function leave(opened: { close(): Promise<void> }): Promise<void> {
  await opened.close().catch((error: unknown) => {
    if (!(error instanceof UnavailableError)) throw error
  })
}

/** @throws InvalidArgumentError */
export function jobId(text: string): JobId {
  const id = Number(text)
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(id))
    throw new InvalidArgumentError(`'${text}' is no job's id; it is a whole number, which "queueup put" says.`)
  return id
}

/**
 * Works on each of these jobs, also when one of them can't be: that is told, and the exit code is 1 at the end.
 * @throws InvalidArgumentError one is no id; nothing is done
 */
export async function onEach(
  flags: StoreFlag,
  ids: readonly string[],
  work: (target: Target, id: JobId) => Promise<void>,
): Promise<void> {
  const jobs = ids.map(jobId)
  await onTarget(flags, async (target) => {
    for (const id of jobs) await work(target, id).catch(tell)
  })
}

/** What holds for this job only; anything else, such as a server that went away, would be told of every one. */
function tell(error: unknown): void {
  if (!(error instanceof Failed || error instanceof NotSupportedError)) throw error
  complain(error.message)
  process.exitCode = 1
}

/** @throws InvalidArgumentError */
export function wholeNumber(text: string, what: string, largest = Number.MAX_SAFE_INTEGER): number {
  const number = Number(text)
  if (!/^\d{1,16}$/.test(text) || number > largest)
    throw new InvalidArgumentError(`${what} is '${text}'; give a whole number from 0 to ${largest}.`)
  return number
}

/** What was asked for isn't there, or can't be done now: a sentence, and exit code 1. */
export class Failed extends Error {}
