/** SQS over HTTP: listening, limits, drain. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Broker, Session } from '../../broker/broker.ts'
import { systemClock, type Clock } from '../../clock.ts'
import { UnavailableError } from '../../errors.ts'
import { closeAll, listen } from '../listener.ts'
import { perform } from './actions.ts'
import { refuseBytes } from './answer.ts'
import { Bodies } from './body.ts'
import { checkCertificate, type Certificate } from './certificate.ts'
import { decode, encode, encodeError, type Answer, type Asked, type Form } from './codec.ts'
import { Connection } from './connection.ts'
import { Exchange } from './exchange.ts'
import type { Caller, Host } from './host.ts'
import { refusalOf } from './head.ts'
import { InFlight } from './in-flight.ts'
import {
  Allowance,
  MOST_BUFFERED,
  MOST_CONNECTIONS,
  MOST_HEADERS,
  httpLimits,
  type Timeouts,
  untakenFor,
} from './limits.ts'
import type { ActionName } from './model.ts'
import { Movers } from './mover.ts'
import { baseOf, checkAccount, checkRegion } from './naming.ts'
import { permit } from './permits.ts'
import { Polls } from './polls.ts'
import { Queues } from './queues.ts'
import { Receipts } from './receipt.ts'
import { Replays } from './replay.ts'
import type { SignedRequest } from './signature.ts'
import { SqsError } from './sqs-error.ts'

const AUTHORITY = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/

export interface SqsOptions {
  broker: Broker
  /** Who asks; throws an SqsError for who may not. Default: everybody may do everything. */
  authenticate?: (request: SignedRequest) => Caller | Promise<Caller>
  /** Looks at the head of a request with a large body before that is read; throws an SqsError for who may not send it. */
  admit?: (head: Pick<SignedRequest, 'url' | 'rawHeaders'>) => void
  /** Served over TLS, 1.2 or later, with this certificate; its chain may follow it. Default: in the clear. */
  tls?: Certificate
  /** In queue URLs and ARNs. Default 000000000000. */
  account?: string
  /** In ARNs. Default us-east-1. */
  region?: string
  /** Whose queues these are. Default 'default'. */
  tenant?: string
  /** What queue URLs begin with, such as https://queues.example.com. Default: what the client called this server. */
  url?: string
  /** Connections at a time. Default 20,000. */
  maxConnections?: number
  /** How long clients may take for what they do. */
  timeouts?: Timeouts
  /** Bytes of all requests' bodies that are being read, and as many of answers that are not taken yet. Default 256 MiB. */
  maxBuffered?: number
  /** Messages of one queue that may be in flight. Default 120,000. */
  maxInFlight?: number
  clock?: Clock
  /** What went wrong with one request; others go on. */
  onError?: (error: Error) => void
}

/** Where nobody is asked who he is. */
const EVERYBODY: Caller = Object.freeze({})
const INTERNAL = 'The request failed because of an error in the server; its log says more.'

/** Serves SQS on one broker, on as many addresses as one likes. */
export class SqsServer {
  readonly #options: SqsOptions
  readonly #clock: Clock
  readonly #session: Session
  readonly #queues: Queues
  readonly #polls: Polls
  readonly #reading: Allowance
  readonly #untaken: Allowance
  readonly #onError: (error: Error) => void
  readonly #servers = new Set<Server>()
  readonly #connections = new WeakMap<Socket, Connection>()
  #host: Promise<Host> | undefined
  #closing = false

  /** @throws InvalidArgumentError */
  constructor(options: SqsOptions) {
    const { broker, clock = systemClock, account = '000000000000', region = 'us-east-1', tenant = 'default' } = options
    checkAccount(account)
    checkRegion(region)
    this.#options = { ...options, account, region, tenant, ...(options.url && { url: baseOf(options.url) }) }
    if (options.tls) checkCertificate(options.tls)
    this.#clock = clock
    const { maxBuffered = MOST_BUFFERED } = options
    this.#reading = new Allowance(maxBuffered)
    this.#untaken = new Allowance(maxBuffered)
    this.#onError = options.onError ?? (() => undefined)
    this.#session = broker.session({ protocol: 'sqs', tenant, principal: 'sqs', unordered: true })
    this.#queues = new Queues(broker, this.#session, { tenant, account, region })
    this.#polls = new Polls(this.#queues)
  }

  /** Receives that wait. */
  get waiting(): number {
    return this.#polls.size
  }

  /** Bytes that are kept for clients that send or take slowly: of bodies, and of large answers. */
  get kept(): number {
    return this.#reading.used + this.#untaken.used
  }

