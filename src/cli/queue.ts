import type { Command } from 'commander'
import { parsePolicy, policyText, SETTINGS, settingsOf } from '../broker/policies.ts'
import { print, shown } from './output.ts'
import { withStore, onTarget, type StoreFlag } from './store-flag.ts'

export function addQueue(program: Command): void {
  const queue = program.command('queue').description("show and change a queue's settings")
  withStore(queue.command('set'))
    .description('change settings; NAME= takes one back')
    .argument('<name>', 'the queue')
    .argument('<setting...>', 'such as max-jobs=1000 dead=mail.dead')
    .addHelpText('after', `\nSettings:\n${help()}`)
    .action(async (name: string, settings: string[], flags: StoreFlag) => {
      parsePolicy(settings)
      const policy = await onTarget(flags, (target) => target.setPolicy(name, (old) => parsePolicy(settings, old)))
      print(shown(policyText(policy ?? {}).join(' ')) || 'no settings')
    })
  withStore(queue.command('show'))
    .description('show the settings')
    .argument('<name>', 'the queue')
    .option('--json', 'as JSON, as the configuration file takes them')
    .action(async (name: string, flags: StoreFlag & { json?: boolean }) => {
      const policy = (await onTarget(flags, (target) => target.policy(name))) ?? {}
      if (flags.json) print(JSON.stringify(Object.fromEntries(settingsOf(policy))))
      else print(policyText(policy).join('\n') || 'no settings')
    })
}

function help(): string {
  return Object.entries(SETTINGS)
    .map(([name, { takes, help }]) => `  ${name.padEnd(14)} ${takes.padEnd(22)} ${help}`)
    .join('\n')
}
