import type { Command } from 'commander'
import { print } from './output.ts'
import { Failed, jobId, withStore, onTarget, type StoreFlag } from './store-flag.ts'

export function addDelete(program: Command): void {
  withStore(program.command('delete'))
    .description('delete jobs that nobody has reserved')
    .argument('<id...>', 'the jobs')
    .action(async (ids: string[], flags: StoreFlag) => {
      const jobs = ids.map(jobId)
      await onTarget(flags, async (target) => {
        for (const id of jobs) {
          if (!(await target.delete(id))) throw new Failed(`Job ${id} isn't there, or a worker has it reserved.`)
          print(`deleted ${id}`)
        }
      })
    })
}
