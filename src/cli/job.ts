import type { Command } from 'commander'
import { print } from './output.ts'
import { Failed, jobId, withStore, work, type StoreFlag } from './work.ts'

export function addJob(program: Command): void {
  withStore(program.command('job'))
    .description("say why a job isn't running")
    .argument('<id>', 'the job')
    .action(async (id: string, flags: StoreFlag) => {
      const job = jobId(id)
      const why = await work(flags, (target) => target.why(job))
      if (why === undefined) throw new Failed(`There is no job ${job}.`)
      print(why)
    })
}
