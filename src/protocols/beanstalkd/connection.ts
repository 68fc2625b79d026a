import type { Session } from '../../broker/broker.ts'
import { ClosedError, UnavailableError } from '../../errors.ts'
import type { Ms } from '../../job.ts'
import type { Op, Result, Unit } from '../../stores/store.ts'
import { ChosenTubes } from './chosen-tubes.ts'
import { Parser } from './codec.ts'
import type { Command, ConnectionCommand, LoneCommand, Refused } from './command.ts'
import type { Host } from './host.ts'
import { inspect } from './inspection.ts'
import { toOp, toWord, type Operation } from './operation.ts'
import { jobReply, type Pieces } from './reply.ts'
import { ReserveWait } from './reserve-wait.ts'
import { concernOthers, returnsJob, unitEnd, type Step } from './step.ts'
import { changeTube, isTubeCommand } from './tube-command.ts'

/** A job this close to its deadline answers DEADLINE_SOON to its holder who would wait for another (beanstalkd's SAFETY_MARGIN). */
const MARGIN: Ms = 1000
/** A unit has at most so many operations, and bytes of bodies that it puts. */
const MAX_OPS = 256
const MAX_BYTES = 1 << 20
/** Turns of the event loop until one who waits has been given what came back: the broker's batch may let two pass before it commits. */
const TURNS = 3
/** So long who looks waits for the jobs of a connection that has ended. */
const PATIENCE: Ms = 1000
/** While a command runs, so many bytes of later ones are read ahead. */
const READ_AHEAD = 65_536

/** The other side of the connection. */
export interface Peer {
  /** All of it in one go: some clients can't bear a body that comes without its CRLF. */
  write(...pieces: Pieces): void
  /** It hasn't taken so many replies that no more are made until it has; then `resume` is called. */
  readonly congested: boolean
  /** Read no more, or again. */
  hold(on: boolean): void
  /** Ends the connection after what was written. */
  end(): void
}

/**
 * One connection. Commands run strictly in their order; all that have arrived together become one unit of the broker's batch, up to one that has to
 * look at what the others did.
 */
export class Connection {
  readonly #host: Host
  readonly #peer: Peer
  readonly #session: Session
  readonly #parser: Parser
  readonly #tubes: ChosenTubes
  #working = false
  #held = false
  /** Something came back for those who wait by its last command. */
  #owes = false
  /** A command that was read, but has to wait for those before it. */
  #unread: Command | undefined
  #waiting: ReserveWait | undefined
  #halfClosed = false
  /** No further command is run. */
  #over = false
  #closed = false
  /** Its end says nothing against the jobs that it holds. */
  #orderly = false
  #producer = false
  #worker = false

