/** From a URL to a queue. */
import type { Broker } from './broker/broker.ts'
import { createBroker } from './broker/store-broker.ts'
import { isLoopback, listenText, parseListen } from './protocols/address.ts'
import { InvalidArgumentError } from './errors.ts'
import { checkFunctions, checkOptions, type Names } from './jobs/check.ts'
import type { PutMiddleware } from './jobs/context.ts'
import { defineJobs, type Jobs } from './jobs/definition.ts'
import { LISTEN_OPTIONS, type Listening, type ListenOptions } from './jobs/listening.ts'
import { JobQueue } from './jobs/queue.ts'
import type { Tracing, TracingOption } from './jobs/tracing.ts'
import type { Listen } from './protocols/beanstalkd/index.ts'
import { isServer, openServer, openStore, type StoreOptions } from './registry.ts'
import { shown } from './shown.ts'
import { BrokerTransport } from './transports/broker.ts'

export interface OpenOptions<J extends Jobs> extends StoreOptions {
  /** What jobs there are: `defineJobs` makes it. */
  jobs: J
  /** Around each put, the first outermost. */
  use?: readonly PutMiddleware[] | undefined
  /**
   * Traces by OpenTelemetry, where `@opentelemetry/api` is installed. `link` (default): each attempt is a trace of its own, linked to its put. `child`: it
   * belongs to the put's trace. false: none.
   */
  tracing?: TracingOption | undefined
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
export async function open<const J extends Jobs>(url: string, options: OpenOptions<J>): Promise<JobQueue<J>> {
  checkOptions(options, 'options of open', OPEN_OPTIONS)
  const { jobs, use, tracing, ...storeOptions } = options
  // Before anything is opened, or made.
  defineJobs(jobs)
  if (use !== undefined) checkFunctions(use, 'use')
  const { clock } = storeOptions
  if (clock !== undefined && (typeof clock?.now !== 'function' || typeof clock.after !== 'function'))
    throw new InvalidArgumentError(`clock is ${shown(clock)}; give an object with the functions now and after.`)
  const common = { jobs, tracing: await tracingOf(tracing), ...(use !== undefined && { use }), ...(clock && { clock }) }
  if (isServer(url)) return new JobQueue({ transport: await openServer(url), ...common })
  const store = await openStore(url, storeOptions)
  const broker = createBroker({ store, ...(clock && { clock }) })
  const transport = new BrokerTransport(broker, store, /^[a-z][a-z0-9+.-]+:/.exec(url)?.[0] ?? 'file:')
  return new JobQueue({ transport, listen: (at) => listen(broker, at), ...common })
}

const OPEN_OPTIONS: Names<OpenOptions<Jobs>> = { jobs: true, use: true, tracing: true, durability: true, clock: true }

/** @throws InvalidArgumentError */
async function tracingOf(option: TracingOption = 'link'): Promise<Tracing | undefined> {
  if (option === false) return undefined
  if (option !== 'link' && option !== 'child')
    throw new InvalidArgumentError(`tracing is ${shown(option)}; give 'link', 'child' or false.`)
  try {
    return (await import('./jobs/opentelemetry.ts')).openTelemetry(option)
  } catch (error) {
    // Jest and loaders of TypeScript say it with a code of their own, or none.
    const { code, message } = error as NodeJS.ErrnoException
    if (/MODULE_NOT_FOUND$/.test(code ?? '') || message.startsWith("Cannot find module '@opentelemetry/api'"))
      return undefined
    throw error
  }
}

/** A protocol is loaded when somebody is to speak it. */
async function listen(broker: Broker, options: ListenOptions): Promise<Listening> {
  checkOptions(options, 'options of listen', LISTEN_OPTIONS)
  const { beanstalkd, sqs } = options
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
      at.beanstalkd = listenText(await server.listen(addressOf(beanstalkd)))
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
      at.sqs = `http://${listenText(await server.listen(address))}`
    }
    return { ...at, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** @throws InvalidArgumentError */
function addressOf(address: unknown): Listen {
  if (typeof address !== 'number' && typeof address !== 'string')
    throw new InvalidArgumentError(`${shown(address)} is no address; give a port, HOST:PORT, or unix:PATH.`)
  return parseListen(String(address))
}
