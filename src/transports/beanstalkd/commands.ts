import { ConnectionError, ServerError } from '../../errors.ts'
import type { JobId } from '../../job.ts'
import type { Answers, Call } from './calls.ts'
import type { BeanstalkdClient } from './client.ts'
import type { Connector } from './connector.ts'

/** The connection for everything but jobs in hand; made anew when it was lost. */
export class Commands {
  readonly #connector: Connector
  #client: Promise<BeanstalkdClient> | undefined

  constructor(connector: Connector) {
    this.#connector = connector
  }

  /** @throws ConnectionError at once, if no server answers */
  async open(): Promise<Answers['open']> {
    return (await this.#connected(0)).stats()
  }

  async put({ tube, body, pri, delay, ttr }: Call & { do: 'put' }): Promise<Answers['put']> {
    const client = await this.#connected()
    try {
      return await client.put(tube, body, { pri, delay, ttr })
    } catch (error) {
      const reply = error instanceof ServerError ? error.reply : ''
      if (reply === 'JOB_TOO_BIG') return 'too big'
      if (reply === 'OUT_OF_MEMORY') return 'full'
      if (reply === 'DRAINING') return 'draining'
      throw unknownOutcome(error)
    }
  }

  /** Of a job that nobody holds. */
  async delete(id: JobId): Promise<Answers['delete']> {
    return this.#change(await this.#connected(), id, 'delete')
  }

  async kick(id: JobId): Promise<Answers['kick']> {
    return this.#change(await this.#connected(), id, 'kick')
  }

  async next({ tube, state }: Call & { do: 'next' }): Promise<Answers['next']> {
    const client = await this.#connected()
    const job = await client.peekNext(tube, state)
    const stats = job && (await client.statsJob(job.id))
    return stats && { stats, body: job.body }
  }

  /** By the connection that showed it: a server that starts again may give its id to another. */
  async change({ tube, state, how }: Call & { do: 'change' }): Promise<Answers['change']> {
    const client = await this.#connected()
    const job = await client.peekNext(tube, state)
    return job && this.#change(client, job.id, how)
  }

  async job(id: JobId): Promise<Answers['job']> {
    const client = await this.#connected()
    const [stats, job] = await Promise.all([client.statsJob(id), client.peek(id)])
    return stats && job && { stats, body: job.body }
  }

  /** Of these tubes, or of all. */
  async tubes(tubes: readonly string[] | undefined): Promise<Answers['tubes']> {
    const client = await this.#connected()
    const stats = await Promise.all((tubes ?? (await client.listTubes())).map((tube) => client.statsTube(tube)))
    return stats.filter((one) => one !== undefined)
  }

  /** A tube that nobody uses or watches doesn't exist, and can't be paused: it is watched from here, as long as this connection stands. */
  async pause(tube: string, seconds: number): Promise<undefined> {
    const client = await this.#connected()
    try {
      await Promise.all([client.watch(tube), client.pause(tube, seconds)])
    } catch (error) {
      throw unknownOutcome(error)
    }
  }

  /** For how long it has been waiting for the server in vain. */
  async check(tooLong: number, error: () => Error): Promise<void> {
    const client = await this.#client?.catch(() => undefined)
    if (client && client.silence > tooLong) client.destroy(error())
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined)
    client?.close()
    await client?.closed()
  }

  /** On false: whether it is reserved, or gone. */
  async #change(client: BeanstalkdClient, id: JobId, how: 'delete' | 'kick'): Promise<Answers['delete']> {
    try {
      if (await (how === 'delete' ? client.delete(id) : client.kickJob(id))) return 'done'
      const stats = await client.statsJob(id)
      return !stats ? 'gone' : stats.get('state') === 'reserved' ? 'not held' : 'stale'
    } catch (error) {
      throw unknownOutcome(error)
    }
  }

  #connected(patience?: number): Promise<BeanstalkdClient> {
    return (this.#client ??= this.#connect(patience))
  }

  #connect(patience: number | undefined): Promise<BeanstalkdClient> {
    const connecting = this.#connector.connect(patience)
    const over = () => {
      if (this.#client === connecting) this.#client = undefined
    }
    connecting.then((client) => client.ended(over), over)
    return connecting
  }
}

/** The connection ended after something was sent that changes something. */
export function unknownOutcome(error: unknown): unknown {
  if (!(error instanceof ConnectionError)) return error
  return Object.assign(new Error(error.message), { name: 'UnknownOutcomeError' })
}
