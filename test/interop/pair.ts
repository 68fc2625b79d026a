import { setTimeout as sleep } from 'node:timers/promises'
import { differences } from './differences.ts'
import type { Line, Step } from './steps.ts'
import { Talk } from './talk.ts'

/** A place where a server of the protocol listens. */
export interface At {
  host: string
  port: number
}

/** Long enough for a reply of a busy machine, in milliseconds. */
const patience = 5_000
const silence = '(no reply)'

/** The clients of one server: a few connections, made as they are needed, and one beside them that asks whether all is done. */
class Clients {
  readonly #at: At
  readonly #talks = new Map<number, Talk>()
  readonly #ids: string[] = []
  #beside: Talk | undefined

  constructor(at: At) {
    this.#at = at
  }

  async send(step: Step): Promise<void> {
    const talk = await this.#talk(step.on)
    talk.send(Buffer.from(step.lines.map((line) => this.#fill(line.bytes)).join(''), 'latin1'))
    if (step.lines.at(-1)?.ends) {
      this.#talks.delete(step.on)
      await talk.close()
    }
  }

  /** The next reply on a connection. */
  async reply(on: number): Promise<string> {
    const reply = await (await this.#talk(on)).reply(patience)
    const id = /^INSERTED (\d+)$/.exec(reply ?? '')?.[1]
    if (id) this.#ids.unshift(id)
    return reply ?? silence
  }

  async answered(on: number): Promise<boolean> {
    return (await this.#talk(on)).answered
  }

  /** Two round trips: what the last command brought about, for others too, is done then. */
  async settle(): Promise<void> {
    const beside = (this.#beside ??= await this.#stay())
    await beside.ask('list-tube-used')
    await beside.ask('list-tube-used')
  }

  /** Somebody watches the tubes that are used most, so that none of them ends with its statistics: when that is, is a difference. */
  async #stay(): Promise<Talk> {
    const beside = await Talk.to(this.#at)
    for (const tube of ['a', 'b', 'c']) await beside.ask(`watch ${tube}`)
    return beside
  }

  /** A word from each connection but those that wait. */
  async poke(waiting: ReadonlyMap<number, unknown>): Promise<void> {
    await this.settle()
    const others = [...this.#talks].filter(([on]) => !waiting.has(on))
    await Promise.all(others.map(([, talk]) => talk.ask('list-tube-used')))
    await this.settle()
  }

  close(): void {
    this.#beside?.destroy()
    for (const talk of this.#talks.values()) talk.destroy()
  }

  async #talk(on: number): Promise<Talk> {
    let talk = this.#talks.get(on)
    if (!talk) this.#talks.set(on, (talk = await Talk.to(this.#at)))
    return talk
  }

  #fill(bytes: string): string {
    return bytes.replace(/\{(\d+)\}/g, (_, n: string) => this.#ids[Number(n)] ?? '3000000000')
  }
}

/**
 * Sends the same steps to both servers and throws at the first reply that differs. A step of a connection that waits for a job is left out. At
 * most one connection waits at a time, unless those that do wait `apart`, each for tubes of its own: which of several gets a job is beanstalkd's
 * own affair.
 */
export class Pair {
  readonly #both: readonly [Clients, Clients]
  readonly #apart: boolean
  readonly #told: string[] = []
  /** By the number of its connection, what waits. */
  readonly #waiting = new Map<number, Line>()

  constructor(theirs: At, ours: At, apart = false) {
    this.#both = [new Clients(theirs), new Clients(ours)]
    this.#apart = apart
  }

  async play(step: Step): Promise<void> {
    const ends = step.lines.at(-1)?.ends
    if (this.#waiting.has(step.on) && !ends) return
    this.#waiting.delete(step.on)
    // Of those that wait apart, nobody else waits for what one of them had.
    if (this.#waiting.size && step.lines.some(returnsSeveral) && !(this.#apart && ends)) return
    if (this.#told.length === 0) await Promise.all(this.#both.map((clients) => clients.settle()))
    const lines =
      this.#waiting.size && !this.#apart
        ? step.lines.map((line) => (line.waits ? { bytes: 'reserve-with-timeout 0\r\n' } : line))
        : step.lines
    this.#told.push(`${step.on}> ${JSON.stringify(lines.map((line) => line.bytes).join(''))}`)
    await Promise.all(this.#both.map((clients) => clients.send({ ...step, lines })))
    for (const line of lines) {
      if (line.waits) this.#waiting.set(step.on, line)
      else for (let n = line.replies ?? 1; n > 0; n--) await this.#compare(step.on, line)
    }
    await this.woken()
  }

  /** Takes the replies to the connections that wait. */
  async woken(): Promise<void> {
    // Also where nobody waits: what an end of a connection brings about takes its time.
    await Promise.all(this.#both.map((clients) => clients.settle()))
    for (const [on, line] of this.#waiting)
      if (await this.#answered(on)) {
        this.#waiting.delete(on)
        await this.#compare(on, line)
      }
  }

  /** Whether one that waits has its reply, from both. */
  async #answered(on: number): Promise<boolean> {
    const end = performance.now() + patience
    for (;;) {
      const [theirs, ours] = await Promise.all(this.#both.map((clients) => clients.answered(on)))
      if (!theirs && !ours) return false
      if ((theirs && ours) || performance.now() > end) return true
      await sleep(10)
      await this.poke()
    }
  }

  /**
   * beanstalkd 1.12 forgets a deadline when it looks in the very microsecond of it: neither is the job's lease over then, nor will it look again before
   * its connection says something.
   */
  async poke(): Promise<void> {
    await Promise.all(this.#both.map((clients) => clients.poke(this.#waiting)))
  }

  close(): void {
    for (const clients of this.#both) clients.close()
  }

  async #compare(on: number, { bytes }: Line): Promise<void> {
    const [theirs, ours] = await Promise.all(this.#both.map((clients) => clients.reply(on)))
    this.#told.push(`${on}< ${JSON.stringify(theirs)}`)
    if (theirs === silence) throw new Error(`beanstalkd itself said nothing after\n${this.#told.join('\n')}`)
    if (alike(bytes, theirs ?? '', ours ?? '')) return
    throw new Error(`After\n${this.#told.join('\n')}\nQueueup said ${JSON.stringify(ours)}`)
  }
}

/** Several jobs come back at once: which of them one gets who waits is a difference. */
function returnsSeveral({ bytes, ends }: Line): boolean {
  return ends !== undefined || /^kick (?![01]\r)/.test(bytes)
}

/** Of the machine and the moment. */
const ignored = new Set([
  'pid',
  'version',
  'rusage-utime',
  'rusage-stime',
  'id',
  'hostname',
  'os',
  'platform',
  'total-connections',
  'uptime',
  'binlog-max-size',
])
const about = new Set(['age', 'time-left', 'pause-time-left'])
/** Seconds by which two servers that were asked in the same moment may differ: a machine that stalls holds up one of them. */
const STALL = 2

function alike(line: string, theirs: string, ours: string): boolean {
  for (const { like } of differences)
    if (like) {
      theirs = like(theirs, line)
      ours = like(ours, line)
    }
  if (theirs === ours) return true
  if (!theirs.startsWith('OK') || !ours.startsWith('OK')) return false
  const [left, right] = [theirs, ours].map((reply) => reply.split('\n').slice(1))
  if (!left || !right || left.length !== right.length) return false
  return left.every((text, n) => {
    const [key = '', value] = text.split(': ')
    const [key2, value2] = right[n]?.split(': ') ?? []
    if (key !== key2) return false
    if (line.startsWith('stats\r') && ignored.has(key)) return true
    return value === value2 || (about.has(key) && Math.abs(Number(value) - Number(value2)) <= STALL)
  })
}
