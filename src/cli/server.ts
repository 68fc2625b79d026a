/** The life of a server process: addresses, rights, store, protocols, and its end. */
import type { Broker } from '../broker/broker.ts'
import { createBroker } from '../broker/store-broker.ts'
import { changePolicy, parsePolicy, queueNamed } from '../broker/policies.ts'
import { systemClock } from '../clock.ts'
import type { Log } from '../log.ts'
import { BeanstalkdServer, bind, unbind, type Bound } from '../protocols/beanstalkd/index.ts'
import type { Hint, Store } from '../stores/store.ts'
import { isLoopback, listenText, type Listen, type Port } from '../protocols/address.ts'
import { textsOf, type QueueSettings } from './settings.ts'
import { createSqs, listenSqs, NO_SQS, tellOfSqs, type SqsSettings } from './sqs.ts'
import { onStopSignals } from './stop-signals.ts'

export interface ServerSettings {
  listen: readonly Listen[]
  sqs?: SqsSettings
  maxJobSize: number
  queues?: Readonly<Record<string, QueueSettings>>
  /** Opens the store, after rights were given up. */
  open(): Promise<Store>
  /** What is to be done with the store before anybody is served. */
  prepare?(store: Store): Promise<void>
  /** Gives up rights that are only needed to take the addresses. */
  dropRights?(): void
  log: Log
  /** Called when clients are served. */
  ready?(beanstalkd: readonly Listen[], sqs: readonly Port[]): void
}

/** How long a stop waits for clients to take their last replies. */
const STOP = 5000

/** Serves until a signal ends it. SIGTERM and SIGINT: finishes what is in flight and syncs; a second one ends at once. SIGUSR1: takes no more puts. */
export async function runServer(settings: ServerSettings): Promise<void> {
  const { log } = settings
  // Node.js starts its inspector at this signal unless somebody listens for it: so from the first moment on.
  let drain = () => void (drained = true)
  let drained = false
  process.on('SIGUSR1', () => drain())
  const { bound: early, broker } = await begin(settings)
  drain = () => {
    broker.drain(true)
    log.info('draining: puts are refused from now on')
  }
  if (drained) drain()
  const server = new BeanstalkdServer({
    broker,
    maxJobSize: settings.maxJobSize,
    onError: (error) => log.error({ err: error }, 'a connection failed'),
  })
  const giveUp = async (error: unknown): Promise<never> => {
    for (const one of early ?? []) unbind(one)
    await broker.close()
    throw error
  }
  const sqsSettings = settings.sqs ?? NO_SQS
  const sqs = await createSqs(broker, sqsSettings, log).catch(giveUp)
  const stop = async (signal: string): Promise<void> => {
    log.info({ signal }, 'stopping: finishing what is in flight')
    const late = systemClock.after(STOP, () =>
      log.warn('some clients have not taken their replies: closing without them'),
    )
    await Promise.race([
      Promise.all([server.close(), sqs.close()]),
      new Promise<void>((resolve) => systemClock.after(STOP, resolve)),
    ])
    late()
    await broker.close()
    log.info('stopped')
    process.exit(0)
  }
  broker.failed((error) => {
    log.fatal({ err: error }, 'the store has failed')
    process.exit(1)
  })
  onStopSignals(
    (signal) => {
      stop(signal).catch((error: Error) => {
        log.fatal({ err: error }, 'stopping failed')
        process.exit(1)
      })
    },
    (signal) => {
      log.warn({ signal }, 'ending at once')
      process.exit(1)
    },
  )
  const withoutSqs = async (error: unknown): Promise<never> => {
    await sqs.close()
    return giveUp(error)
  }
  const sqsAddresses = await listenSqs(sqs, sqsSettings).catch(withoutSqs)
  const bound = early ?? (await bindAll(settings.listen).catch(withoutSqs))
  const addresses = bound.map((one) => server.serve(one))
  for (const at of addresses) {
    log.info({ protocol: 'beanstalkd', address: listenText(at) }, 'listening')
    if (!isLoopback(at))
      log.warn(
        { address: listenText(at) },
        'other machines can reach this address: the protocol has no passwords, so let a firewall say who may',
      )
  }
  tellOfSqs(sqsAddresses, sqsSettings, log)
  settings.ready?.(addresses, sqsAddresses)
}

/**
 * Opens the store; where it fails, nothing is held any longer. The addresses are taken before only where rights are to be given up between: who finds
 * one open is to be answered at once.
 */
async function begin(settings: ServerSettings): Promise<{ bound?: Bound[]; broker: Broker }> {
  const bound = settings.dropRights && (await bindAll(settings.listen))
  let store: Store | undefined
  try {
    settings.dropRights?.()
    store = await settings.open()
    store.hear(({ health }) => tellHealth(health, settings.log))
    await settings.prepare?.(store)
    const broker = createBroker({ store })
    await declare(broker, settings.queues)
    return { ...(bound && { bound }), broker }
  } catch (error) {
    for (const one of bound ?? []) unbind(one)
    await store?.close()
    throw error
  }
}

function tellHealth(health: Hint['health'], log: Log): void {
  if (health === 'disk full')
    log.error('the disk is full, or the file may not grow: nothing is written until there is room')
  else if (health === 'wal full')
    log.warn('puts are refused until whoever has read the file for long comes to an end: its log has grown too long')
  else if (health === 'ok') log.info('the store takes everything again')
}

/** All of them, or none. */
async function bindAll(addresses: readonly Listen[]): Promise<Bound[]> {
  const bound: Bound[] = []
  try {
    for (const at of addresses) bound.push(await bind(at))
    return bound
  } catch (error) {
    for (const one of bound) unbind(one)
    throw error
  }
}

/** What the configuration says of queues is added to what they have. */
async function declare(broker: Broker, queues: Readonly<Record<string, QueueSettings>> = {}): Promise<void> {
  if (Object.keys(queues).length === 0) return
  const session = broker.session({ protocol: 'configuration', tenant: 'default', principal: 'operator' })
  for (const [name, settings] of Object.entries(queues))
    await changePolicy(session, broker.records, queueNamed(name), (old) => parsePolicy(textsOf(settings), old))
  await session.close('released')
}
