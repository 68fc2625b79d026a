import { Command, CommanderError } from 'commander'
import { QueueupError } from '../errors.ts'
import { addBeanstalkd } from './beanstalkd.ts'
import { addClear } from './clear.ts'
import { addDelete } from './delete.ts'
import { addJob } from './job.ts'
import { addKick } from './kick.ts'
import { remark, shown } from './output.ts'
import { addPause } from './pause.ts'
import { addPeek } from './peek.ts'
import { addPut } from './put.ts'
import { addQueue } from './queue.ts'
import { addServe } from './serve.ts'
import { addStats } from './stats.ts'
import { Failed } from './work.ts'

/** Exit codes: 0 done, 1 it failed, 2 it was called in a way that can't be. */
const FAILED = 1
const USAGE = 2

const program = new Command('queueup')
  .description('A durable work queue in one file, spoken to in the protocols that clients already know.')
  .version('0.1.0', '--version')
  .showHelpAfterError('Run it with --help to see what it takes.')
  .exitOverride()

for (const add of [
  addServe,
  addBeanstalkd,
  addPut,
  addStats,
  addPeek,
  addDelete,
  addKick,
  addClear,
  addPause,
  addQueue,
  addJob,
])
  add(program)
for (const command of [...program.commands, ...program.commands.flatMap((one) => one.commands)])
  command.exitOverride().showHelpAfterError('Run it with --help to see what it takes.')

program.parseAsync().catch((error: Error) => {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : USAGE
    return
  }
  // A bug is shown whole; what a person can mend, in a sentence.
  const known = error instanceof QueueupError || error instanceof Failed
  remark(known ? `queueup: ${shown(error.message, process.stderr.isTTY)}` : `queueup: ${error.stack ?? error.message}`)
  process.exitCode = error instanceof QueueupError && error.code === 'QUEUEUP_INVALID_ARGUMENT' ? USAGE : FAILED
})
