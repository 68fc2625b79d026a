import type { Command } from 'commander'
import { InvalidArgumentError } from '../errors.ts'
import type { State } from '../job.ts'
import { print } from './output.ts'
import { withStore, onTarget, type StoreFlag } from './store-flag.ts'

interface Flags extends StoreFlag {
  queue: string
  state?: string[]
}

const STATES = ['ready', 'delayed', 'buried'] as const

export function addClear(program: Command): void {
  withStore(program.command('clear'))
    .description('delete all jobs of a queue that nobody has reserved')
    .requiredOption('--queue <name>', 'the queue')
    .option('--state <state...>', 'only jobs that are ready, delayed or buried')
    .action(async (flags: Flags) => {
      const states = (flags.state ?? STATES).map(stateOf)
      // A job behind others of its group is as good as ready.
      const all: State[] = states.includes('ready') ? [...states, 'waiting'] : states
      print(`deleted ${await onTarget(flags, (target) => target.clear(flags.queue, all))}`)
    })
}

function stateOf(text: string): State {
  const state = STATES.find((one) => one === text)
  if (!state) throw new InvalidArgumentError(`--state is '${text}'; it takes ${STATES.join(', ')}.`)
  return state
}
