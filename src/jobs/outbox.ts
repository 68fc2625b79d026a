import type { Op, Result, Transport } from '../transports/transport.ts'

/**
 * Outcomes on their way to the store: those of one turn go as one unit, since attempts often end together. Each has its own answer; a rejection concerns
 * all that went with it.
 */
export class Outbox {
  readonly #transport: Transport
  #ops: Op[] = []
  #sent: Promise<Result[]> | undefined

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** @throws what the transport's commit throws */
  commit(op: Op): Promise<Result> {
    const at = this.#ops.push(op) - 1
    this.#sent ??= Promise.resolve().then(this.#send)
    return this.#sent.then((results) => results[at] as Result)
  }

  readonly #send = (): Promise<Result[]> => {
    const ops = this.#ops
    this.#ops = []
    this.#sent = undefined
    return this.#transport.commit({ ops })
  }
}
