import { Command, CommanderError } from 'commander'
import { InvalidArgumentError, QueueupError, ValidationError } from '../errors.ts'
import { complain, remark } from './output.ts'
import { Failed } from './store-flag.ts'

/** Exit codes: 0 done, 1 it failed, 2 it was called in a way that can't be. */
const FAILED = 1
const USAGE = 2

const program = new Command('queueup')
  .description('A durable work queue in one file: typed jobs and workers, and the protocols that clients already know.')
  .version('0.1.0', '--version')
  .option('--no-color', 'as with the environment variable NO_COLOR')
  .showHelpAfterError('Run it with --help to see what it takes.')
  // What was typed is quoted in its errors.
  .configureOutput({ writeErr: (text) => remark(text.replace(/\n$/, '')) })
  .exitOverride()
  // Node.js decides by the environment, which processes of workers get, too.
  .on('option:no-color', () => {
    process.env['NO_COLOR'] = '1'
    delete process.env['FORCE_COLOR']
  })

type Add = (program: Command) => void

/** Each command by its name. One that is named is loaded alone: a start costs a third of what it does with all of them. */
const groups: Readonly<Record<string, Readonly<Record<string, () => Promise<Add>>>>> = {
  'Begin:': {
    init: async () => (await import('./init.ts')).addInit,
    serve: async () => (await import('./serve.ts')).addServe,
    beanstalkd: async () => (await import('./beanstalkd.ts')).addBeanstalkd,
    bench: async () => (await import('./bench.ts')).addBench,
  },
  'Jobs:': {
    put: async () => (await import('./put.ts')).addPut,
    work: async () => (await import('./work.ts')).addWork,
    run: async () => (await import('./run.ts')).addRun,
    job: async () => (await import('./job.ts')).addJob,
    retry: async () => (await import('./retry.ts')).addRetry,
    cancel: async () => (await import('./cancel.ts')).addCancel,
    dead: async () => (await import('./dead.ts')).addDead,
  },
  'Look:': {
    stats: async () => (await import('./stats.ts')).addStats,
    top: async () => (await import('./top.ts')).addTop,
    tail: async () => (await import('./tail.ts')).addTail,
    workers: async () => (await import('./workers.ts')).addWorkers,
    peek: async () => (await import('./peek.ts')).addPeek,
  },
  'Queues:': {
    queue: async () => (await import('./queue.ts')).addQueue,
    limits: async () => (await import('./limits.ts')).addLimits,
    pause: async () => (await import('./pause.ts')).addPause,
    resume: async () => (await import('./pause.ts')).addResume,
    kick: async () => (await import('./kick.ts')).addKick,
    delete: async () => (await import('./delete.ts')).addDelete,
    clear: async () => (await import('./clear.ts')).addClear,
  },
  'Users:': { user: async () => (await import('./user.ts')).addUser },
}

/** `queueup tail | head -1`: whoever read along has enough. Anything else is a failure like any other. */
function outputFailed(error: NodeJS.ErrnoException): never {
  if (error.code === 'EPIPE') process.exit(0)
  remark(`queueup: The output can't be written: ${error.message}.`)
  process.exit(FAILED)
}

async function run(): Promise<void> {
  process.stdout.on('error', outputFailed)
  const [named] = process.argv.slice(2)
  const known = Object.values(groups).some((commands) => named !== undefined && Object.hasOwn(commands, named))
  for (const [title, commands] of Object.entries(groups)) {
    program.commandsGroup(title)
    for (const [name, load] of Object.entries(commands)) if (!known || name === named) (await load())(program)
  }
  for (const command of [...program.commands, ...program.commands.flatMap((one) => one.commands)])
    command.exitOverride().showHelpAfterError('Run it with --help to see what it takes.')
  await program.parseAsync()
}

run().catch((error: Error) => {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : USAGE
    return
  }
  // A bug is shown whole; what a person can mend, in a sentence.
  const known = error instanceof QueueupError || error instanceof Failed
  if (known) complain(error.message)
  else remark(`queueup: ${error.stack ?? error.message}`)
  process.exitCode = error instanceof InvalidArgumentError || error instanceof ValidationError ? USAGE : FAILED
})
