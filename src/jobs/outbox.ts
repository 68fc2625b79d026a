import type { Op, Result, Transport } from '../transports/transport.ts'

interface Waiting {
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

/**
 * Outcomes on their way to the store: those of one turn go as one unit, since attempts often end together. Each has its own answer; a rejection concerns
 * all that went with it.
 */
export class Outbox {
  readonly #transport: Transport
  #ops: Op[] = []
  #waiting: Waiting[] = []

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** @throws what the transport's commit throws */
  commit(op: Op): Promise<Result> {
    if (this.#ops.push(op) === 1) queueMicrotask(this.#send)
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  readonly #send = (): void => {
    const [ops, waiting] = [this.#ops, this.#waiting]
    this.#ops = []
    this.#waiting = []
    this.#transport.commit({ ops }).then(
      (results) => {
        for (let i = 0; i < waiting.length; i++) (waiting[i] as Waiting).resolve(results[i] as Result)
      },
      (error: unknown) => {
        for (const { reject } of waiting) reject(error)
      },
    )
  }
}
