import type { Command } from 'commander'
import { InvalidArgumentError } from '../errors.ts'
import { print } from './output.ts'
import { Failed, jobId, wholeNumber, withStore, onTarget, type StoreFlag } from './store-flag.ts'

interface Flags extends StoreFlag {
  queue?: string
  max?: string
}

export function addKick(program: Command): void {
  withStore(program.command('kick'))
    .description('make buried jobs ready, or delayed ones where none is buried')
    .argument('[id]', 'one job; without it, those of --queue')
    .option('--queue <name>', 'the queue')
    .option('--max <number>', 'at most so many of --queue (default: all)')
    .action(async (id: string | undefined, flags: Flags) => {
      const { queue } = flags
      if ((id === undefined) === (queue === undefined))
        throw new InvalidArgumentError('Name one: a job by its id, or a queue by --queue NAME.')
      if (id !== undefined && flags.max !== undefined)
        throw new InvalidArgumentError('--max goes with --queue NAME, not with the id of a job.')
      const max = wholeNumber(flags.max ?? '4294967295', '--max')
      const job = id === undefined ? undefined : jobId(id)
      await onTarget(flags, async (target) => {
        if (job === undefined) return print(`kicked ${await target.kick(queue as string, max)}`)
        if (!(await target.kickJob(job))) throw new Failed(`Job ${job} is neither buried nor delayed.`)
        print(`kicked ${job}`)
      })
    })
}
