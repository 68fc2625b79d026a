import type { Command } from 'commander'
import { parseRate } from '../broker/policies.ts'
import { msText } from '../duration.ts'
import { InvalidArgumentError } from '../errors.ts'
import type { Limit } from '../job.ts'
import { print, shown, table } from './output.ts'
import { onTarget, wholeNumber, withStore, type StoreFlag } from './store-flag.ts'
import type { LimitView } from './target.ts'

export function addLimits(program: Command): void {
  const limits = program
    .command('limits')
    .description('how many jobs may run at a time or begin in a span of time, and how many wait for it')
  withStore(limits.command('list', { isDefault: true }))
    .description('show the limits in force')
    .option('--json', 'as JSON')
    .action(async ({ json, ...flags }: StoreFlag & { json?: boolean }) => {
      const all = await onTarget(flags, (target) => target.limits())
      if (json) return print(JSON.stringify(all.map(({ limit, ...one }) => ({ ...one, ...limit }))))
      if (all.length === 0) return print('There are no limits.')
      print(table(['LIMIT', 'CONCURRENCY', 'RATE', 'SET BY', 'RUNNING', 'WAITING', 'KEYS'], all.map(rowOf)))
    })
  withStore(limits.command('set'))
    .description('set a limit, in all processes at once; it goes before what the definitions say')
    .argument('<name>', 'the limit')
    .argument('<setting...>', 'concurrency=5, rate=100/1m, or both; NAME= takes one back')
    .action(async (name: string, settings: string[], flags: StoreFlag) => {
      checkName(name)
      changed({}, settings)
      const limit = await onTarget(flags, (target) => target.setLimit(name, (old) => changed(old, settings)))
      print(`${shown(name)}: ${limit ? textOf(limit) : 'no limit'}`)
    })
  withStore(limits.command('unset'))
    .description('take a limit away; what definitions say comes back when a program that has it starts')
    .argument('<name>', 'the limit')
    .action(async (name: string, flags: StoreFlag) => {
      checkName(name)
      await onTarget(flags, (target) => target.setLimit(name, () => undefined))
      print(`${shown(name)}: no limit`)
    })
}

function rowOf({ name, limit, running, waiting, keys }: LimitView): (string | number)[] {
  return [
    shown(name),
    limit?.concurrency?.toString() ?? '-',
    rateText(limit) ?? '-',
    limit ? (limit.by ?? 'code') : 'nobody',
    running,
    waiting,
    keys,
  ]
}

/** Jobs of one key share a limit that has the limit's name; a key alone has none of its own. */
function checkName(name: string): void {
  if (name === '' || name.includes('/') || Buffer.byteLength(name) > 200)
    throw new InvalidArgumentError(
      `'${name}' is no limit's name; "queueup limits" shows those in force, without their keys.`,
    )
}

function changed(old: Limit, settings: readonly string[]): Limit {
  const limit = { ...old }
  for (const setting of settings) {
    const [, name, value = ''] = /^(concurrency|rate)=(.*)$/.exec(setting) ?? []
    if (name === undefined)
      throw new InvalidArgumentError(`'${setting}' is no setting of a limit; there are concurrency=5 and rate=100/1m.`)
    if (value === '') delete limit[name as 'concurrency' | 'rate']
    else if (name === 'rate') limit.rate = parseRate(value)
    else limit.concurrency = wholeNumber(value, 'concurrency')
  }
  return limit
}

function textOf(limit: Limit): string {
  const rate = rateText(limit)
  const parts = [
    ...(limit.concurrency === undefined ? [] : [`concurrency=${limit.concurrency}`]),
    ...(rate === undefined ? [] : [`rate=${rate}`]),
  ]
  return parts.join(' ') || 'no limit'
}

function rateText(limit: Limit | undefined): string | undefined {
  if (!limit?.rate) return undefined
  const { jobs, per } = limit.rate
  return `${jobs}/${msText(per)}`
}
