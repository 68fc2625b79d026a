/** What happens to workers in production, and seldom in tests. */
import { InvalidArgumentError } from '../errors.ts'
import type { Duration } from '../duration.ts'
import { checkOptions } from '../jobs/check.ts'
import { idOf } from '../jobs/info.ts'
import type { Worker } from '../jobs/worker.ts'
import type { Op, Transport } from '../transports/transport.ts'
import type { BrokerTransport } from '../transports/broker.ts'

/** A worker of the test, with a session of its own. */
export interface Running {
  worker: Worker
  transport: BrokerTransport
  death: AbortController
}

export class Simulate {
  readonly #running: Set<Running>
  readonly #transport: Transport
  readonly #settle: () => Promise<void>

  /** @internal Use TestQueue.simulate. */
  constructor(running: Set<Running>, transport: Transport, settle: () => Promise<void>) {
    this.#running = running
    this.#transport = transport
    this.#settle = settle
  }

  /**
   * As if the worker's process had been killed: its jobs go back as lost, which counts as a failure, and come again after a little while. Its handlers
   * can't be ended from without: whatever they still do with their job has no effect, and their signals don't fire.
   * @param worker default: all
   */
  async crash(worker?: Worker): Promise<void> {
    for (const one of this.#of(worker)) {
      this.#running.delete(one)
      one.death.abort()
      await one.transport.leave('lost')
    }
    await this.#settle()
  }

  /**
   * As if a worker had been taken for dead while it works: its job goes back as lost, its signal fires with a LeaseLostError, and what it says of the job
   * is no longer taken.
   * @param id default: all jobs that are being worked
   */
  async loseLease(id?: string): Promise<void> {
    const ids = id === undefined ? await this.#reserved() : [idOf(id)]
    const ops: Op[] = ids.map((job) => ({ do: 'release', job: { id: job, force: true }, as: 'lost' }))
    const results = ops.length > 0 ? await this.#transport.commit({ ops }) : []
    if (id !== undefined && !results[0]?.ok) throw new InvalidArgumentError(`Job ${id} isn't being worked.`)
    await this.#settle()
  }

  /**
   * As at a SIGTERM: workers finish what they have, or give it back after `within`, which passes when the clock is moved.
   * @param options.within default: the worker's `stopWithin`
   * @example
   * const stopped = queue.simulate.stop({ within: '5s' })
   * await queue.clock.advance('5s')
   * await stopped
   */
  async stop(options: { worker?: Worker; within?: Duration } = {}): Promise<void> {
    checkOptions(options, 'options of a stop', { worker: true, within: true })
    const { worker, ...rest } = options
    await Promise.all([...this.#of(worker)].map((one) => one.worker.stop(rest)))
  }

  #of(worker: Worker | undefined): Running[] {
    const all = [...this.#running]
    if (worker === undefined) return all
    const one = all.find((running) => running.worker === worker)
    if (!one) throw new InvalidArgumentError("That worker isn't running here.")
    return [one]
  }

  async #reserved(): Promise<number[]> {
    const ids: number[] = []
    for (const { queue } of await this.#transport.stats()) {
      const { jobs } = await this.#transport.look({ where: { queue, states: ['reserved'] }, limit: 10_000 })
      ids.push(...jobs.map((job) => job.id))
    }
    return ids
  }
}
