import type { TestContext } from 'node:test'
import type { Broker } from '../../../src/broker/broker.ts'
import { createBroker } from '../../../src/broker/store-broker.ts'
import { BeanstalkdServer, type BeanstalkdOptions, type Listen } from '../../../src/protocols/beanstalkd/index.ts'
import { openMemory } from '../../../src/stores/memory/index.ts'
import { ManualClock } from '../../../src/testing/clock.ts'
import { settle, WatchedStore } from '../../broker/open.ts'
import { Talk } from '../../interop/talk.ts'

export interface Served {
  clock: ManualClock
  store: WatchedStore
  broker: Broker
  server: BeanstalkdServer
  at: Listen
  errors: Error[]
  /** One more connection, that takes its replies whole. */
  open(): Promise<Talk>
  /** Moves the clock, and lets everything happen that follows. */
  move(ms: number): Promise<void>
}

/** A server over the memory store, on a clock that stands still, for as long as the test runs. */
export async function serve(
  t: TestContext,
  options: Partial<BeanstalkdOptions> = {},
  clock = new ManualClock(),
): Promise<Served> {
  const store = new WatchedStore(openMemory({ clock }))
  const broker = createBroker({ store, clock })
  const errors: Error[] = []
  const server = new BeanstalkdServer({ broker, clock, onError: (error) => errors.push(error), ...options })
  const at = await server.listen({ host: '127.0.0.1', port: 0 })
  const talks: Talk[] = []
  t.after(async () => {
    for (const talk of talks) talk.destroy()
    await server.close()
    await broker.close()
  })
  return {
    clock,
    store,
    broker,
    server,
    at,
    errors,
    async open() {
      const talk = await Talk.to(at)
      talks.push(talk)
      // Its place in the order of connections is clear when it has been answered.
      await talk.ask('list-tube-used')
      return talk
    },
    async move(ms) {
      clock.move(ms)
      await settle()
    },
  }
}

/** The next replies of a connection. */
export async function replies(talk: Talk, count: number): Promise<(string | undefined)[]> {
  const all: (string | undefined)[] = []
  while (all.length < count) all.push(await talk.reply(10_000))
  return all
}

/** One entry of a reply with YAML. */
export function entry(reply: string | undefined, key: string): string | undefined {
  return new RegExp(`^${key}: (.*)$`, 'm').exec(reply ?? '')?.[1]
}

/** Once it is so; the test runner ends a test for which it never becomes so. */
export async function until(so: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await so())) await new Promise((resolve) => setImmediate(resolve))
}