  constructor(host: Host, peer: Peer, name: string | undefined) {
    this.#host = host
    this.#peer = peer
    this.#session = host.broker.session({
      protocol: 'beanstalkd',
      tenant: host.tenant,
      principal: 'beanstalkd',
      ...(name !== undefined && { peer: name }),
    })
    this.#session.lost(({ why }) => {
      if (why === 'timeout') host.counters.jobTimeouts++
    })
    this.#parser = new Parser(host.maxJobSize)
    this.#tubes = new ChosenTubes(host.tubes, host.maxWatched)
    host.counters.connections++
    host.counters.totalConnections++
  }

  data(chunk: Buffer): void {
    this.#parser.push(chunk)
    if ((this.#working || this.#over || this.#peer.congested) && this.#parser.buffered > READ_AHEAD) this.#hold(true)
    this.resume()
  }

  /** The other side sends no more: a reserve that waits is answered, what came before is done, and the connection ends. */
  halfClose(): void {
    this.#halfClosed = true
    this.#waiting?.stop('TIMED_OUT\r\n')
    this.resume()
  }

  /** The server ends. A reserve that waits is not answered: its client must see that the server is gone, as with beanstalkd. */
  async stop(): Promise<void> {
    this.#orderly = true
    if (this.#waiting) await this.#leave()
    else this.halfClose()
  }

  /** Goes on with what came, if it isn't at it. */
  resume(): void {
    if (this.#working || this.#over) return
    this.#working = true
    this.#work().then(this.#rest, this.#fail)
  }

  /** The connection is gone: its jobs go back to the ready ones. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = this.#over = true
    this.#waiting?.stop('')
    const { clock, counters, leaving } = this.#host
    this.#tubes.leave()
    // A job may be what killed its worker, of which no more is seen than this.
    const left = this.#session.close(this.#orderly ? 'released' : 'lost')
    // Not for a store that can't take its jobs back for now: who looks is not to wait for that.
    let callOff = () => {}
    const awaited = Promise.race([left, new Promise<void>((resolve) => (callOff = clock.after(PATIENCE, resolve)))])
    leaving.add(awaited)
    void awaited.finally(() => leaving.delete(awaited))
    try {
      await left
    } finally {
      callOff()
      // Who counts it no more finds its jobs with the others.
      counters.connections--
      if (this.#producer) counters.producers--
      if (this.#worker) counters.workers--
    }
  }

  // ------------------------------------------------------------------ the order of things

  async #work(): Promise<void> {
    let turned = false
    while (!this.#closed && !this.#peer.congested) {
      const { steps, lone } = this.#gather()
      if (!turned && ((lone && lone.name !== 'quit') || concernOthers(steps, this.#session))) {
        // It may be read before the end or the beginning of another connection that came earlier: a turn later that is read, too.
        turned = true
        await turn()
      }
      if (steps.length > 0) await this.#perform(steps)
      if (this.#closed) return
      // Who looks finds what the commands before it gave to those who wait already taken.
      if (lone && (this.#owes || (steps.length > 0 && this.#host.broker.waiting() > 0))) await this.#yield()
      if (lone?.name === 'quit') {
        this.#orderly = true
        await this.#leave()
      } else if (lone) {
        const reply = await this.#alone(lone)
        this.#peer.write(...(typeof reply === 'string' ? [reply] : reply))
        this.#owes = isTubeCommand(lone) && this.#host.broker.waiting() > 0
      } else if (steps.length === 0) {
        if (this.#halfClosed) await this.#leave()
        return
      }
    }
  }

  /** Its tubes and jobs are free now, not only when its socket is gone: who connects next finds nothing of it. */
  async #leave(): Promise<void> {
    this.#peer.end()
    await this.close()
  }

  /** Who waits takes what came back by this connection's last command, before its next one is done: whether or not that came in the same packet. */
  async #yield(): Promise<void> {
    this.#owes = false
    for (let i = 0; i < TURNS; i++) await turn()
  }

  /** Nothing more can be done now. */
  readonly #rest = (): void => {
    this.#working = false
    if (this.#over || this.#peer.congested) return
    if (this.#halfClosed) this.resume()
    else this.#hold(false)
  }

  #end(): void {
    this.#over = true
    this.#peer.end()
  }

  /** What failed may or may not have happened, and the client can't be told which: it must not go on as if it could. */
  readonly #fail = (error: Error): void => {
    this.#working = false
    if (this.#closed) return
    if (!(error instanceof ClosedError)) this.#peer.write('INTERNAL_ERROR\r\n')
    this.#end()
  }

  #hold(on: boolean): void {
    if (on === this.#held) return
    this.#held = on
    this.#peer.hold(on)
  }

  /** Turns what came into steps, up to a command that has to look at the store by itself. */
  #gather(): { steps: Step[]; lone?: LoneCommand } {
    const steps: Step[] = []
    const { maxReserves } = this.#host
    let bytes = 0
    let reserves = 0
    let mayWait = false
    while (steps.length < MAX_OPS && bytes < MAX_BYTES && reserves < maxReserves) {
      const command = this.#unread ?? this.#parser.next()
      this.#unread = undefined
      if (!command) break
      switch (command.name) {
        case 'put':
          bytes += command.body.length
          steps.push({ name: 'put', queue: this.#tubes.used.queue, command })
          break
        case 'reserve':
        case 'reserve-with-timeout':
        case 'reserve-job':
          reserves++
          if (command.name !== 'reserve-job') mayWait = true
          steps.push(command)
          break
        case 'delete':
        case 'release':
        case 'bury':
        case 'touch':
        case 'kick-job':
          steps.push(command)
          break
        default: {
          if (mayWait) {
            // Others must not see its effect, nor that it came, before the reserve ahead of it is answered.
            this.#unread = command
            return { steps }
          }
          const reply = this.#atOnce(command)
          if (reply === undefined) return { steps, lone: command as LoneCommand }
          steps.push(reply)
        }
      }
    }
    return { steps }
  }

  /** The reply to a command that needs nothing of the store; undefined: this one does. */
  #atOnce(command: ConnectionCommand | LoneCommand | Refused): string | undefined {
    if (command.name === 'refused') {
      if (command.counts) this.#count(command.counts)
      if (command.reply === 'EXPECTED_CRLF') this.#isProducer()
      return `${command.reply}\r\n`
    }
    if (command.name !== 'quit') this.#count(command.name)
    switch (command.name) {
      case 'use':
        this.#tubes.use(command.tube)
        return `USING ${command.tube}\r\n`
      case 'watch':
        return this.#tubes.watch(command.tube) ? this.#watching() : 'OUT_OF_MEMORY\r\n'
      case 'ignore':
        return this.#tubes.ignore(command.tube) ? this.#watching() : 'NOT_IGNORED\r\n'
      case 'list-tube-used':
        return `USING ${this.#tubes.used.name}\r\n`
      default:
        return undefined
    }
  }

  #watching(): string {
    return `WATCHING ${this.#tubes.watched.length}\r\n`
  }

  async #alone(command: Exclude<LoneCommand, { name: 'quit' }>): Promise<string | Pieces> {
    const { leaving } = this.#host
    // Who looks finds a connection there, or gone with all that it had.
    if (leaving.size > 0) await Promise.allSettled(leaving)
    try {
      if (isTubeCommand(command)) return await changeTube(this.#host, this.#session, this.#tubes, command)
      return await inspect(this.#host, this.#session, this.#tubes, command)
    } catch (error) {
      if (error instanceof UnavailableError) return 'INTERNAL_ERROR\r\n'
      throw error
    }
  }

  #count(name: string): void {
    this.#host.counters.command(name)
  }

  /** Runs steps and writes their replies. Where a reserve finds nothing it waits, and what stands behind it waits with it. */
  async #perform(steps: Step[]): Promise<void> {
    let from = 0
    while (from < steps.length && !this.#closed) {
      if (this.#owes) await this.#yield()
      const end = unitEnd(steps, from, this.#host.broker)
      this.#owes = this.#host.broker.waiting() > 0 && steps.slice(from, end).some(returnsJob)
      const replied = this.#commit(steps, from, end)
      const at = typeof replied === 'number' ? replied : await replied
      // Its reserve was on its way when the connection broke: it waits no more.
      if (this.#closed) return
      const step = steps[at]
      if (at < end && step !== undefined && typeof step !== 'string') {
        await this.#wait(step.name === 'reserve-with-timeout' ? step.timeout : undefined)
        from = at + 1
      } else {
        from = end
      }
    }
  }

  /**
   * Commits the operations of these steps; what they say of the time is made now, since a reserve may have waited before them.
   * Returns where it stopped: at a reserve that found nothing, or at the end.
   */
  #commit(steps: Step[], from: number, end: number): number | Promise<number> {
    const ops: Op[] = []
    const unit: Unit = { ops }
    const { broker } = this.#host
    const { draining } = broker
    const { id } = this.#session
    let unsynced = true
    for (let i = from; i < end; i++) {
      const step = steps[i] as Step
      if (typeof step === 'string') continue
      if (draining && step.name === 'put') {
        this.#began('put')
        steps[i] = 'DRAINING\r\n'
        continue
      }
      const op = toOp(step, id, this.#tubes, this.#host)
      ops.push(op)
      if (op.do === 'reserve') unit.refused = 'wait'
      // A lease that ends with its connection need not outlive a power cut.
      else if (op.do !== 'touch') unsynced = false
    }
    if (unsynced) unit.unsynced = true
    return ops.length > 0 ? this.#answered(unit, steps, from, end) : this.#reply(steps, from, end, [])
  }

  #answered(unit: Unit, steps: readonly Step[], from: number, end: number): Promise<number> {
    return this.#session.commit(unit).then(
      (results) => this.#reply(steps, from, end, results),
      (error: unknown) => {
        if (error instanceof UnavailableError) return this.#reply(steps, from, end, undefined)
        throw error
      },
    )
  }

  /** Writes what is known by now. Returns where it stopped. results: undefined, when nothing of it was done. */
  #reply(steps: readonly Step[], from: number, end: number, results: readonly Result[] | undefined): number {
    const pieces: (string | Uint8Array)[] = []
    let out = ''
    let next = 0
    let i = from
    for (; i < end; i++) {
      const step = steps[i] as Step
      if (typeof step === 'string') {
        out += step
        continue
      }
      this.#began(step.name)
      if (!results) {
        out += step.name === 'put' ? 'OUT_OF_MEMORY\r\n' : 'INTERNAL_ERROR\r\n'
        continue
      }
      const result = results[next++] as Result
      if (result.ok && result.do === 'reserve') {
        const job = result.jobs[0]
        this.#isWorker()
        if (!job) continue
        const reply = jobReply('RESERVED', job.id, job.body)
        out += reply[0]
        if (reply.length === 1) continue
        pieces.push(out, reply[1])
        out = reply[2]
      } else if (!result.ok && result.why === 'empty' && step.name !== 'reserve-job') break
      else {
        if (result.ok && result.do === 'put') this.#host.counters.totalJobs++
        out += toWord(step.name, result)
      }
    }
    if (out !== '') this.#peer.write(...pieces, out)
    return i
  }

  /** Counts a command whose turn has come. */
  #began(name: Operation['name']): void {
    this.#count(name)
    if (name === 'put') this.#isProducer()
    else if (name === 'reserve' || name === 'reserve-with-timeout') this.#isWorker()
  }

  /** Waits for a job, for so many seconds or for ever, and replies. */
  #wait(timeout: number | undefined): Promise<void> {
    const soonest = this.#session.soonest()
    const soon = soonest === undefined ? Infinity : soonest - MARGIN - this.#host.broker.now()
    if (soon <= 0) return this.#answer('DEADLINE_SOON\r\n')
    if (timeout === 0 || this.#halfClosed) return this.#answer('TIMED_OUT\r\n')
    return new Promise((resolve) => {
      this.#waiting = new ReserveWait(this.#host, this.#session, this.#tubes, { timeout, soon }, (...reply) => {
        this.#waiting = undefined
        if (!this.#closed) this.#peer.write(...reply)
        resolve()
      })
    })
  }

  #answer(reply: string): Promise<void> {
    this.#peer.write(reply)
    return Promise.resolve()
  }

  #isProducer(): void {
    if (this.#producer) return
    this.#producer = true
    this.#host.counters.producers++
  }

  #isWorker(): void {
    if (this.#worker) return
    this.#worker = true
    this.#host.counters.workers++
  }
}

/** The turn in which those who wait take what has become ready. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
