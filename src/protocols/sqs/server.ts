/** SQS over HTTP: listening, limits, drain. */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import type { Broker, Session } from '../../broker/broker.ts'
import { systemClock, type Clock } from '../../clock.ts'
import { InvalidArgumentError, UnavailableError } from '../../errors.ts'
import { closeAll, listen } from '../listener.ts'
import { perform } from './actions.ts'
import { refuseBytes, writeAnswer } from './answer.ts'
import { Bodies } from './body.ts'
import {
  decode,
  encode,
  encodeError,
  formOf,
  type Answer,
  type Asked,
  type Form,
  type Request as Asking,
} from './codec.ts'
import type { Call, Caller, Gone, Host } from './host.ts'
import { refusalOf } from './head.ts'
import { InFlight } from './in-flight.ts'
import {
  Allowance,
  LARGE_ANSWER,
  MOST_BUFFERED,
  MOST_CONNECTIONS,
  MOST_REQUESTS,
  httpLimits,
  type Timeouts,
  untakenFor,
} from './limits.ts'
import type { ActionName } from './model.ts'
import { Movers } from './mover.ts'
import { permit } from './permits.ts'
import { Polls } from './polls.ts'
import { Queues } from './queues.ts'
import { Receipts } from './receipt.ts'
import { Replays } from './replay.ts'
import type { SignedRequest } from './signature.ts'
import { SqsError } from './sqs-error.ts'

const ACCOUNT = /^\d{12}$/
const REGION = /^[a-z0-9-]{1,32}$/
const AUTHORITY = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/

/** In PEM. */
export interface Certificate {
  cert: string | Buffer
  key: string | Buffer
}

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

const EVERYBODY: Caller = Object.freeze({})
const INTERNAL = 'The request failed because of an error in the server; its log says more.'

/** One connection: what of its requests must be told when it goes. */
interface Connection {
  calls: readonly Request[]
  /** Bytes of answers that it hasn't taken yet. */
  untaken: number
  /** One of its requests was refused unread: what follows is nobody's. */
  refused: boolean
}

const NO_CALLS: readonly Request[] = Object.freeze([])

/** A request on its way. */
class Request implements Call {
  readonly res: ServerResponse
  readonly form: Form
  caller: Caller = EVERYBODY
  gone = false
  onGone?: Gone
  readonly #originOf: (req: IncomingMessage) => string
  #id: string | undefined

  constructor(res: ServerResponse, form: Form, originOf: (req: IncomingMessage) => string) {
    this.res = res
    this.form = form
    this.#originOf = originOf
  }

