import type { Command } from 'commander'
import { InvalidArgumentError } from '../errors.ts'
import { chosen, withChoice, type Choice } from './choice.ts'
import { print } from './output.ts'
import { Failed, onEach, onTarget, withStore, type StoreFlag } from './store-flag.ts'

interface Flags extends StoreFlag, Choice {
  queue?: string
  json?: boolean
}

export function addRetry(program: Command): void {
  withStore(withChoice(program.command('retry')))
    .description('make jobs ready that were set aside, their attempts counted anew')
    .argument('[id...]', 'these jobs, set aside or delayed; without them, those of --queue')
    .option('--queue <name>', 'all that were set aside in this queue')
    .option('--json', 'as JSON')
    .action(async (ids: string[], flags: Flags) => {
      const { queue, json } = flags
      if ((ids.length === 0) === (queue === undefined))
        throw new InvalidArgumentError('Name either: jobs by their ids, or a queue by --queue NAME.')
      if (queue === undefined && (flags.name ?? flags.match) !== undefined)
        throw new InvalidArgumentError('--name and --match choose among the jobs of --queue NAME.')
      if (queue !== undefined) {
        const retried = await onTarget(flags, (target) => target.retryAll(chosen(queue, flags)))
        return print(json ? JSON.stringify({ retried }) : `retried ${retried}`)
      }
      await onEach(flags, ids, async (target, id) => {
        if (!(await target.retry(id))) throw new Failed(`Job ${id} was not set aside, nor is it delayed.`)
        print(json ? JSON.stringify({ id: String(id) }) : `retried ${id}`)
      })
    })
}
