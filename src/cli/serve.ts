import { pathToFileURL } from 'node:url'
import type { Command } from 'commander'
import { createLog } from '../log.ts'
import { fileOf, openStore } from '../registry.ts'
import { listenText, type Listen, type Port } from '../protocols/address.ts'
import { checkCertificate } from '../protocols/sqs/index.ts'
import { print } from './output.ts'
import { runServer } from './server.ts'
import { resolveSettings, type Settings, type Written } from './settings.ts'
import { authOf, readCertificate, type SqsSettings } from './sqs.ts'

interface Flags extends Omit<Written, 'queues'> {
  config?: string
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
      '--sqs [address...]',
      'listen for Amazon SQS clients, too: HOST:PORT; may be repeated (default, when asked: 127.0.0.1:9324)',
    )
    .option('--sqs-url <url>', 'what the URLs of SQS queues begin with (default: what each client calls this server)')
    .option('--sqs-account <digits>', 'in the URLs and ARNs of SQS queues (default: 000000000000)')
    .option('--sqs-region <name>', 'in the ARNs of SQS queues, and what requests are signed for (default: us-east-1)')
    .option(
      '--sqs-auth <on|off>',
      'whether SQS clients need an access key (default: off where only this machine reaches it, on elsewhere)',
    )
    .option('--sqs-tls-cert <file>', 'serve SQS over TLS with this certificate, in PEM; read anew at SIGHUP')
    .option('--sqs-tls-key <file>', 'the key of that certificate, in PEM')
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
      const sqs = sqsOf(settings)
      if (check) {
        if (sqs.tls) checkCertificate(readCertificate(sqs.tls))
        return print(checked(settings))
      }
      const { store, beanstalkd, durability, maxJobSize, queues } = settings
      await runServer({
        listen: beanstalkd,
        sqs,
        maxJobSize,
        queues,
        open: () => openStore(store, { durability }),
        log: createLog(settings.log),
        ready: (addresses, ports) =>
          greet(
            addresses,
            ports.map((at) => urlOf(at, settings)),
            store,
          ),
      })
    })
}

function urlOf(at: Port, { sqsTlsCert }: Settings): string {
  return `${sqsTlsCert === undefined ? 'http' : 'https'}://${listenText(at)}`
}

function sqsOf({ store, sqs, sqsUrl, sqsAccount, sqsRegion, sqsAuth, sqsTlsCert, sqsTlsKey }: Settings): SqsSettings {
  return {
    listen: sqs,
    account: sqsAccount,
    region: sqsRegion,
    auth: sqsAuth,
    tls: sqsTlsCert !== undefined && sqsTlsKey !== undefined ? { cert: sqsTlsCert, key: sqsTlsKey } : undefined,
    file: fileOf(store),
    ...(sqsUrl !== undefined && { url: sqsUrl }),
  }
}

function checked({ beanstalkd, sqs, sqsAuth, ...settings }: Settings): string {
  return JSON.stringify(
    {
      ...settings,
      sqsAuth: authOf({ listen: sqs, auth: sqsAuth }),
      beanstalkd: beanstalkd.map(listenText),
      sqs: sqs.map(listenText),
    },
    undefined,
    2,
  )
}

function greet(addresses: readonly Listen[], sqs: readonly string[], store: string): void {
  const [first] = addresses
  // From a checkout there is no installed command yet.
  const queueup = process.env['npm_lifecycle_event'] === undefined ? 'queueup' : 'npm run -s queueup --'
  const url = first === undefined ? store : clientUrl(first)
  if (first === undefined) print(`Queueup serves ${store} to SQS clients at ${sqs.join(' and ')}.`)
  else {
    print(`Queueup serves ${store} to beanstalkd clients on ${addresses.map(listenText).join(' and ')}.`)
    if (sqs.length > 0) print(`SQS clients find it at ${sqs.join(' and ')}.`)
  }
  print(`Put a first job:  ${queueup} put --store ${url} --queue default --body hello`)
  print(`See it:           ${queueup} stats --store ${url}`)
  print('Stop with Ctrl+C.')
}

/** What a command on this machine names as its store, wherever it is started. */
function clientUrl(at: Listen): string {
  return `beanstalkd://${'path' in at ? pathToFileURL(at.path).pathname : listenText(at)}`
}
