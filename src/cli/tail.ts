import { styleText } from 'node:util'
import type { Command } from 'commander'
import { InvalidArgumentError } from '../errors.ts'
import { EVENT_TYPES, type FollowedEvent } from '../jobs/follow.ts'
import { print, remark, shown } from './output.ts'
import { onTarget, wholeNumber, withStore, type StoreFlag } from './store-flag.ts'

interface Flags extends StoreFlag {
  queue?: string
  name?: string
  type?: string[]
  max?: string
  json?: boolean
}

export function addTail(program: Command): void {
  withStore(program.command('tail'))
    .description('follow what happens to jobs, in all processes of the store, until Ctrl+C')
    .option('--queue <name>', 'only in this queue')
    .option('--name <name>', 'only jobs of this name')
    .option('--type <type...>', 'only these events, such as failed dead')
    .option('--max <number>', 'end after so many events')
    .option('--json', 'as JSON, one event a line')
    .action(async (flags: Flags) => {
      const max = flags.max === undefined ? Infinity : wholeNumber(flags.max, '--max')
      if (max < 1) throw new InvalidArgumentError('--max is 0; give a number from 1 on.')
      const strange = flags.type?.find((type) => !Object.hasOwn(EVENT_TYPES, type))
      if (strange !== undefined)
        throw new InvalidArgumentError(`--type is '${strange}'; it takes ${Object.keys(EVENT_TYPES).join(', ')}.`)
      await onTarget(flags, async (target) => {
        const events = await target.follow()
        // The loop ends by it, also where the store can't be told now.
        const stop = () => void events.close().catch(() => undefined)
        process.once('SIGINT', stop).once('SIGTERM', stop)
        remark('following; Ctrl+C ends it')
        let count = 0
        for await (const event of events) {
          if (!isMeant(event, flags)) continue
          print(flags.json ? JSON.stringify(event) : lineOf(event))
          if (++count >= max) break
        }
        process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop)
      })
    })
}

function isMeant(event: FollowedEvent, { queue, name, type }: Flags): boolean {
  if (event.type === 'missed') return true
  return (
    (queue === undefined || event.queue === queue) &&
    (name === undefined || event.name === name) &&
    (type === undefined || type.includes(event.type))
  )
}

const BAD = new Set(['failed', 'dead', 'stalled', 'lost', 'missed'])

function lineOf(event: FollowedEvent): string {
  if (event.type === 'missed') return styleText('red', `(${event.count} events were missed)`)
  const { type, time, id, name, queue, ...more } = event
  const word = type.padEnd(9)
  const job = `${name === '' ? 'job' : shown(name)} ${id}`
  const where = queue === '' || queue === name ? '' : ` in ${shown(queue)}`
  const rest = Object.entries(more)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([key, value]) => `${key} ${shown(valueText(value))}`)
  return `${styleText('dim', time.toISOString().slice(11, 23))}  ${BAD.has(type) ? styleText('red', word) : word}  ${[job + where, ...rest].join(', ')}`
}

function valueText(value: unknown): string {
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'string' ? value : JSON.stringify(value)
}
