import type { Command } from 'commander'
import { ageText, pausedText, print, shown, table } from './output.ts'
import type { QueueCounts, Target } from './target.ts'
import { withStore, onTarget, type StoreFlag } from './store-flag.ts'

interface Flags extends StoreFlag {
  watch?: boolean
  json?: boolean
}

const PERIOD = 1000

export function addStats(program: Command): void {
  withStore(program.command('stats'))
    .description('show the queues and how many jobs they hold')
    .option('--watch', 'show it again each second, until Ctrl+C')
    .option('--json', 'as JSON, for programs')
    .action((flags: Flags) => onTarget(flags, (target) => (flags.watch ? watch(target, flags) : show(target, flags))))
}

async function show(target: Target, { json }: Flags): Promise<void> {
  const stats = (await target.stats()).sort((a, b) => a.queue.localeCompare(b.queue))
  if (json) print(JSON.stringify(stats))
  else if (stats.length === 0) print('There are no queues yet.')
  else print(tableOf(stats))
}

async function watch(target: Target, flags: Flags): Promise<void> {
  let stopped = false
  let wake = (): void => undefined
  process.once('SIGINT', () => {
    stopped = true
    wake()
  })
  while (!stopped) {
    if (!flags.json && process.stdout.isTTY) process.stdout.write('\u001b[H\u001b[2J')
    await show(target, flags)
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PERIOD)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

function tableOf(stats: readonly QueueCounts[]): string {
  return table(
    ['QUEUE', 'READY', 'RESERVED', 'DELAYED', 'BURIED', 'PUT SO FAR', 'OLDEST', ''],
    stats.map(({ queue, ready, reserved, delayed, buried, puts, oldest, pausedFor }) => [
      shown(queue),
      ready,
      reserved,
      delayed,
      buried,
      puts,
      oldest === undefined ? '' : ageText(oldest),
      pausedText(pausedFor, (ms) => `${Math.ceil(ms / 1000)} s`),
    ]),
  )
}
