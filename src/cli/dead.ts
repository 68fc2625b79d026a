import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { parseRate } from '../broker/policies.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { Ms } from '../job.ts'
import type { JobInfo } from '../jobs/info.ts'
import { chosen, withChoice, type Choice } from './choice.ts'
import { jsonOf } from './job.ts'
import { print, remark, shown, table } from './output.ts'
import { onTarget, wholeNumber, withStore, type StoreFlag } from './store-flag.ts'
import type { DeadJobs, Target } from './target.ts'

interface Flags extends StoreFlag, Choice {
  queue?: string
  limit: string
  json?: boolean
}
interface RedriveFlags extends StoreFlag, Choice {
  queue: string
  rate: string
  max: string
  json?: boolean
}

/** So many in each span of time. */
interface Rate {
  jobs: number
  per: Ms
}

/** Sent back in so many slices a second, so that the rate holds within a second, too. */
const SLICES = 10

export function addDead(program: Command): void {
  const dead = program.command('dead').description('jobs that were set aside for good, and dead-letter queues')
  withStore(withChoice(dead.command('list')))
    .description('show which queues have some; with --queue, the jobs')
    .option('--queue <name>', 'the jobs of this queue')
    .option('--limit <number>', 'at most so many jobs', '100')
    .option('--json', 'as JSON')
    .action(async (flags: Flags) => {
      const { queue, json } = flags
      const limit = wholeNumber(flags.limit, '--limit', 10_000)
      if (queue === undefined && (flags.name ?? flags.match) !== undefined)
        throw new InvalidArgumentError('--name and --match choose among the jobs of --queue NAME.')
      await onTarget(flags, (target) =>
        queue === undefined
          ? listQueues(target, json === true)
          : listJobs(target, chosen(queue, flags), limit, json === true),
      )
    })
  withStore(withChoice(dead.command('redrive')))
    .description('send them back to work, where they died, in slices')
    .requiredOption('--queue <name>', 'the queue in which they were set aside, or a dead-letter queue')
    .option('--rate <rate>', 'jobs a second, or jobs and a time such as 100/1m', '100')
    .option('--max <number>', 'at most so many', '4294967295')
    .option('--json', 'as JSON')
    .action(async (flags: RedriveFlags) => {
      const rate = rateOf(flags.rate)
      const max = wholeNumber(flags.max, '--max')
      const redriven = await onTarget(flags, (target) => redrive(target, chosen(flags.queue, flags), rate, max))
      print(flags.json ? JSON.stringify({ redriven }) : `redriven ${redriven}`)
    })
}

function rateOf(text: string): Rate {
  const rate = parseRate(text.includes('/') ? text : `${text}/1s`)
  if (rate.jobs < 1) throw new InvalidArgumentError(`--rate is '${text}'; give at least one job.`)
  return rate
}

async function listQueues(target: Target, json: boolean): Promise<void> {
  const queues = await target.deadQueues()
  if (json) return print(JSON.stringify(queues))
  if (queues.length === 0) return print('No job was set aside.')
  print(
    table(
      ['QUEUE', 'DEAD', 'DEAD LETTERS OF'],
      queues.map(({ queue, jobs, of }) => [shown(queue), jobs, shown(of?.join(', ') ?? '')]),
    ),
  )
}

async function listJobs(target: Target, dead: DeadJobs, limit: number, json: boolean): Promise<void> {
  const jobs = await target.dead(dead, limit)
  if (json) return print(JSON.stringify(jobs.map(jsonOf)))
  if (jobs.length === 0) return print(`No job was set aside in '${shown(dead.queue)}'.`)
  print(table(['ID', 'NAME', 'STARTED', 'WHY', 'ERROR'], jobs.map(rowOf)))
  if (jobs.length === limit) remark(`The first ${limit}; --limit shows more.`)
}

function rowOf({ id, name, starts, why = '', error = '' }: JobInfo): string[] {
  const [line = ''] = shown(error).split('\n')
  return [id, shown(name), String(starts), why, line.length > 80 ? `${line.slice(0, 79)}…` : line]
}

async function redrive(target: Target, dead: DeadJobs, { jobs, per }: Rate, max: number): Promise<number> {
  const perSlice = Math.max(1, Math.round((jobs / per) * (1000 / SLICES)))
  // No more than there are now: what dies again meanwhile would go round for ever.
  const most = Math.min(max, await target.countDead(dead))
  let redriven = 0
  while (redriven < most) {
    const count = await target.redrive(dead, Math.min(perSlice, most - redriven))
    redriven += count
    if (count === 0) break
    if (redriven < most) await sleep((count * per) / jobs)
  }
  return redriven
}