  /**
   * Listens on one more address. Port 0 takes a free one.
   * @returns the address as it is
   * @throws CannotOpenError the address is taken or may not be used
   * @example await server.listen({ host: '127.0.0.1', port: 9324 })
   */
  async listen(at: { host: string; port: number }): Promise<{ host: string; port: number }> {
    const host = await (this.#host ??= this.#open())
    const server = this.#server(host)
    const taken = await listen(server, at)
    server.on('error', this.#onError)
    this.#servers.add(server)
    return taken
  }

  /**
   * Takes another certificate for who connects from now on; connections that are there go on.
   * @throws InvalidArgumentError it can't be used: the one before stays
   */
  renew(tls: Certificate): void {
    checkCertificate(tls)
    this.#options.tls = tls
    for (const server of this.#servers) (server as SecureServer).setSecureContext({ ...tls, minVersion: 'TLSv1.2' })
  }

  /** Takes no new connections, answers receives that wait, lets the others finish, and resolves when all have gone. */
  async close(): Promise<void> {
    this.#closing = true
    this.#polls.close()
    const servers = this.#servers
    const closed = closeAll(servers, this.#clock, () => {
      for (const server of servers) server.closeAllConnections()
    })
    for (const server of servers) server.closeIdleConnections()
    await closed
    servers.clear()
    if (this.#host) await (await this.#host).movers.close()
    this.#queues.close()
    await this.#session.close('released')
  }

  async #open(): Promise<Host> {
    const { broker, account, region, tenant, maxInFlight = 120_000 } = this.#options as Required<SqsOptions>
    const session = this.#session
    const clock = this.#clock
    return {
      broker,
      session,
      clock,
      queues: this.#queues,
      polls: this.#polls,
      receipts: await Receipts.open(broker, session),
      replays: new Replays(broker, session),
      movers: new Movers(broker, session, clock, this.#onError),
      inFlight: new InFlight(session, clock, maxInFlight),
      account,
      region,
      tenant,
    }
  }

  #server(host: Host): Server {
    const { tls, timeouts } = this.#options
    const limits = httpLimits(timeouts)
    const server = tls ? createSecureServer({ ...limits, ...tls, minVersion: 'TLSv1.2' }) : createServer(limits)
    server.maxConnections = this.#options.maxConnections ?? MOST_CONNECTIONS
    // Node.js 22 leaves out those behind so many and says nothing: one more, and it is seen that there are too many.
    server.maxHeadersCount = MOST_HEADERS + 1
    const connections = this.#connections
    server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) =>
      connections.set(socket, new Connection(socket, this.#untaken, untakenFor(timeouts))),
    )
    const bodies = new Bodies<Exchange>(this.#reading, {
      read: (exchange, body) => this.#serve(host, exchange, body),
      refused: (exchange, error) => this.#refuse(exchange, error),
    })
    server.on('request', (req, res) => this.#request(bodies, req, res))
    // Who asks first is refused before it sends what would be refused.
    server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => this.#request(bodies, req, res, true))
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const connection = connections.get(socket as Socket)
      // Before the end of a TLS handshake nothing can be said.
      if (!connection) socket.destroy()
      // What follows a request that was refused is answered no more; its connection ends.
      else if (!connection.refused) refuseBytes(error, socket as Socket)
    })
    return server
  }

  #request(bodies: Bodies<Exchange>, req: IncomingMessage, res: ServerResponse, continues = false): void {
    const connection = this.#connections.get(req.socket)
    if (!connection || connection.refused) return
    const exchange = new Exchange(res, connection, this.#originOf)
    const refusal = refusalOf(req, this.#options.admit, !this.#options.authenticate)
    if (refusal) return this.#refuse(exchange, refusal)
    if (isHealth(req)) return exchange.write({ status: 200, type: 'text/plain', body: 'ok\n' }, this.#closing)
    if (continues) res.writeContinue()
    bodies.read(req, exchange)
  }

  #refuse(exchange: Exchange, error: SqsError): void {
    exchange.refuse(encodeError(exchange.form, error, exchange.id))
  }

  #serve(host: Host, exchange: Exchange, body: Buffer): void {
    const { connection, req } = exchange
    if (connection.destroyed || !connection.begin(exchange)) return
    const { method = '', url = '', rawHeaders } = req
    try {
      const caller = this.#options.authenticate?.({ method, url, rawHeaders, body }) ?? EVERYBODY
      if (caller instanceof Promise)
        caller.then(
          (caller) => this.#perform(host, exchange, caller, body),
          (error: Error) => this.#fail(exchange, error),
        )
      else this.#perform(host, exchange, caller, body)
    } catch (error) {
      this.#fail(exchange, error as Error)
    }
  }

  #perform(host: Host, exchange: Exchange, caller: Caller, body: Buffer): void {
    exchange.caller = caller
    let asked: Asked
    try {
      asked = decode({ ...exchange.head, body }, exchange.form)
      permit(caller, asked.action, asked.input, host.queues)
    } catch (error) {
      return this.#fail(exchange, error as Error)
    }
    // A receive may wait for long: what is needed no more, such as the body, must not be in reach of what waits with it.
    const { action } = asked
    perform(action, host, asked.input, exchange).then(
      (output) => exchange.answer(this.#encode(exchange, action, output), this.#closing),
      (error: Error) => this.#fail(exchange, error),
    )
  }

  #encode({ form, id }: Exchange, action: ActionName, output: object): Answer {
    try {
      return encode(form, action, output, id)
    } catch (error) {
      return this.#failure(form, id, error as Error)
    }
  }

  #fail(exchange: Exchange, error: Error): void {
    exchange.answer(this.#failure(exchange.form, exchange.id, error), this.#closing)
  }

  #failure(form: Form, id: string, error: Error): Answer {
    if (error instanceof SqsError) return encodeError(form, error, id)
    if (error instanceof UnavailableError)
      return encodeError(form, new SqsError('ServiceUnavailable', 'The store can take nothing now. Try again.'), id)
    this.#onError(error)
    return encodeError(form, new SqsError('InternalFailure', INTERNAL), id)
  }

  /** What a client must call its queues by, to reach this server as it just did. */
  readonly #originOf = ({ headers, socket }: IncomingMessage): string => {
    const { url } = this.#options
    if (url !== undefined) return url
    const { host } = headers
    const scheme = this.#options.tls ? 'https' : 'http'
    if (host !== undefined && AUTHORITY.test(host)) return `${scheme}://${host}`
    const { localAddress = '127.0.0.1', localPort } = socket
    return `${scheme}://${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`
  }
}

function isHealth({ method, url }: IncomingMessage): boolean {
  return url === '/health' ? method !== 'POST' : method === 'HEAD'
}
