import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { BeanstalkdClient } from '../../../src/transports/beanstalkd/index.ts'

/** A client, and the server's end of its connection: the test itself is the server, and says each byte that it answers. */
export interface Scripted {
  client: BeanstalkdClient
  /** The client's own end, to see how far it has read. */
  own: Socket
  /** The server's end. It stays open when the client ends its own. */
  server: Socket
  /** All that the client has sent, one character per byte. */
  heard(): string
  /** Answers, and waits until the client has read it: what is said next comes in another packet. */
  say(bytes: string | Buffer): Promise<void>
}

/** @param listens whether the server reads what the client sends */
export async function script(t: TestContext, { listens = true } = {}): Promise<Scripted> {
  const listener = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: !listens })
  const accepted = new Promise<Socket>((resolve) => listener.once('connection', resolve))
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as AddressInfo
  const { socket: own, result } = socketOf(() => BeanstalkdClient.connect({ host: '127.0.0.1', port }))
  const [client, server] = await Promise.all([result, accepted])
  t.after(() => {
    own.destroy()
    server.destroy()
    listener.close()
  })
  let heard = ''
  if (listens) server.on('data', (bytes: Buffer) => (heard += bytes.toString('latin1')))
  // Writing to a client that has gone is part of some scripts.
  server.on('error', () => undefined)
  let said = 0
  return {
    client,
    own,
    server,
    heard: () => heard,
    async say(bytes) {
      const buffer = Buffer.from(bytes as string, 'latin1')
      said += buffer.length
      server.write(buffer)
      await until(() => own.bytesRead >= said || own.destroyed)
    },
  }
}

/** The socket that is made while something runs. */
export function socketOf<T>(make: () => T): { socket: Socket; result: T } {
  let socket: Socket | undefined
  const see = (message: unknown) => (socket = (message as { socket: Socket }).socket)
  subscribe('net.client.socket', see)
  const result = make()
  unsubscribe('net.client.socket', see)
  if (!socket) throw new Error('No socket was made.')
  return { socket, result }
}

/** Once it is so; the test's own limit ends it if it never becomes so. */
export async function until(so: () => boolean): Promise<void> {
  while (!so()) await turn()
}

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
