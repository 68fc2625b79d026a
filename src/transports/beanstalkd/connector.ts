import { ConnectionError } from '../../errors.ts'
import type { Ms } from '../../job.ts'
import { nameOfAddress, type Address } from './address.ts'
import { BeanstalkdClient } from './client.ts'

/** After an attempt that failed it waits, at first and at the longest, for so long. */
const BACKOFF: { first: Ms; longest: Ms } = { first: 100, longest: 5000 }
/** So long a call waits for a server that is away, as one is that restarts. */
const PATIENCE: Ms = 5000
/** Whoever listens and never says a word in so long is no server. */
const GREETING: Ms = 5000

/** Connects, and connects again, but not as fast as it can. */
export class Connector {
  readonly #address: Address
  readonly #name: string
  #failures = 0
  #notBefore: Ms = 0
  #closed = false

  constructor(address: Address) {
    this.#address = address
    this.#name = nameOfAddress(address)
  }

  /**
   * @param patience for so long it tries again
   * @throws ConnectionError
   */
  async connect(patience: Ms = PATIENCE): Promise<BeanstalkdClient> {
    const end = performance.now() + patience
    for (;;) {
      const early = this.#notBefore - performance.now()
      if (early > 0) await new Promise((resolve) => setTimeout(resolve, early))
      if (this.#closed) throw new ConnectionError('The connection was closed.')
      try {
        const client = await this.#greeted()
        this.#failures = 0
        return client
      } catch (error) {
        const pause = Math.min(BACKOFF.longest, BACKOFF.first * 2 ** this.#failures++) * (0.5 + Math.random() / 2)
        this.#notBefore = performance.now() + pause
        if (this.#notBefore > end) throw error
      }
    }
  }

  close(): void {
    this.#closed = true
  }

  /** Something answers, and it speaks the protocol: a proxy takes connections that lead nowhere. */
  async #greeted(): Promise<BeanstalkdClient> {
    const client = await BeanstalkdClient.connect(this.#address, GREETING)
    const late = setTimeout(
      () =>
        client.destroy(
          new ConnectionError(`${this.#name} takes connections, but doesn't answer within ${GREETING / 1000} s.`),
        ),
      GREETING,
    )
    try {
      await client.watch('default')
      return client
    } catch (error) {
      client.close()
      if (error instanceof ConnectionError) throw error
      throw new ConnectionError(`${this.#name} doesn't speak beanstalkd's protocol: ${(error as Error).message}`, {
        cause: error,
      })
    } finally {
      clearTimeout(late)
    }
  }
}
