/** From a URL to a queue. */
import { createBroker, type Broker } from './broker/broker.ts'
import { isLoopback } from './cli/listen.ts'
import { InvalidArgumentError } from './errors.ts'
import type { PutMiddleware } from './jobs/context.ts'
import type { Jobs } from './jobs/definition.ts'
import { Queue, type Listening, type ListenOptions } from './jobs/queue.ts'
import type { Tracing, TracingOption } from './jobs/tracing.ts'
import type { Listen } from './protocols/beanstalkd/index.ts'
import { isServer, openServer, openStore, type StoreOptions } from './registry.ts'
import { BrokerTransport } from './transports/broker.ts'

export interface OpenOptions<J extends Jobs> extends StoreOptions {
  /** What jobs there are: `defineJobs` makes it. */
  jobs: J
  /** Around each put, the first outermost. */
  use?: readonly PutMiddleware[]
  /**
   * Traces by OpenTelemetry, where `@opentelemetry/api` is installed. `link` (default): each attempt is a trace of its own, linked to its put. `child`: it
   * belongs to the put's trace. false: none.
   */
  tracing?: TracingOption
}

/**
 * Opens a queue of typed jobs. Nothing has to be made, migrated or connected first.
 * @param url `memory:`, `file:jobs.db` (or a path alone), `beanstalkd://HOST:PORT`
 * @throws InvalidArgumentError another scheme, or definitions that can't be; and what opening that store throws
 * @throws ConnectionError no server answers there
 * @example
 * const queue = await open('file:jobs.db', { jobs })
 * await queue.put('sendMail', { mail_to: 'a@example.com' })
 * await queue.close()
 */
export async function open<const J extends Jobs>(url: string, options: OpenOptions<J>): Promise<Queue<J>> {
  const { jobs, use, tracing, ...storeOptions } = options
  const { clock } = storeOptions
  const common = { jobs, tracing: await tracingOf(tracing), ...(use && { use }), ...(clock && { clock }) }
  if (isServer(url)) return new Queue({ transport: await openServer(url), ...common })
  const store = await openStore(url, storeOptions)
  const broker = createBroker({ store, ...(clock && { clock }) })
  const transport = new BrokerTransport(broker, store, /^[a-z][a-z0-9+.-]+:/.exec(url)?.[0] ?? 'file:')
  return new Queue({ transport, listen: (at) => listen(broker, at), ...common })
}

/** @throws InvalidArgumentError */
async function tracingOf(option: TracingOption = 'link'): Promise<Tracing | undefined> {
  if (option === false) return undefined
  if (option !== 'link' && option !== 'child')
    throw new InvalidArgumentError(`tracing is ${JSON.stringify(option)}; give 'link', 'child' or false.`)
  try {
    return (await import('./jobs/opentelemetry.ts')).openTelemetry(option)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/** A protocol is loaded when somebody is to speak it. */
async function listen(broker: Broker, { beanstalkd, sqs }: ListenOptions): Promise<Listening> {
  if (beanstalkd === undefined && sqs === undefined)
    throw new InvalidArgumentError('Say what to listen for: beanstalkd, sqs, or both.')
  const servers: { close(): Promise<void> }[] = []
  const close = async (): Promise<void> => void (await Promise.all(servers.map((server) => server.close())))
  try {
    const at: { beanstalkd?: string; sqs?: string } = {}
    if (beanstalkd !== undefined) {
      const { BeanstalkdServer } = await import('./protocols/beanstalkd/index.ts')
      const server = new BeanstalkdServer({ broker })
      servers.push(server)
      at.beanstalkd = textOf(await server.listen(addressOf(beanstalkd)))
    }
    if (sqs !== undefined) {
      const address = addressOf(sqs)
      if ('path' in address) throw new InvalidArgumentError(`'${sqs}' is a socket; give SQS a port or HOST:PORT.`)
      const { askForKeys, SqsServer } = await import('./protocols/sqs/index.ts')
      const { Access, SECRET_KEY } = await import('./access/index.ts')
      // Where other machines can reach it, it is not for everybody.
      const access = isLoopback(address) ? undefined : await Access.open(broker.records, process.env[SECRET_KEY])
      const server = new SqsServer({ broker, ...(access && askForKeys(access, 'us-east-1')) })
      servers.push(server)
      at.sqs = `http://${textOf(await server.listen(address))}`
    }
    return { ...at, close }
  } catch (error) {
    await close()
    throw error
  }
}

function textOf(at: Listen): string {
  if ('path' in at) return `unix:${at.path}`
  return `${at.host.includes(':') ? `[${at.host}]` : at.host}:${at.port}`
}

function addressOf(address: number | string): Listen {
  if (typeof address === 'number') return { host: '127.0.0.1', port: address }
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) }
  const match = /^\[?([^\]]*)\]?:(\d{1,5})$/.exec(address)
  if (!match?.[1]) throw new InvalidArgumentError(`'${address}' is no address; give a port, HOST:PORT, or unix:PATH.`)
  return { host: match[1], port: Number(match[2]) }
}
