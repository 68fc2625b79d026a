/** What a stranger may take of a server: time, bytes and connections. */
import type { Ms } from '../../job.ts'

/** How long each may last, before the connection is cut off; the system's clock, looked at once a second. */
export interface Timeouts {
  /** The TLS handshake. Default 10 s. */
  handshake?: Ms
  /** A request's head. Default 10 s. */
  headers?: Ms
  /** A whole request. Default 30 s. */
  request?: Ms
  /** A connection without a request. Default 75 s. */
  idle?: Ms
  /** An answer of which nothing is taken. Default 60 s; longer than any receive waits. */
  untaken?: Ms
}

export const TIMEOUTS: Required<Timeouts> = {
  handshake: 10_000,
  headers: 10_000,
  request: 30_000,
  idle: 75_000,
  untaken: 60_000,
}

/** Connections at a time. */
export const MOST_CONNECTIONS = 20_000
/** Headers of one request. */
export const MOST_HEADERS = 100
/** Bytes of all bodies that are being read, and as many of answers that are not taken yet. */
export const MOST_BUFFERED = 1 << 28
/** Bytes of one request's body: a batch of 1 MiB, each byte of which may be written as three. */
export const MOST_BODY = 1 << 22
/** As much is read of whomever. */
export const SMALL_BODY = 1 << 16
/** An answer of so many bytes is counted until it is taken. */
export const LARGE_ANSWER = 1 << 12
/** Requests of one connection that are being answered. The SDKs send the next when the last was answered. */
export const MOST_REQUESTS = 32

/** Options of node:http's and node:https's servers. */
export function httpLimits(timeouts: Timeouts = {}) {
  const { handshake, headers, request, idle } = { ...TIMEOUTS, ...timeouts }
  return {
    connectionsCheckingInterval: Math.min(1000, headers, request),
    handshakeTimeout: handshake,
    headersTimeout: headers,
    requestTimeout: request,
    keepAliveTimeout: idle,
    maxHeaderSize: 16_384,
    // Ours answers in the service's shape.
    requireHostHeader: false,
    noDelay: true,
  }
}

export function untakenFor({ untaken = TIMEOUTS.untaken }: Timeouts = {}): Ms {
  return untaken
}

/** Bytes that are kept for clients: bodies that are being read, or answers that are not taken yet. */
export class Allowance {
  readonly #most: number
  #used = 0

  constructor(most: number) {
    this.#most = most
  }

  /** Whether there were so many left; they are taken in any case. */
  take(bytes: number): boolean {
    this.#used += bytes
    return this.#used <= this.#most
  }

  giveBack(bytes: number): void {
    this.#used -= bytes
  }

  get used(): number {
    return this.#used
  }
}
