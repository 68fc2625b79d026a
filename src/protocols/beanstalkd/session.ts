import type { Broker, Session } from '../../broker/broker.ts'
import type { Clock } from '../../clock.ts'
import { ClosedError, UnavailableError } from '../../errors.ts'
import type { Ms, Queue, State } from '../../job.ts'
import type { JobView, Look, Op, QueueStats, Result } from '../../stores/store.ts'
import {
  isTubeName,
  jobHead,
  jobReply,
  listReply,
  Parser,
  yamlReply,
  type Command,
  type ConnectionCommand,
  type Inspection,
  type JobCommand,
  type PutCommand,
  type Refused,
} from './codec.ts'
import { jobStats, serverStats, tubeStats, type Counters, type Identity } from './stats.ts'
import { Tube, type Tubes } from './tube.ts'

/** A job this close to its deadline answers DEADLINE_SOON to its holder who would wait for another (beanstalkd's SAFETY_MARGIN). */
const MARGIN: Ms = 1000
/** A unit has at most so many operations, and bytes of bodies that it puts. */
const MAX_OPS = 256
const MAX_BYTES = 1 << 20
/** A kick of many is done in slices of so many. */
const KICK = 1000
/** Commands after which jobs may be ready that others wait for. */
const WAKING: readonly string[] = ['kick', 'pause-tube']
/** Turns of the event loop until one who waits has been given what came back: the broker's batch may let two pass before it commits. */
const TURNS = 3
/** A larger body is written by itself, a smaller one in one piece with the replies around it. */
const LARGE = 16_384
/** While a command runs, so many bytes of later ones are read ahead. */
const READ_AHEAD = 65_536

/** What a connection needs of its server. */
export interface Host {
  readonly broker: Broker
  readonly clock: Clock
  readonly tenant: string
  readonly tubes: Tubes
  readonly counters: Counters
  readonly maxJobSize: number
  /** Tubes that one connection may watch. */
  readonly maxWatched: number
  /** Reserves that one unit may have: what their jobs hold must fit in memory for each connection. */
  readonly maxReserves: number
  identity(): Identity
}

/** The other side of the connection. */
export interface Peer {
  /** All of it in one go: some clients can't bear a body that comes without its CRLF. */
  write(...pieces: readonly (string | Uint8Array)[]): void
  /** It hasn't taken so many replies that no more are made until it has; then `resume` is called. */
  readonly congested: boolean
  /** Read no more, or again. */
  hold(on: boolean): void
  /** Ends the connection after what was written. */
  end(): void
}

/** Commands that are one operation of the store. */
type Operation = { name: 'put'; queue: Queue; command: PutCommand } | JobCommand

/** A command on its way: its reply, or the operation that will tell. */
type Step = string | Operation

/**
 * One connection. Commands run strictly in their order; all that have arrived together become one unit of the broker's batch, up to one that has to
 * look at what the others did.
 */
