import { styleText } from 'node:util'
import type { Command } from 'commander'
import { InvalidArgumentError } from '../errors.ts'
import { deathText } from './job.ts'
import { print, remark, shown } from './output.ts'
import type { Next, PeekedJob } from './target.ts'
import { Failed, jobId, withStore, onTarget, type StoreFlag } from './store-flag.ts'

interface Flags extends StoreFlag {
  queue?: string
  state?: string
  json?: boolean
}

const STATES: readonly Next[] = ['ready', 'delayed', 'buried']

export function addPeek(program: Command): void {
  withStore(program.command('peek'))
    .description('show a job without taking it')
    .argument('[id]', 'the job; without it, the next one of --queue')
    .option('--queue <name>', 'show the next job of this queue')
    .option('--state <state>', 'the next one of --queue that is ready (the default), delayed or buried')
    .option('--json', 'as JSON, the body in base64')
    .action(async (id: string | undefined, flags: Flags) => {
      const which = whichOf(id, flags)
      const job = await onTarget(flags, (target) => target.peek(which))
      if (!job)
        throw new Failed(
          'id' in which ? `There is no job ${which.id}.` : `Queue '${which.queue}' has no ${which.state} job.`,
        )
      const { body, ...about } = job
      if (flags.json) return print(JSON.stringify({ ...about, body: body.toString('base64') }))
      remark(styleText('dim', lineOf(about), { stream: process.stderr }))
      if (process.stdout.isTTY) print(shown(body.toString()))
      else process.stdout.write(body)
    })
}

function whichOf(id: string | undefined, { queue, state }: Flags): { id: number } | { queue: string; state: Next } {
  if ((id === undefined) === (queue === undefined))
    throw new InvalidArgumentError('Name one: a job by its id, or a queue by --queue NAME.')
  if (id !== undefined) {
    if (state !== undefined) throw new InvalidArgumentError('--state goes with --queue NAME, not with the id of a job.')
    return { id: jobId(id) }
  }
  const known = STATES.find((one) => one === (state ?? 'ready'))
  if (!known) throw new InvalidArgumentError(`--state is '${state}'; it takes ${STATES.join(', ')}.`)
  return { queue: queue as string, state: known }
}

function lineOf({ id, deaths, ...more }: Omit<PeekedJob, 'body'>): string {
  const about = { ...more, ...(deaths && { deaths: deaths.map(deathText).join(', ') }) }
  const parts = Object.entries(about).map(([name, value]) => [
    name,
    value instanceof Date ? value.toISOString() : shown(String(value)),
  ])
  return `job ${id}: ${parts.map((part) => part.join(' ')).join(', ')}`
}
