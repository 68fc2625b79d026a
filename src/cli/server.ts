/** The life of a server process: addresses, rights, store, protocols, and its end. */
import { createBroker, type Broker } from '../broker/broker.ts'
import { changePolicy } from '../broker/policies.ts'
import { systemClock } from '../clock.ts'
import type { Queue, QueuePolicy } from '../job.ts'
import type { Log } from '../log.ts'
import { BeanstalkdServer, bind, type Bound } from '../protocols/beanstalkd/index.ts'
import type { Store } from '../stores/store.ts'
import { isLoopback, listenText, type Listen } from './listen.ts'

export interface ServerSettings {
  listen: readonly Listen[]
  maxJobSize: number
  queues?: ReadonlyMap<Queue, QueuePolicy>
  /** Opens the store, after rights were given up. */
  open(): Promise<Store>
  /** What is to be done with the store before anybody is served. */
  prepare?(store: Store): Promise<void>
  /** Gives up rights that are only needed to take the addresses. */
  dropRights?(): void
  log: Log
  /** Called when clients are served. */
  ready?(addresses: readonly Listen[]): void
}

/** How long a stop waits for clients to take their last replies. */
const STOP = 5000

/** Serves until a signal ends it. SIGTERM and SIGINT: finishes what is in flight and syncs; a second one ends at once. SIGUSR1: takes no more puts. */
export async function runServer(settings: ServerSettings): Promise<void> {
  const { log, listen } = settings
  const bound: Bound[] = []
  for (const at of listen) bound.push(await bind(at))
  settings.dropRights?.()

  const store = await settings.open()
  await settings.prepare?.(store)
  const broker = createBroker({ store })
  await declare(broker, store, settings.queues)
  const server = new BeanstalkdServer({
    broker,
    maxJobSize: settings.maxJobSize,
    onError: (error) => log.error({ err: error }, 'a connection failed'),
  })
  let stopping = false
  const stop = async (signal: string): Promise<void> => {
    if (stopping) {
      log.warn({ signal }, 'ending at once')
      process.exit(1)
    }
    stopping = true
    log.info({ signal }, 'stopping: finishing what is in flight')
    const late = systemClock.after(STOP, () =>
      log.warn('some clients have not taken their replies: closing without them'),
    )
    await Promise.race([server.close(), new Promise<void>((resolve) => systemClock.after(STOP, resolve))])
    late()
    await broker.close()
    log.info('stopped')
    process.exit(0)
  }
  broker.failed((error) => {
    log.fatal({ err: error }, 'the store has failed')
    process.exit(1)
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      stop(signal).catch((error: Error) => {
        log.fatal({ err: error }, 'stopping failed')
        process.exit(1)
      })
    })
  // Node.js starts its inspector at this signal unless somebody listens for it.
  process.on('SIGUSR1', () => {
    broker.drain(true)
    log.info('draining: puts are refused from now on')
  })
  const addresses = bound.map((one) => server.serve(one))
  for (const at of addresses) {
    log.info({ protocol: 'beanstalkd', address: listenText(at) }, 'listening')
    if (!isLoopback(at))
      log.warn(
        { address: listenText(at) },
        'other machines can reach this address: the protocol has no passwords, so let a firewall say who may',
      )
  }
  settings.ready?.(addresses)
}

/** What the configuration says of queues is added to what they have. */
async function declare(
  broker: Broker,
  store: Store,
  queues: ReadonlyMap<Queue, QueuePolicy> = new Map(),
): Promise<void> {
  if (queues.size === 0) return
  const session = broker.session({ protocol: 'configuration', tenant: 'default', principal: 'operator' })
  const read = async (key: string) => (await store.records(0)).changed.find((record) => record.key === key)
  for (const [queue, policy] of queues) await changePolicy(session, read, queue, (old) => ({ ...old, ...policy }))
  await session.close('released')
}
