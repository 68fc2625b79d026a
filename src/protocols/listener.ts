/** What the servers of all protocols do alike: take an address, and give it up at the end. */
import type { AddressInfo, Server } from 'node:net'
import type { Clock } from '../clock.ts'
import { CannotOpenError } from '../errors.ts'
import type { Ms } from '../job.ts'
import { listenText, type Listen } from './address.ts'

/** At the end, who takes his replies as slowly as this is cut off. */
const GRACE: Ms = 5000

/**
 * Takes an address; port 0 takes a free one.
 * @returns the address as it is
 * @throws CannotOpenError the address is taken or may not be used
 */
export async function listen<At extends Listen>(server: Server, at: At): Promise<At> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: Error) => {
      reject(
        new CannotOpenError(`Can't listen on ${listenText(at)}: ${error.message}. Choose another address.`, {
          cause: error,
        }),
      )
    })
    // As long a queue as beanstalkd's: with Node's 511, a thousand clients that come at once wait for a second.
    server.listen({ ...at, backlog: 1024 }, resolve)
  })
  server.removeAllListeners('error')
  if ('path' in at) return at
  const { address: host, port } = server.address() as AddressInfo
  return { ...at, host, port }
}

/**
 * Takes no new connections, and resolves when those that are there have gone.
 * @param cutOff ends what is still there after a while
 */
export async function closeAll(servers: Iterable<Server>, clock: Clock, cutOff: () => void): Promise<void> {
  const closed = [...servers].map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
  const callOff = clock.after(GRACE, cutOff)
  await Promise.all(closed)
  callOff()
}