  /** Made when it is told: who waits needs none. */
  get id(): string {
    return (this.#id ??= randomUUID())
  }

  get origin(): string {
    return this.#originOf(this.res.req)
  }

  get trace(): string | undefined {
    const trace = this.res.req.headers['x-amzn-trace-id']
    return typeof trace === 'string' && trace !== '' ? trace : undefined
  }

  hangUp(): void {
    this.gone = true
    this.onGone?.hungUp()
  }
}

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
    if (!ACCOUNT.test(account))
      throw new InvalidArgumentError(`'${account}' is no account: give twelve digits, such as 000000000000.`)
    if (!REGION.test(region)) throw new InvalidArgumentError(`'${region}' is no region; give one such as us-east-1.`)
    this.#options = { ...options, account, region, tenant, ...(options.url && { url: originOf(options.url) }) }
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
    const { tls } = this.#options
    const limits = httpLimits(this.#options.timeouts)
    const server = tls ? createSecureServer({ ...limits, ...tls, minVersion: 'TLSv1.2' }) : createServer(limits)
    server.maxConnections = this.#options.maxConnections ?? MOST_CONNECTIONS
    server.maxHeadersCount = 100
    server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => this.#accept(socket))
    const bodies = new Bodies<Request>(this.#reading, {
      read: (call, body) => this.#serve(host, call, body),
      refused: (call, error) => this.#refuse(call, error),
    })
    server.on('request', (req, res) => this.#request(bodies, req, res))
    // Who asks first is refused before it sends what would be refused.
    server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => this.#request(bodies, req, res, true))
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      // Before the end of a TLS handshake nothing can be said.
      if (this.#connections.has(socket as Socket)) refuseBytes(error, socket as Socket)
      else socket.destroy()
    })
    return server
  }

  #accept(socket: Socket): void {
    const connection: Connection = { calls: NO_CALLS, untaken: 0, refused: false }
    this.#connections.set(socket, connection)
    socket.on('close', () => {
      const { calls } = connection
      connection.calls = NO_CALLS
      for (const call of calls) call.hangUp()
      this.#untaken.giveBack(connection.untaken)
      connection.untaken = 0
    })
  }

  #request(bodies: Bodies<Request>, req: IncomingMessage, res: ServerResponse, continues = false): void {
    if (this.#connections.get(req.socket)?.refused) return
    const call = new Request(res, formOf(head(req)), this.#originOf)
    const refusal = refusalOf(req, this.#options.admit)
    if (refusal) return this.#refuse(call, refusal)
    if (isHealth(req)) return this.#write(call, { status: 200, type: 'text/plain', body: 'ok\n' })
    if (continues) res.writeContinue()
    bodies.read(req, call)
  }

  /** The rest of the request isn't read. */
  #refuse(call: Request, error: SqsError): void {
    const connection = this.#connections.get(call.res.req.socket)
    if (connection) connection.refused = true
    this.#write(call, encodeError(call.form, error, call.id), true)
  }

  #serve(host: Host, call: Request, body: Buffer): void {
    const { method = '', url = '', rawHeaders, socket } = call.res.req
    const connection = this.#connections.get(socket)
    if (!connection || socket.destroyed) return
    // No client that waits for answers sends as many, and each that waits is kept.
    if (connection.calls.length >= MOST_REQUESTS) return void socket.destroy()
    connection.calls = connection.calls.concat(call)
    try {
      const caller = this.#options.authenticate?.({ method, url, rawHeaders, body }) ?? EVERYBODY
      if (caller instanceof Promise)
        caller.then(
          (caller) => this.#perform(host, connection, call, caller, body),
          (error: Error) => this.#fail(connection, call, error),
        )
      else this.#perform(host, connection, call, caller, body)
    } catch (error) {
      this.#fail(connection, call, error as Error)
    }
  }

  #perform(host: Host, connection: Connection, call: Request, caller: Caller, body: Buffer): void {
    call.caller = caller
    let asked: Asked
    try {
      asked = decode({ ...head(call.res.req), body }, call.form)
      permit(caller, asked.action, asked.input, host.queues)
    } catch (error) {
      return this.#fail(connection, call, error as Error)
    }
    // A receive may wait for long: what is needed no more, such as the body, must not be in reach of what waits with it.
    const { action } = asked
    perform(action, host, asked.input, call).then(
      (output) => this.#answer(connection, call, this.#encode(call, action, output)),
      (error: Error) => this.#fail(connection, call, error),
    )
  }

  #encode(call: Request, action: ActionName, output: object): Answer {
    try {
      return encode(call.form, action, output, call.id)
    } catch (error) {
      return this.#failure(call, error as Error)
    }
  }

  #answer(connection: Connection, call: Request, answer: Answer): void {
    const done = (): void => {
      connection.calls = connection.calls.filter((one) => one !== call)
    }
    // Until the answer is on its way, what it says may not have been said.
    if (call.onGone) call.res.once('finish', done)
    else done()
    if (call.gone) return
    if (answer.body.length >= LARGE_ANSWER && !this.#keep(call.res, connection, Buffer.byteLength(answer.body))) return
    this.#write(call, answer)
  }

  /** @param last the connection ends with it */
  #write({ res, id }: Request, answer: Answer, last = this.#closing): void {
    writeAnswer(res, id, answer, last)
    // Who waits, or has taken it at once, needs no timer.
    if (res.writableLength > 0) res.req.socket.setTimeout(untakenFor(this.#options.timeouts))
  }

  /** Counts an answer until it is taken. Where too many lie about, this client is cut off: what it was to get goes to others. */
  #keep(res: ServerResponse, connection: Connection, bytes: number): boolean {
    if (!this.#untaken.take(bytes)) {
      this.#untaken.giveBack(bytes)
      res.req.socket.destroy()
      return false
    }
    connection.untaken += bytes
    res.once('finish', () => {
      if (res.req.socket.destroyed) return
      connection.untaken -= bytes
      this.#untaken.giveBack(bytes)
    })
    return true
  }

  #fail(connection: Connection, call: Request, error: Error): void {
    this.#answer(connection, call, this.#failure(call, error))
  }

  #failure({ form, id }: Request, error: Error): Answer {
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

/** What says what is asked for, but for the body. */
function head({ method = '', url = '', headers }: IncomingMessage): Omit<Asking, 'body'> {
  return { method, url, contentType: headers['content-type'], target: headers['x-amz-target'] as string | undefined }
}

function isHealth({ method, url }: IncomingMessage): boolean {
  return url === '/health' ? method !== 'POST' : method === 'HEAD'
}

/** @throws InvalidArgumentError */
function checkCertificate(tls: Certificate): void {
  try {
    createSecureContext({ ...tls })
  } catch (error) {
    throw new InvalidArgumentError(
      `The certificate and its key can't be used for TLS: ${(error as Error).message}. Give both in PEM, made for each other.`,
      { cause: error },
    )
  }
}

function originOf(url: string): string {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new InvalidArgumentError(`'${url}' is no URL; give one such as https://queues.example.com.`)
  return new URL(url).origin
}
