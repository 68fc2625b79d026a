import { randomBytes, randomInt } from 'node:crypto'
import { chmodSync, existsSync, lstatSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { arch, hostname, release, type, version as osVersion } from 'node:os'
import type { Broker } from '../../broker/broker.ts'
import { systemClock, type Clock } from '../../clock.ts'
import { InvalidArgumentError } from '../../errors.ts'
import type { Listen } from '../address.ts'
import { closeAll, listen } from '../listener.ts'
import type { Host } from './host.ts'
import { Connection, type Peer } from './connection.ts'
import { Counters, type Identity } from './stats.ts'
import { Tubes } from './tube.ts'

/** The protocol's version, and nothing else: clients compare it. */
export const VERSION = '1.13'
export const DEFAULT_MAX_JOB_SIZE = 65_535
export const LARGEST_MAX_JOB_SIZE = 2 ** 30
/** What the jobs of one unit may hold, unless they are larger than this server's clients may put. */
const MAX_RESERVED_BYTES = 2 ** 24

export interface BeanstalkdOptions {
  broker: Broker
  /** Bytes of the largest body that a put may have. Default 65,535, at most 2^30. */
  maxJobSize?: number
  /** Connections at a time; more are closed as they come. Default 10,000. */
  maxConnections?: number
  /** Tubes that one connection may watch. Default 1,000. */
  maxWatched?: number
  /** Bytes of replies that a connection may leave untaken before it gets no more, and is no more listened to. Default 1 MiB. */
  maxPending?: number
  /** Whose queues these are. Default 'default'. */
  tenant?: string
  clock?: Clock
  /** What went wrong with one connection; others go on. */
  onError?: (error: Error) => void
}

/** An address that is taken, and who has connected to it. */
export interface Bound {
  at: Listen
  server: Server
  early: Socket[]
}

/**
 * Takes an address without serving on it yet: so a process can take it with rights that it then gives up.
 * @throws CannotOpenError the address is taken or may not be used
 */
export async function bind(at: Listen): Promise<Bound> {
  if ('path' in at) await clearSocket(at.path)
  const early: Socket[] = []
  const server = createServer(
    // A client whose machine is gone is found out, as in beanstalkd, and its jobs go back.
    { allowHalfOpen: true, noDelay: true, keepAlive: true, pauseOnConnect: true },
    (socket) => early.push(socket),
  )
  const taken = await listen(server, at)
  if ('path' in at) chmodSync(at.path, 0o770)
  return { at: taken, server, early }
}

/** Gives an address back that is not served on after all. */
export function unbind({ server, early }: Bound): void {
  server.close()
  for (const socket of early) socket.destroy()
}

/** Serves beanstalkd's protocol on one broker, on as many addresses as one likes. */
export class BeanstalkdServer {
  readonly #host: Host
  readonly #clock: Clock
  readonly #maxConnections: number
  readonly #maxPending: number
  readonly #onError: (error: Error) => void
  readonly #listeners = new Set<Server>()
  readonly #connections = new Map<Socket, Connection>()
  /** What it has counted since it started. */
  readonly counters = new Counters()

  /** @throws InvalidArgumentError */
  constructor(options: BeanstalkdOptions) {
    const {
      broker,
      clock = systemClock,
      tenant = 'default',
      maxJobSize = DEFAULT_MAX_JOB_SIZE,
      maxWatched = 1000,
    } = options
    if (!Number.isSafeInteger(maxJobSize) || maxJobSize < 1 || maxJobSize > LARGEST_MAX_JOB_SIZE)
      throw new InvalidArgumentError(
        `The largest job size is ${maxJobSize}; give a number of bytes from 1 to ${LARGEST_MAX_JOB_SIZE}.`,
      )
    this.#maxConnections = options.maxConnections ?? 10_000
    this.#maxPending = options.maxPending ?? 1 << 20
    this.#onError = options.onError ?? (() => undefined)
    const identity = identityOf(clock)
    this.#clock = clock
    this.#host = {
      broker,
      clock,
      tenant,
      tubes: new Tubes(tenant),
      counters: this.counters,
      leaving: new Set(),
      maxJobSize,
      maxWatched,
      maxReserves: Math.max(1, Math.floor(MAX_RESERVED_BYTES / maxJobSize)),
      identity,
    }
  }

  /**
   * Listens on one more address. Port 0 takes a free one.
   * @returns the address as it is
   * @throws CannotOpenError the address is taken or may not be used
   * @example await server.listen({ host: '127.0.0.1', port: 11300 })
   */
  async listen(at: Listen): Promise<Listen> {
    return this.serve(await bind(at))
  }

  /** @internal Serves on an address that `bind` has taken, whoever has come there meanwhile first. */
  serve({ at, server, early }: Bound): Listen {
    server.removeAllListeners('connection')
    server.on('connection', (socket) => this.#accept(socket))
    server.on('error', this.#onError)
    this.#listeners.add(server)
    for (const socket of early) this.#accept(socket)
    return at
  }

  /** Takes no new connections, ends those that are there after what they are at, and resolves when all have gone. */
  async close(): Promise<void> {
    const closed = closeAll(this.#listeners, this.#clock, () => {
      for (const socket of this.#connections.keys()) socket.destroy()
    })
    this.#listeners.clear()
    for (const connection of this.#connections.values()) connection.stop().catch(this.#onError)
    await closed
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= this.#maxConnections) {
      socket.destroy()
      return
    }
    const peer = new SocketPeer(socket, this.#maxPending)
    const connection = new Connection(this.#host, peer, socket.remoteAddress)
    this.#connections.set(socket, connection)
    socket.on('data', (chunk: Buffer) => connection.data(chunk))
    socket.resume()
    socket.on('end', () => connection.halfClose())
    socket.on('drain', () => connection.resume())
    const leave = () => void connection.close().catch(this.#onError)
    // A connection that breaks is nothing to report: it is closed, and its jobs go back before what others send is read, as for one that ends.
    socket.on('error', () => {
      socket.destroy()
      leave()
    })
    socket.on('close', () => {
      this.#connections.delete(socket)
      leave()
    })
  }
}

class SocketPeer implements Peer {
  readonly #socket: Socket
  readonly #maxPending: number

  constructor(socket: Socket, maxPending: number) {
    this.#socket = socket
    this.#maxPending = maxPending
  }

  get congested(): boolean {
    return this.#socket.writableLength > this.#maxPending
  }

  write(...pieces: readonly (string | Uint8Array)[]): void {
    if (!this.#socket.writable) return
    if (pieces.length > 1) this.#socket.cork()
    for (const piece of pieces)
      if (typeof piece === 'string') this.#socket.write(piece, 'latin1')
      else this.#socket.write(piece)
    if (pieces.length > 1) this.#socket.uncork()
  }

  hold(on: boolean): void {
    if (on) this.#socket.pause()
    else this.#socket.resume()
  }

  end(): void {
    if (!this.#socket.destroyed) this.#socket.end()
    // Who doesn't close its own side is closed.
    if (this.#socket.readableEnded) return
    this.#socket.once('finish', () => this.#socket.destroy())
  }
}

function identityOf(clock: Clock): () => Identity {
  // Digits alone, or with an e among them, would be a number in YAML.
  const id = `${'abcdef'[randomInt(6)]}${randomBytes(8).toString('hex').slice(1)}`
  const start = clock.now()
  return () => ({
    version: VERSION,
    id,
    hostname: hostname(),
    os: `${type()} ${release()} ${osVersion()}`,
    platform: arch() === 'x64' ? 'x86_64' : arch(),
    pid: process.pid,
    uptime: clock.now() - start,
    cpu: process.cpuUsage(),
  })
}

/** A socket's file that a dead process left is removed; one that somebody may still listen on is not, nor is any other file. */
async function clearSocket(path: string): Promise<void> {
  if (!existsSync(path) || !lstatSync(path).isSocket()) return
  const dead = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => resolve(false))
    // Whoever is too busy for one more, or not for this user, is alive.
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ECONNREFUSED'))
    socket.once('connect', () => socket.destroy())
  })
  try {
    if (dead) unlinkSync(path)
  } catch {
    // Then it can't be listened on, which is said there.
  }
}
