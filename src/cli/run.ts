import type { Command } from 'commander'
import type { Duration } from '../duration.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { Context, WorkedJob } from '../jobs/context.ts'
import type { JobDefinition, Jobs } from '../jobs/definition.ts'
import { faultStack, faultText } from '../jobs/fault.ts'
import { isJson } from '../jobs/json.ts'
import type { JobQueue } from '../jobs/queue.ts'
import { RetryLater } from '../jobs/verdict.ts'
import { open } from '../open.ts'
import { loadHandlers, type HandlersFile } from './jobs-file.ts'
import { openJobs } from './jobs-store.ts'
import { argumentsOf } from './json.ts'
import { print, remark, shown } from './output.ts'
import { Failed, withStore, type StoreFlag } from './store-flag.ts'

interface Flags extends StoreFlag {
  jobs?: string
  json?: boolean
}

type Ended = { result: unknown; ms: number } | { error: unknown; ms: number }

export function addRun(program: Command): void {
  withStore(program.command('run'))
    .description('run the handler of a job once, here, without putting it')
    .argument('<name>', "the job's name")
    .argument('[args]', 'its arguments as JSON, or - for standard input')
    .option('--jobs <file>', 'the file that exports jobs and handlers (default: QUEUEUP_JOBS, else handlers.ts)')
    .option('--json', 'say the outcome as JSON')
    .addHelpText(
      'after',
      '\nWhat the handler logs and its progress go to standard error, its result to standard output. What it puts goes into --store.',
    )
    .action(async (name: string, text: string | undefined, flags: Flags) => {
      const args = await argumentsOf(text)
      const file = await loadHandlers(flags.jobs ?? process.env['QUEUEUP_JOBS'])
      const ended = await run(file, name, args, flags).finally(() => file.close?.())
      if (flags.json) print(JSON.stringify('error' in ended ? { ...ended, error: faultText(ended.error) } : ended))
      if ('error' in ended) throw new Failed(wordsOf(name, ended.error))
      if (!flags.json && ended.result !== undefined) print(shown(JSON.stringify(ended.result)))
    })
}

function wordsOf(name: string, error: unknown): string {
  if (error instanceof RetryLater)
    return `'${name}' asks to be tried again ${momentText(error.after, ['after', 'at'])}.`
  return `'${name}' failed: ${faultStack(error) ?? faultText(error)}`
}

/** @param words before a duration, and before a date */
function momentText(moment: Duration | Date, words: readonly [string, string]): string {
  return moment instanceof Date ? `${words[1]} ${moment.toISOString()}` : `${words[0]} ${moment}`
}

/** On a queue in memory that has this job alone, so that everything is as in a worker. */
async function run({ jobs, handlers, use }: HandlersFile, name: string, args: unknown, flags: Flags): Promise<Ended> {
  const definition = Object.hasOwn(jobs, name) ? jobs[name] : undefined
  const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined
  if (!definition)
    throw new InvalidArgumentError(`There is no job '${name}'. Defined are: ${Object.keys(jobs).join(', ') || 'none'}.`)
  if (!handler)
    throw new InvalidArgumentError(
      `'${name}' has no handler there. Handled are: ${Object.keys(handlers).join(', ') || 'none'}.`,
    )
  const outside = new Outside(flags, jobs)
  const queue = await open('memory:', { jobs: { [name]: once(definition) } as Jobs })
  const { promise, resolve } = Promise.withResolvers<Ended>()
  let thrown: unknown
  // What nobody asked for isn't kept by a worker either, and may be anything.
  queue.on('done', ({ ms, result }) => resolve({ ms, result: isJson(result) ? result : undefined }))
  queue.on('failed', ({ ms, error }) => resolve({ ms, error }))
  queue.on('dead', ({ error }) => resolve({ ms: 0, error }))
  queue.on('retried', () => resolve({ ms: 0, error: thrown }))
  queue.on('cancelled', () => resolve({ ms: 0, error: new Failed('It was interrupted.') }))
  const { id } = await queue.put(name, args)
  const interrupt = () => void queue.cancel(id)
  process.once('SIGINT', interrupt)
  queue.work(
    {
      async [name](job: WorkedJob, ctx: Context) {
        try {
          return (await handler(job, outside.context(ctx))) as unknown
        } catch (error) {
          thrown = error
          throw error
        }
      },
    },
    { concurrency: 1, use },
  )
  try {
    return await promise
  } finally {
    process.removeListener('SIGINT', interrupt)
    await queue.close()
    await outside.close()
  }
}

/** The same arguments, results and time; one attempt, and no limit that only several jobs could meet. */
function once({ schema, options: { timeout, result } }: JobDefinition): JobDefinition {
  return { schema, options: { retries: 0, result, ...(timeout !== undefined && { timeout }) } }
}

/** What a handler does beside its work, for one that runs in a terminal. */
class Outside {
  readonly #flags: Flags
  readonly #jobs: Jobs
  #store: Promise<JobQueue<Jobs>> | undefined

  constructor(flags: Flags, jobs: Jobs) {
    this.#flags = flags
    this.#jobs = jobs
  }

  context(ctx: Context): Context {
    return {
      signal: ctx.signal,
      attempt: ctx.attempt,
      log: (text) => {
        ctx.log(text)
        remark(shown(text, process.stderr.isTTY))
      },
      progress: (value) => {
        ctx.progress(value)
        remark(`progress ${shown(JSON.stringify(value ?? null), process.stderr.isTTY)}`)
      },
      put: async (name, ...put) => {
        const store = await (this.#store ??= openJobs(this.#flags, this.#jobs))
        const job = await store.put(name, ...put)
        remark(`put job ${job.id}: ${name}`)
        return job
      },
      pauseQueue: (until) => {
        remark(`it would pause its queue ${momentText(until, ['for', 'until'])}`)
        return Promise.resolve()
      },
      complete: () => remark('completed in its transaction'),
    }
  }

  async close(): Promise<void> {
    await (await this.#store)?.close()
  }
}
