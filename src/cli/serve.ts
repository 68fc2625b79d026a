import type { Command } from 'commander'
import { createLog } from '../log.ts'
import { openStore } from '../registry.ts'
import { listenText } from './listen.ts'
import { print } from './output.ts'
import { runServer } from './server.ts'
import { resolveSettings, type Settings } from './settings.ts'

interface Flags {
  store?: string
  beanstalkd?: string[]
  durability?: string
  maxJobSize?: string
  config?: string
  log?: string
  check?: boolean
}

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('serve the queues of a store to clients of any language')
    .option('--store <url>', 'where jobs are kept: file:PATH or memory: (default: file:queueup.db)')
    .option(
      '--beanstalkd <address...>',
      "listen for beanstalkd's protocol: HOST:PORT or unix:PATH; may be repeated (default: 127.0.0.1:11300)",
    )
    .option(
      '--durability <when>',
      'when an acknowledged job is on disk: full, a time such as 50ms, or relaxed (default: full)',
    )
    .option('--max-job-size <bytes>', 'largest body of a job (default: 65535)')
    .option('--log <level>', 'error, warn, info or debug (default: info)')
    .option('--config <file>', 'a JSON file with these settings; flags come before it, QUEUEUP_* variables after')
    .option('--check', 'only say what the settings come to, and whether they are right')
    .action(async (flags: Flags) => {
      const { config, check, ...said } = flags
      const settings = resolveSettings(said, config, process.env)
      if (check) return print(checked(settings))
      const { store, beanstalkd, durability, maxJobSize, queues } = settings
      await runServer({
        listen: beanstalkd,
        maxJobSize,
        queues,
        open: () => openStore(store, { durability }),
        log: createLog(settings.log),
        ready: (addresses) => greet(addresses.map(listenText), store),
      })
    })
}

function checked({ store, beanstalkd, durability, maxJobSize, log, queues }: Settings): string {
  return JSON.stringify(
    { store, beanstalkd: beanstalkd.map(listenText), durability, maxJobSize, log, queues: Object.fromEntries(queues) },
    undefined,
    2,
  )
}

function greet(addresses: readonly string[], store: string): void {
  const [first = ''] = addresses
  // From a checkout there is no installed command yet.
  const queueup = process.env['npm_lifecycle_event'] === undefined ? 'queueup' : 'npm run -s queueup --'
  const url = `beanstalkd://${first.replace(/^unix:/, '')}`
  print(`Queueup serves ${store} to beanstalkd clients on ${addresses.join(' and ')}.`)
  print(`Put a first job:  ${queueup} put --store ${url} --queue default --body hello`)
  print(`See it:           ${queueup} stats --store ${url}`)
  print('Stop with Ctrl+C.')
}
