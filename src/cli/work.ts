import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Option, type Command } from 'commander'
import { toMs, type Duration } from '../duration.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { Ms } from '../job.ts'
import { createLog, LEVELS, type Level, type Log } from '../log.ts'
import { handlersPath, loadHandlers } from './jobs-file.ts'
import { openJobs } from './jobs-store.ts'
import { onStopSignals } from './stop-signals.ts'
import { wholeNumber, storeOf, withStore, type StoreFlag } from './store-flag.ts'
import { supervise } from './supervisor.ts'
import { fault, logAttempts } from './work-log.ts'

interface Flags extends StoreFlag {
  queue?: string[]
  concurrency: string
  stopWithin: string
  processes?: string
  watch?: boolean
  log: string
  child?: boolean
}

export function addWork(program: Command): void {
  withStore(program.command('work'))
    .description('work jobs, until Ctrl+C or SIGTERM')
    .argument('[file]', 'the file that exports jobs and handlers (default: QUEUEUP_JOBS, else handlers.ts)')
    .option(
      '--queue <name>',
      'take jobs of this queue only; may be repeated (default: those of all jobs that are handled)',
      (name, others: string[] = []) => [...others, name],
    )
    .option('--concurrency <number>', 'attempts at a time, in each process', '10')
    .option('--stop-within <time>', 'at a stop, attempts may go on for so long; then their jobs go back', '25s')
    .option('--processes <number>', 'so many processes; one that dies is started again')
    .option('--watch', 'start again when the file changes, or one that it imports')
    .option('--log <level>', `${LEVELS.join(', ')}; info has a line for each attempt`, 'info')
    .addOption(new Option('--child').hideHelp())
    .action(async (file: string | undefined, flags: Flags, command: Command) => {
      const { processes, watch = false, child } = flags
      const log = createLog(levelOf(flags.log))
      const concurrency = wholeNumber(flags.concurrency, '--concurrency', 100_000)
      if (concurrency < 1) throw new InvalidArgumentError('--concurrency is 0; give a number from 1 on.')
      const stopWithin = toMs(flags.stopWithin as Duration, '--stop-within')
      if (child || (processes === undefined && !watch)) return work(file, flags, { concurrency, stopWithin }, log)
      const count = processes === undefined ? 1 : wholeNumber(processes, '--processes', 1000)
      if (count < 1) throw new InvalidArgumentError('--processes is 0; give a number from 1 on.')
      storeOf(flags)
      handlersPath(file ?? process.env['QUEUEUP_JOBS'])
      await supervise({ args: argsOf(command), count, watch, patience: stopWithin, log })
    })
}

function levelOf(text: string): Level {
  const level = LEVELS.find((one) => one === text)
  if (!level) throw new InvalidArgumentError(`--log is '${text}'; it takes ${LEVELS.join(', ')}.`)
  return level
}

/** What a child is started with: the same, without what its parent sees to. */
function argsOf(command: Command): string[] {
  const { processes: _, watch: __, queue = [], ...flags } = command.opts<Flags>()
  const file = command.args.slice(0, 1)
  return [
    'work',
    ...file,
    ...Object.entries(flags).flatMap(([name, value]) => [
      `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
      String(value),
    ]),
    ...queue.flatMap((name) => ['--queue', name]),
    '--child',
  ]
}

async function work(
  file: string | undefined,
  flags: Flags,
  options: { concurrency: number; stopWithin: Ms },
  log: Log,
): Promise<void> {
  if (flags.child) reportFiles()
  const { path, jobs, handlers, use, close } = await loadHandlers(file ?? process.env['QUEUEUP_JOBS'])
  const queue = await openJobs(flags, jobs)
  logAttempts(queue, log)
  const worker = queue.work(handlers, {
    ...options,
    use,
    ...(flags.queue && { queues: flags.queue }),
  })
  let asked = false
  const stop = (why: string): void => {
    if (asked) return
    asked = true
    log.info({ why, active: worker.health().active }, 'stopping: finishing what is in hand')
    void worker.stop()
  }
  if (flags.child) obeyParent(stop)
  else obeySignals(stop, log)
  log.info(
    { store: storeOf(flags), file: path, jobs: Object.keys(handlers), concurrency: options.concurrency },
    'working',
  )
  tellParent({ working: true })
  try {
    await worker.done.finally(() => queue.close()).finally(close)
  } catch (error) {
    log.fatal({ err: fault(error) }, 'the worker has ended')
    process.exit(1)
  }
  log.info({ taken: worker.health().taken }, 'stopped')
  // What the handlers have left open must not keep the process.
  process.exit(0)
}

function obeySignals(stop: (why: string) => void, log: Log): void {
  onStopSignals(stop, (signal) => {
    log.warn({ signal }, 'ending at once: what is in hand goes back')
    process.exit(1)
  })
}

/** A terminal's Ctrl+C reaches parent and children; the parent alone says what it means. When it is gone, so is the reason to work. */
function obeyParent(stop: (why: string) => void): void {
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('message', (message) => {
    if (message === 'stop') stop('the parent says so')
  })
  const gone = (): void => stop('the parent is gone')
  if (process.connected) process.once('disconnect', gone)
  else gone()
}

/** A parent that is gone hears nothing; its child stops by the disconnect. */
function tellParent(message: object): void {
  process.send?.(message, undefined, undefined, () => undefined)
}

/** The parent watches what is loaded from now on, but for packages. */
function reportFiles(): void {
  registerHooks({
    load(url, context, next) {
      if (url.startsWith('file:') && !url.includes('/node_modules/')) tellParent({ file: fileURLToPath(url) })
      return next(url, context)
    },
  })
}
