/** A client of beanstalkd's protocol: the half that the transport and the command line stand on. */
import { ConnectionError, ServerError } from '../../errors.ts'
import type { JobId, Ms } from '../../job.ts'
import { checkTube, type Address } from './address.ts'
import { Wire, type Reply } from './wire.ts'

/** A job as the protocol gives it: its id on that server, and its bytes. */
export interface BeanstalkdJob {
  id: JobId
  body: Buffer
}

/**
 * One connection to a beanstalkd server, a real one or ours. Commands may be called without waiting for those before: those of one turn are sent at
 * once, and their replies come in order.
 * @example
 * const client = await BeanstalkdClient.connect({ host: '127.0.0.1', port: 11300 })
 * await client.put('mail', Buffer.from('{"job":"sendMail"}'))
 */
export class BeanstalkdClient {
  readonly #wire: Wire
  #used = 'default'

  private constructor(wire: Wire) {
    this.#wire = wire
  }

  /**
   * @param timeout how long it may take to connect. Default 5 s
   * @throws ConnectionError
   */
  static async connect(address: Address, timeout: Ms = 5000): Promise<BeanstalkdClient> {
    return new BeanstalkdClient(await Wire.connect(address, timeout))
  }

  /** delay and ttr in seconds; pri: lower is more urgent. */
  async put(
    tube: string,
    body: Uint8Array,
    { pri = 65_536, delay = 0, ttr = 60 } = {},
  ): Promise<{ id: JobId; buried: boolean }> {
    this.#use(tube)
    const command = `put ${pri} ${delay} ${ttr} ${body.length}`
    const { words } = await this.#wire.send(command, ['INSERTED', 'BURIED'], body)
    return { id: Number(words[1]), buried: words[0] === 'BURIED' }
  }

  /** @param timeout in seconds; undefined: waits for ever. undefined as answer: nothing came in time, or a job held by this connection is about to time out */
  async reserve(timeout?: number): Promise<BeanstalkdJob | undefined> {
    const taken = await this.take(timeout)
    return typeof taken === 'string' ? undefined : taken
  }

  /** As `reserve`, and says why there is no job: `DEADLINE_SOON`, one that this connection holds has less than a second left. */
  async take(timeout?: number): Promise<BeanstalkdJob | 'TIMED_OUT' | 'DEADLINE_SOON'> {
    const command = timeout === undefined ? 'reserve' : `reserve-with-timeout ${timeout}`
    const reply = await this.#wire.send(command, ['RESERVED', 'TIMED_OUT', 'DEADLINE_SOON'])
    return jobOf(reply) ?? (reply.words[0] as 'TIMED_OUT' | 'DEADLINE_SOON')
  }

