import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { print, shown, table } from './output.ts'
import { onTarget, withStore, type StoreFlag } from './store-flag.ts'

/** A process that had the file for itself says for which queues it waits when another comes: us. */
const SAY: number = 200

export function addWorkers(program: Command): void {
  withStore(program.command('workers'))
    .description('show the processes that have the store open: what they wait for, and jobs in hand')
    .option('--json', 'as JSON')
    .action(async (flags: StoreFlag & { json?: boolean }) => {
      const processes = await onTarget(flags, async (target) => {
        await target.processes()
        await sleep(SAY)
        return target.processes()
      })
      const others = processes.filter((one) => !one.self).map(({ self: _, ...one }) => one)
      if (flags.json) return print(JSON.stringify(others))
      if (others.length === 0) return print('No other process has the store open.')
      print(
        table(
          ['PROCESS', 'JOBS IN HAND', 'WAITS FOR JOBS OF'],
          others.map(({ pid, jobs, waits }) => [String(pid), jobs, shown(waits.join(' ')) || '-']),
        ),
      )
    })
}
