import type { Command } from 'commander'
import { print } from './output.ts'
import { Failed, onEach, withStore, type StoreFlag } from './store-flag.ts'

export function addCancel(program: Command): void {
  withStore(program.command('cancel'))
    .description("cancel jobs: one that waits is gone, one that is being worked is told by its handler's signal")
    .argument('<id...>', 'the jobs')
    .option('--json', 'as JSON')
    .action((ids: string[], { json, ...flags }: StoreFlag & { json?: boolean }) =>
      onEach(flags, ids, async (target, id) => {
        const how = await target.cancel(id)
        if (!how) throw new Failed(`There is no job ${id}.`)
        if (json) print(JSON.stringify({ id: String(id), how }))
        else print(how === 'told' ? `job ${id} is being worked; its worker was told` : `cancelled ${id}`)
      }),
    )
}
