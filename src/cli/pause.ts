import type { Command } from 'commander'
import { toMs, type Duration } from '../duration.ts'
import type { Ms } from '../job.ts'
import { print } from './output.ts'
import { Failed, withStore, onTarget, type StoreFlag } from './store-flag.ts'

interface Flags extends StoreFlag {
  queue: string
  for?: string
}

export function addPause(program: Command): void {
  withStore(program.command('pause'))
    .description('let nobody take jobs from a queue, for a while or until it is resumed')
    .requiredOption('--queue <name>', 'the queue')
    .option('--for <time>', 'how long, such as 10m (default: until it is resumed; on a server 136 years)')
    .action(async (flags: Flags) => {
      await pause(flags, flags.for === undefined ? undefined : toMs(flags.for as Duration, '--for'))
      print(`paused ${flags.queue}`)
    })
}

export function addResume(program: Command): void {
  withStore(program.command('resume'))
    .description('end the pause of a queue')
    .requiredOption('--queue <name>', 'the queue')
    .action(async (flags: Flags) => {
      await pause(flags, 0)
      print(`resumed ${flags.queue}`)
    })
}

async function pause(flags: Flags, ms?: Ms): Promise<void> {
  if (!(await onTarget(flags, (target) => target.pause(flags.queue, ms))))
    throw new Failed(`There is no queue '${flags.queue}'.`)
}