  async watch(tube: string): Promise<number> {
    return Number((await this.#wire.send(`watch ${checkTube(tube)}`, ['WATCHING'])).words[1])
  }

  async ignore(tube: string): Promise<number> {
    return Number((await this.#wire.send(`ignore ${checkTube(tube)}`, ['WATCHING'])).words[1])
  }

  /** false: there is no such job, or another connection has it reserved. */
  async delete(id: JobId): Promise<boolean> {
    return this.#found(`delete ${id}`, 'DELETED')
  }

  async release(id: JobId, { pri = 65_536, delay = 0 } = {}): Promise<boolean> {
    return this.#found(`release ${id} ${pri} ${delay}`, 'RELEASED', 'BURIED')
  }

  async bury(id: JobId, pri = 65_536): Promise<boolean> {
    return this.#found(`bury ${id} ${pri}`, 'BURIED')
  }

  async touch(id: JobId): Promise<boolean> {
    return this.#found(`touch ${id}`, 'TOUCHED')
  }

  async kickJob(id: JobId): Promise<boolean> {
    return this.#found(`kick-job ${id}`, 'KICKED')
  }

  /** Makes so many buried jobs ready, or delayed ones if none is buried. */
  async kick(tube: string, bound: number): Promise<number> {
    this.#use(tube)
    return Number((await this.#wire.send(`kick ${bound}`, ['KICKED'])).words[1])
  }

  async peek(id: JobId): Promise<BeanstalkdJob | undefined> {
    return jobOf(await this.#wire.send(`peek ${id}`, ['FOUND', 'NOT_FOUND']))
  }

  /** Takes this very job, in any state but reserved. undefined: there is none, or it is reserved. beanstalkd 1.12 and newer. */
  async reserveJob(id: JobId): Promise<BeanstalkdJob | undefined> {
    return jobOf(await this.#wire.send(`reserve-job ${id}`, ['RESERVED', 'NOT_FOUND']))
  }

  async peekNext(tube: string, state: 'ready' | 'delayed' | 'buried'): Promise<BeanstalkdJob | undefined> {
    this.#use(tube)
    return jobOf(await this.#wire.send(`peek-${state}`, ['FOUND', 'NOT_FOUND']))
  }

  /** Nobody reserves from the tube for so many seconds; 0 ends a pause. false: there is no such tube. */
  async pause(tube: string, seconds: number): Promise<boolean> {
    return this.#found(`pause-tube ${checkTube(tube)} ${seconds}`, 'PAUSED')
  }

  async listTubes(): Promise<string[]> {
    const { body } = await this.#wire.send('list-tubes', ['OK'])
    return body
      .toString()
      .split('\n')
      .filter((line) => line.startsWith('- '))
      .map((line) => line.slice(2))
  }

  async stats(): Promise<Map<string, string>> {
    return dictionary(await this.#wire.send('stats', ['OK']))
  }

  async statsTube(tube: string): Promise<Map<string, string> | undefined> {
    return dictionaryIf(await this.#wire.send(`stats-tube ${checkTube(tube)}`, ['OK', 'NOT_FOUND']))
  }

  async statsJob(id: JobId): Promise<Map<string, string> | undefined> {
    return dictionaryIf(await this.#wire.send(`stats-job ${id}`, ['OK', 'NOT_FOUND']))
  }

  /** Is called once, when the connection has ended, by whomever. */
  ended(on: (error: Error) => void): void {
    this.#wire.ended(on)
  }

  /** Whether it still stands. */
  get open(): boolean {
    return !this.#wire.over
  }

  /** For how long a reply has been waited for and nothing has come. */
  get silence(): Ms {
    return this.#wire.silence
  }

  /** Commands without a reply yet are rejected. Jobs that it holds are ready again. */
  close(): void {
    this.#wire.close()
  }

  /** At once. Commands without a reply yet are rejected with the error. */
  destroy(error: Error): void {
    this.#wire.destroy(error)
  }

  /** Resolves when the connection is closed at both ends. */
  closed(): Promise<void> {
    return this.#wire.closed()
  }

  /** The commands from the next one on use this tube: it is sent at once, so that no other call's command comes between. */
  #use(tube: string): void {
    if (tube === this.#used) return
    const command = `use ${checkTube(tube)}`
    this.#used = tube
    this.#wire.send(command, ['USING']).catch((error: Error) => {
      // What was sent behind it concerns another tube.
      if (error instanceof ServerError)
        this.#wire.destroy(
          new ConnectionError(`The server refused to use ${tube}: it doesn't speak beanstalkd's protocol.`),
        )
    })
  }

  async #found(command: string, ...words: string[]): Promise<boolean> {
    return (await this.#wire.send(command, [...words, 'NOT_FOUND'])).words[0] !== 'NOT_FOUND'
  }
}

function jobOf({ words, body }: Reply): BeanstalkdJob | undefined {
  return words[0] === 'RESERVED' || words[0] === 'FOUND' ? { id: Number(words[1]), body } : undefined
}

function dictionaryIf(reply: Reply): Map<string, string> | undefined {
  return reply.words[0] === 'OK' ? dictionary(reply) : undefined
}

function dictionary({ body }: Reply): Map<string, string> {
  const entries = new Map<string, string>()
  for (const line of body.toString().split('\n')) {
    const end = line.indexOf(': ')
    if (end <= 0) continue
    const value = line.slice(end + 2)
    const quoted = value.length > 1 && value.startsWith('"') && value.endsWith('"')
    entries.set(line.slice(0, end), quoted ? value.slice(1, -1) : value)
  }
  return entries
}