export class Connection {
  readonly #host: Host
  readonly #peer: Peer
  readonly #session: Session
  readonly #parser: Parser
  #used: Tube
  #watched: Tube[]
  #working = false
  #held = false
  /** Something came back for those who wait by its last command. */
  #owes = false
  /** A command that was read, but has to wait for those before it. */
  #unread: Command | undefined
  #stopWaiting: ((reply: string) => void) | undefined
  #halfClosed = false
  /** No further command is run. */
  #over = false
  #closed = false
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
    this.#used = host.tubes.get('default')
    this.#watched = [this.#used]
    this.#used.using++
    this.#used.watching++
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
    this.#stopWaiting?.('TIMED_OUT\r\n')
    this.resume()
  }

  /** Goes on with what came, if it isn't at it. */
  resume(): void {
    if (this.#working || this.#over) return
    this.#working = true
    this.#work().then(
      () => this.#rest(),
      (error: Error) => this.#fail(error),
    )
  }

  /** The connection is gone: its jobs go back to the ready ones. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = this.#over = true
    this.#stopWaiting?.('')
    const { counters, tubes } = this.#host
    this.#used.using--
    for (const tube of this.#watched) tube.watching--
    for (const tube of [this.#used, ...this.#watched]) tubes.release(tube)
    try {
      await this.#session.close('released')
    } finally {
      // Who counts it no more finds its jobs with the others.
      counters.connections--
      if (this.#producer) counters.producers--
      if (this.#worker) counters.workers--
    }
  }

  // ------------------------------------------------------------------ the order of things

  async #work(): Promise<void> {
    while (!this.#closed && !this.#peer.congested) {
      const { steps, inspection } = this.#gather()
      if (steps.length > 0) await this.#perform(steps)
      if (this.#closed) return
      // Who looks finds what the commands before it gave to those who wait already taken.
      if (inspection && (this.#owes || (steps.length > 0 && this.#host.broker.waiting() > 0))) await this.#yield()
      if (inspection?.name === 'quit') {
        this.#peer.end()
        await this.close()
      } else if (inspection) {
        this.#peer.write(await this.#inspect(inspection))
        this.#owes = WAKING.includes(inspection.name) && this.#host.broker.waiting() > 0
      } else if (steps.length === 0) return
    }
  }

  /** Who waits takes what came back by this connection's last command, before its next one is done: whether or not that came in the same packet. */
  async #yield(): Promise<void> {
    this.#owes = false
    for (let i = 0; i < TURNS; i++) await turn()
  }

  /** Nothing more can be done now. */
  #rest(): void {
    this.#working = false
    if (this.#over || this.#peer.congested) return
    if (this.#halfClosed) this.#end()
    else this.#hold(false)
  }

  #end(): void {
    this.#over = true
    this.#peer.end()
  }

  /** What failed may or may not have happened, and the client can't be told which: it must not go on as if it could. */
  #fail(error: Error): void {
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
  #gather(): { steps: Step[]; inspection?: Inspection } {
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
          steps.push({ name: 'put', queue: this.#used.queue, command })
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
          if (reply === undefined) return { steps, inspection: command as Inspection }
          steps.push(reply)
        }
      }
    }
    return { steps }
  }

  /** The reply to a command that needs nothing of the store; undefined: this one does. */
  #atOnce(command: ConnectionCommand | Inspection | Refused): string | undefined {
    if (command.name === 'refused') {
      if (command.counts) this.#count(command.counts)
      if (command.reply === 'EXPECTED_CRLF') this.#isProducer()
      return `${command.reply}\r\n`
    }
    if (command.name !== 'quit') this.#count(command.name)
    switch (command.name) {
      case 'use':
      case 'watch':
      case 'ignore':
        return this.#choose(command.name, command.tube)
      case 'list-tube-used':
        return `USING ${this.#used.name}\r\n`
      default:
        return undefined
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
      const end = this.#unitEnd(steps, from)
      this.#owes = this.#host.broker.waiting() > 0 && steps.slice(from, end).some(returnsJob)
      const at = await this.#commit(steps, from, end)
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
   * What becomes ready belongs to those who wait already, before this connection's next command: there the unit ends. Several puts stay together
   * while each is behind the one before, so that who waits longest gets the first one all the same.
   */
  #unitEnd(steps: readonly Step[], from: number): number {
    const { broker } = this.#host
    if (broker.waiting() === 0) return steps.length
    let awaited = false
    let pri = 0
    for (let i = from; i < steps.length; i++) {
      const step = steps[i] as Step
      if (typeof step === 'string') continue
      if (step.name === 'put') {
        if (step.command.delay > 0 || broker.waiting(step.queue) === 0) continue
        if (step.command.pri < pri) return i
        awaited = true
        pri = step.command.pri
      } else if (awaited) return i
      else if (step.name === 'kick-job' || (step.name === 'release' && step.delay === 0)) {
        awaited = true
        // Which job comes back, and how urgent it is, only the store knows: no put may overtake it.
        pri = Infinity
      }
    }
    return steps.length
  }

  /**
   * Commits the operations of these steps; what they say of the time is made now, since a reserve may have waited before them.
   * Returns where it stopped: at a reserve that found nothing, or at the end.
   */
  async #commit(steps: Step[], from: number, end: number): Promise<number> {
    const ops: Op[] = []
    const { draining } = this.#host.broker
    let reserves = false
    let unsynced = true
    for (let i = from; i < end; i++) {
      const step = steps[i] as Step
      if (typeof step === 'string') continue
      if (draining && step.name === 'put') {
        this.#began('put')
        steps[i] = 'DRAINING\r\n'
        continue
      }
      const op = this.#operation(step)
      ops.push(op)
      if (op.do === 'reserve') reserves = true
      // A lease that ends with its connection need not outlive a power cut.
      else if (op.do !== 'touch') unsynced = false
    }
    let results: Result[] | undefined
    if (ops.length > 0)
      try {
        results = await this.#session.commit({
          ops,
          ...(reserves && { refused: 'wait' as const }),
          ...(unsynced && { unsynced: true as const }),
        })
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error
      }
    return this.#reply(steps, from, end, results)
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
        if (job && job.body.length > LARGE) {
          pieces.push(out + jobHead('RESERVED', job.id, job.body), job.body)
          out = '\r\n'
        } else if (job) out += jobReply('RESERVED', job.id, job.body)
      } else if (!result.ok && result.why === 'empty' && step.name !== 'reserve-job') break
      else out += this.#word(step.name, result)
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

  #word(name: Operation['name'], result: Result): string {
    if (!result.ok) {
      if (name !== 'put') return 'NOT_FOUND\r\n'
      return result.why === 'too big' ? 'JOB_TOO_BIG\r\n' : 'OUT_OF_MEMORY\r\n'
    }
    switch (result.do) {
      case 'put': {
        const put = result.per[0]
        if (!put?.ok) return 'OUT_OF_MEMORY\r\n'
        this.#host.counters.totalJobs++
        return `INSERTED ${put.id}\r\n`
      }
      case 'finish':
        return 'DELETED\r\n'
      case 'release':
        if (name === 'kick-job') return 'KICKED\r\n'
        return result.state === 'buried' ? 'BURIED\r\n' : 'RELEASED\r\n'
      case 'bury':
        return 'BURIED\r\n'
      case 'touch':
        return 'TOUCHED\r\n'
      default:
        return 'INTERNAL_ERROR\r\n'
    }
  }

  /** Waits for a job, for so many seconds or for ever, and replies. */
  #wait(timeout: number | undefined): Promise<void> {
    const { clock, broker, counters } = this.#host
    const soonest = this.#session.soonest()
    const margin = soonest === undefined ? Infinity : soonest - MARGIN - broker.now()
    if (margin <= 0) return this.#answer('DEADLINE_SOON\r\n')
    if (timeout === 0 || this.#halfClosed) return this.#answer('TIMED_OUT\r\n')
    const watched = this.#watched
    counters.waiting++
    for (const tube of watched) tube.waiting++
    return new Promise((resolve) => {
      const end = (reply: string, body?: Uint8Array) => {
        if (!this.#stopWaiting) return
        this.#stopWaiting = undefined
        callOff?.()
        counters.waiting--
        for (const tube of watched) tube.waiting--
        if (!this.#closed) {
          if (body) this.#peer.write(reply, body, '\r\n')
          else this.#peer.write(reply)
        }
        resolve()
      }
      const stop = (reply: string) => {
        end(reply)
        void line.close()
      }
      this.#stopWaiting = stop
      const line = this.#session.line(
        {
          queues: watched.map((tube) => tube.queue),
          credit: 1,
          once: true,
          lease: { ms: 'own', bound: true },
          ...(timeout !== undefined && { wait: timeout * 1000 }),
        },
        {
          jobs: ([job]) => {
            if (!job) return
            if (job.body.length > LARGE) end(jobHead('RESERVED', job.id, job.body), job.body)
            else end(jobReply('RESERVED', job.id, job.body))
          },
          end: (why) => end(why === 'timeout' ? 'TIMED_OUT\r\n' : 'INTERNAL_ERROR\r\n'),
        },
      )
      const callOff = margin === Infinity ? undefined : clock.after(margin, () => stop('DEADLINE_SOON\r\n'))
    })
  }

  #answer(reply: string): Promise<void> {
    this.#peer.write(reply)
    return Promise.resolve()
  }

  // ------------------------------------------------------------------ commands

  #operation(step: Operation): Op {
    const { id: session } = this.#session
    switch (step.name) {
      case 'put': {
        const { queue } = step
        const { pri, delay, ttr, body } = step.command
        const lease = Math.max(1, ttr) * 1000
        const to =
          delay > 0
            ? { queue, pri, at: this.#after(delay), create: true as const }
            : { queue, pri, create: true as const }
        return { do: 'put', to: [to], msg: { body, lease } }
      }
      case 'reserve':
      case 'reserve-with-timeout':
        return this.#reserve(this.#queues())
      case 'reserve-job':
        return this.#reserve(step.id)
      case 'delete':
        return { do: 'finish', job: { id: step.id, held: session, free: true } }
      case 'release': {
        const { id, pri, delay } = step
        return { do: 'release', job: { id, held: session }, as: 'asked', pri, at: delay > 0 ? this.#after(delay) : 0 }
      }
      case 'bury':
        return { do: 'bury', job: { id: step.id, held: session }, why: 'asked', pri: step.pri }
      case 'touch':
        return { do: 'touch', job: { id: step.id, held: session }, ms: 'own' }
      case 'kick-job':
        return { do: 'release', job: { id: step.id }, as: 'kicked' }
    }
  }

  #after(seconds: number): Ms {
    return this.#host.broker.now() + seconds * 1000
  }

  #queuesCache: { watched: Tube[]; queues: Tube['queue'][] } | undefined

  #queues(): Tube['queue'][] {
    if (this.#queuesCache?.watched !== this.#watched)
      this.#queuesCache = { watched: this.#watched, queues: this.#watched.map((tube) => tube.queue) }
    return this.#queuesCache.queues
  }

  #reserve(from: Tube['queue'][] | number): Op {
    return {
      do: 'reserve',
      from,
      max: 1,
      bytes: Number.MAX_SAFE_INTEGER,
      lease: { ms: 'own', session: this.#session.id },
    }
  }

  #choose(name: 'use' | 'watch' | 'ignore', tubeName: string): string {
    const { tubes, maxWatched } = this.#host
    const watched = this.#watched
    switch (name) {
      case 'use': {
        const before = this.#used
        this.#used = tubes.get(tubeName)
        this.#used.using++
        before.using--
        tubes.release(before)
        return `USING ${tubeName}\r\n`
      }
      case 'watch': {
        if (watched.some((tube) => tube.name === tubeName)) break
        if (watched.length >= maxWatched) return 'OUT_OF_MEMORY\r\n'
        const tube = tubes.get(tubeName)
        tube.watching++
        this.#watched = [...watched, tube]
        break
      }
      case 'ignore': {
        const at = watched.findIndex((tube) => tube.name === tubeName)
        if (at < 0) break
        if (watched.length < 2) return 'NOT_IGNORED\r\n'
        const [tube] = watched.slice(at) as [Tube]
        // The last one takes the place of the one that leaves, as in beanstalkd: it shows in list-tubes-watched.
        const rest = watched.slice()
        rest[at] = rest.at(-1) as Tube
        rest.pop()
        this.#watched = rest
        tube.watching--
        tubes.release(tube)
        break
      }
    }
    return `WATCHING ${this.#watched.length}\r\n`
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

  // ------------------------------------------------------------------ commands that look

  async #inspect(command: Inspection): Promise<string> {
    try {
      return await this.#look(command)
    } catch (error) {
      if (error instanceof UnavailableError) return 'INTERNAL_ERROR\r\n'
      throw error
    }
  }

  async #look(command: Inspection): Promise<string> {
    const { broker, tubes, counters, maxJobSize } = this.#host
    switch (command.name) {
      case 'peek':
        return this.#found({ id: command.id, limit: 1 })
      case 'peek-ready':
        return this.#found(this.#first('ready', 'take'))
      case 'peek-delayed':
        return this.#found(this.#first('delayed', 'due'))
      case 'peek-buried':
        return this.#found(this.#first('buried', 'buried'))
      case 'kick':
        return `KICKED ${await this.#kick(command.bound)}\r\n`
      case 'stats-job': {
        const job = await this.#job({ id: command.id, limit: 1 })
        return job ? yamlReply(jobStats(job, tubes.nameOf(job.queue), broker.now())) : 'NOT_FOUND\r\n'
      }
      case 'stats-tube': {
        const stats = await this.#existing(command.tube)
        if (!stats) return 'NOT_FOUND\r\n'
        const tube = tubes.find(command.tube) ?? new Tube(command.tube, tubes.queueOf(command.tube))
        if (stats !== 'empty') return yamlReply(tubeStats(tube, stats, stats.pausedUntil, broker.now()))
        // A pause is kept for a tube without jobs, too.
        const pause = broker.records.get(`pause/${tube.queue}`)?.value
        return yamlReply(tubeStats(tube, undefined, typeof pause === 'number' ? pause : 0, broker.now()))
      }
      case 'pause-tube':
        return (await this.#pause(command.tube, command.delay)) ? 'PAUSED\r\n' : 'NOT_FOUND\r\n'
      case 'stats': {
        const stats = await this.#session.stats()
        const names = this.#names(stats)
        return yamlReply(
          serverStats(
            stats,
            { counters, tubes: names.length, maxJobSize, draining: broker.draining },
            this.#host.identity(),
          ),
        )
      }
      case 'list-tubes':
        return listReply(this.#names(await this.#session.stats()))
      case 'list-tubes-watched':
        return listReply(this.#watched.map((tube) => tube.name))
      default:
        return 'UNKNOWN_COMMAND\r\n'
    }
  }

  #first(state: State, order: NonNullable<Look['order']>): Look {
    return { where: { queue: this.#used.queue, states: [state] }, order, limit: 1 }
  }

  async #found(at: Look): Promise<string> {
    const job = await this.#job({ ...at, with: ['body'] })
    return job?.body ? jobReply('FOUND', job.id, job.body) : 'NOT_FOUND\r\n'
  }

  async #job(at: Look): Promise<JobView | undefined> {
    const { jobs } = await this.#session.look(at)
    return jobs[0]?.state === 'finished' ? undefined : jobs[0]
  }

  /** Of the used tube: buried jobs if there are any, else delayed ones. */
  async #kick(bound: number): Promise<number> {
    for (const state of ['buried', 'delayed'] as const) {
      let kicked = 0
      let more = true
      while (more && kicked < bound) {
        const [result] = await this.#session.commit({
          ops: [
            {
              do: 'bulk',
              where: { queue: this.#used.queue, states: [state] },
              act: 'kick',
              limit: Math.min(KICK, bound - kicked),
            },
          ],
        })
        if (!result?.ok || result.do !== 'bulk') break
        kicked += result.count
        more = result.more
      }
      if (kicked > 0) return kicked
    }
    return 0
  }

  async #pause(name: string, seconds: number): Promise<boolean> {
    if (!(await this.#existing(name))) return false
    const { broker, tubes } = this.#host
    const tube = tubes.get(name)
    tube.pauses++
    tube.pause = seconds
    tubes.release(tube)
    const until = broker.now() + seconds * 1000
    // 0 seconds end a pause, and wake who waits.
    await this.#session.commit({
      ops: [{ do: 'record', key: `pause/${tube.queue}`, value: seconds > 0 ? until : undefined }],
    })
    await broker.records.refresh()
    return true
  }

  /** The statistics of a tube that exists; 'empty': it does because somebody uses or watches it. */
  async #existing(name: string): Promise<QueueStats | 'empty' | undefined> {
    if (!isTubeName(name)) return undefined
    const { tubes } = this.#host
    const [stats] = await this.#session.stats([tubes.queueOf(name)])
    const known = name === 'default' || tubes.find(name)?.referenced === true
    if (stats && (known || exists(stats))) return stats
    return known ? 'empty' : undefined
  }

  /** Tubes that exist: with jobs, declared, used, watched, and `default`. */
  #names(stats: readonly QueueStats[]): string[] {
    const { tubes } = this.#host
    const names = new Set(['default'])
    for (const one of stats) if (exists(one)) names.add(tubes.nameOf(one.queue))
    for (const tube of tubes.referenced()) names.add(tube.name)
    return [...names].filter(isTubeName)
  }
}

/** The turn in which those who wait take what has become ready. */
/** What it gives back goes to one who waits, in a commit of its own. What is put goes in the commit of the put. */
function returnsJob(step: Step): boolean {
  return typeof step !== 'string' && (step.name === 'kick-job' || (step.name === 'release' && step.delay === 0))
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function exists(stats: QueueStats): boolean {
  return stats.explicit || stats.ready + stats.delayed + stats.waiting + stats.reserved + stats.buried > 0
}
