import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { toMs, type Duration } from '../duration.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { Ms } from '../job.ts'
import { checkQueue } from '../jobs/check.ts'
import type { PutOptions, UniqueOptions } from '../jobs/put.ts'
import { readInput } from './input.ts'
import { loadJobs } from './jobs-file.ts'
import { openJobs } from './jobs-store.ts'
import { argumentsOf } from './json.ts'
import { print, remark } from './output.ts'
import { leave, onTarget, wholeNumber, withStore, type StoreFlag } from './store-flag.ts'

interface Flags extends StoreFlag {
  jobs?: string
  queue?: string
  body?: string
  priority?: string
  delay?: string
  ttr?: string
  ttl?: string
  retries?: string
  timeout?: string
  group?: string
  uniqueKey?: string
  uniqueFor?: string
  onDuplicate?: string
  json?: boolean
}

/** What only jobs with a name have. */
const NAMED = ['ttl', 'retries', 'timeout', 'group', 'uniqueKey', 'uniqueFor', 'onDuplicate'] as const
const RAW = ['body', 'ttr'] as const

/** As beanstalkd has it. */
const SHORTEST_LEASE: Ms = 1000

export function addPut(program: Command): void {
  withStore(program.command('put'))
    .description('put a job and say its id')
    .usage("[options] NAME ['{...}'] | --queue NAME (FILE | - | --body TEXT)")
    .argument('[name]', "a job's name; with --queue: a file with the body, or - for standard input")
    .argument('[args]', 'its arguments as JSON, or - for standard input')
    .option('--jobs <file>', 'the file that declares the jobs (default: QUEUEUP_JOBS, else jobs.ts)')
    .option('--queue <name>', 'put a body as it is into this queue')
    .option('--delay <time>', 'not before so long, such as 30s')
    .option('--pri, --priority <number>', 'lower is more urgent (default: 65536)')
    .option('--json', 'say the id as JSON')
    .optionsGroup('Of a job with a name:')
    .option('--unique-key <key>', 'no second job of this key while the first is there')
    .option('--unique-for <time>', "'waiting', 'unfinished' (the default), or a time such as 10m")
    .option('--on-duplicate <what>', 'keep the first (the default), replace it, or supersede it')
    .option('--group <name>', 'after the earlier jobs of this group')
    .option('--ttl <time>', "it is dropped when it wasn't started within so long")
    .option('--retries <number>', 'how often it is tried again')
    .option('--timeout <time>', 'how long an attempt may take')
    .optionsGroup('Of a body:')
    .option('--body <text>', 'the body')
    .option('--ttr <time>', 'how long a worker may hold it, such as 10m (default: 60s)')
    .action(async (name: string | undefined, args: string | undefined, flags: Flags) => {
      if (flags.queue === undefined) return putJob(name, args, flags)
      if (args !== undefined) throw new InvalidArgumentError('With --queue there is one argument: a file, or -.')
      await putBody(flags.queue, name, flags)
    })
}

async function putJob(name: string | undefined, args: string | undefined, flags: Flags): Promise<void> {
  if (name === undefined) throw new InvalidArgumentError('Name the job to put, or a queue by --queue NAME.')
  refuse(flags, RAW, 'goes with --queue NAME')
  const options = optionsOf(flags)
  const value = await argumentsOf(args)
  const { jobs } = await loadJobs(flags.jobs ?? process.env['QUEUEUP_JOBS'])
  const queue = await openJobs(flags, jobs)
  try {
    const { id, duplicate, replaced } = await queue.put(name, value, options)
    if (flags.json) return print(JSON.stringify({ id, duplicate, replaced }))
    print(id)
    if (replaced) remark('A job of this key was waiting, and has got these arguments.')
    else if (duplicate) remark('A job of this key is there already; nothing new was put.')
  } finally {
    await leave(queue)
  }
}

function optionsOf(flags: Flags): PutOptions {
  const { delay, priority, ttl, retries, timeout, group, uniqueKey } = flags
  if (uniqueKey === undefined) refuse(flags, ['uniqueFor', 'onDuplicate'], 'goes with --unique-key KEY')
  const time = (text: string, flag: string) => toMs(text as Duration, flag)
  return {
    ...(delay !== undefined && { delay: time(delay, '--delay') }),
    ...(priority !== undefined && { priority: wholeNumber(priority, '--priority', 2 ** 32 - 1) }),
    ...(ttl !== undefined && { ttl: time(ttl, '--ttl') }),
    ...(retries !== undefined && { retries: wholeNumber(retries, '--retries') }),
    ...(timeout !== undefined && { timeout: time(timeout, '--timeout') }),
    ...(group !== undefined && { group }),
    ...(uniqueKey !== undefined && { unique: uniqueOf(uniqueKey, flags) }),
  }
}

function uniqueOf(key: string, { uniqueFor, onDuplicate }: Flags): UniqueOptions {
  return {
    key,
    ...(uniqueFor !== undefined && { for: uniqueFor as Duration }),
    ...(onDuplicate !== undefined && { onDuplicate: onDuplicate as NonNullable<UniqueOptions['onDuplicate']> }),
  }
}

async function putBody(queue: string, file: string | undefined, flags: Flags): Promise<void> {
  checkQueue(queue)
  refuse(flags, NAMED, 'goes with the name of a job, not with --queue')
  const body = await bodyOf(file, flags.body)
  const options = {
    ...(flags.priority !== undefined && { pri: wholeNumber(flags.priority, '--priority', 2 ** 32 - 1) }),
    ...(flags.delay !== undefined && { delay: toMs(flags.delay as Duration, '--delay') }),
    ...(flags.ttr !== undefined && { lease: leaseOf(flags.ttr) }),
  }
  const id = String(await onTarget(flags, (target) => target.put(queue, body, options)))
  print(flags.json ? JSON.stringify({ id }) : id)
}

function leaseOf(text: string): Ms {
  const lease = toMs(text as Duration, '--ttr')
  if (lease < SHORTEST_LEASE)
    throw new InvalidArgumentError(`--ttr is '${text}'; give 1s or more: nobody could hold the job.`)
  return lease
}

async function bodyOf(file: string | undefined, text: string | undefined): Promise<Buffer> {
  if ((file === undefined) === (text === undefined))
    throw new InvalidArgumentError('Give the body once: --body TEXT, a file, or - for standard input.')
  if (text !== undefined) return Buffer.from(text)
  if (file === '-') return readInput()
  try {
    return readFileSync(file as string)
  } catch (error) {
    throw new InvalidArgumentError(`The body can't be read: ${(error as Error).message}.`, { cause: error })
  }
}

function refuse(flags: Flags, options: readonly (keyof Flags)[], why: string): void {
  const given = options.find((option) => flags[option] !== undefined)
  if (given !== undefined)
    throw new InvalidArgumentError(`--${given.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} ${why}.`)
}
