import type { Command } from 'commander'
import { print } from './output.ts'
import { Failed, onEach, withStore, type StoreFlag } from './store-flag.ts'

export function addDelete(program: Command): void {
  withStore(program.command('delete'))
    .description('delete jobs that nobody has reserved')
    .argument('<id...>', 'the jobs')
    .action((ids: string[], flags: StoreFlag) =>
      onEach(flags, ids, async (target, id) => {
        if (!(await target.delete(id))) throw new Failed(`Job ${id} isn't there, or a worker has it reserved.`)
        print(`deleted ${id}`)
      }),
    )
}
