import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Ms } from '../../job.ts'
import { MOST_REQUESTS, type Allowance } from './limits.ts'

/** A request on its way, which is to hear when its client has hung up. */
interface Pending {
  hangUp(): void
}

const NONE: readonly Pending[] = Object.freeze([])

/** One connection: which of its requests must be told when it goes, and what it hasn't taken of their answers. */
export class Connection {
  /** One of its requests was refused unread: what follows is nobody's. */
  refused = false
  readonly #socket: Socket
  readonly #room: Allowance
  readonly #patience: Ms
  #exchanges = NONE
  #untaken = 0

  /**
   * @param room for answers that are not taken yet, of all connections
   * @param patience how long nothing of an answer may be taken
   */
  constructor(socket: Socket, room: Allowance, patience: Ms) {
    this.#socket = socket
    this.#room = room
    this.#patience = patience
    socket.on('close', () => this.#gone())
  }

  get destroyed(): boolean {
    return this.#socket.destroyed
  }

  /** false: it has too many, and is cut off. No client that waits for answers sends as many, and each that waits is kept. */
  begin(exchange: Pending): boolean {
    if (this.#exchanges.length >= MOST_REQUESTS) {
      this.#socket.destroy()
      return false
    }
    this.#exchanges = this.#exchanges.concat(exchange)
    return true
  }

  end(exchange: Pending): void {
    this.#exchanges = this.#exchanges.filter((one) => one !== exchange)
  }

  /** Counts an answer until it is taken. Where too many lie about, this client is cut off: what it was to get goes to others. */
  keep(res: ServerResponse, bytes: number): boolean {
    if (!this.#room.take(bytes)) {
      this.#room.giveBack(bytes)
      this.#socket.destroy()
      return false
    }
    this.#untaken += bytes
    res.once('finish', () => {
      if (this.#socket.destroyed) return
      this.#untaken -= bytes
      this.#room.giveBack(bytes)
    })
    return true
  }

  /** It has an answer to take. */
  hurry(): void {
    this.#socket.setTimeout(this.#patience)
  }

  #gone(): void {
    const exchanges = this.#exchanges
    this.#exchanges = NONE
    for (const exchange of exchanges) exchange.hangUp()
    this.#room.giveBack(this.#untaken)
    this.#untaken = 0
  }
}
