import type { Ms, Queue, Reserved } from '../job.ts'
import type { ReserveOp } from '../stores/store.ts'
import type { Line, Want } from './broker.ts'

export interface LineEvents {
  jobs(jobs: Reserved[]): void
  end(why: 'timeout' | 'closed', error?: Error): void
}

/** Bytes of bodies that come in one delivery, unless the want says otherwise. */
const BYTES = 1 << 20

/** One place in the waiting line. */
export class WaitingLine implements Line {
  readonly want: Want
  readonly session: string
  readonly priority: number
  readonly #on: LineEvents
  readonly #lines: Lines
  #credit: number
  #callOff: (() => void) | undefined
  /** A reserve for it is on its way. */
  asking = false
  /** Something may have become ready since that reserve began. */
  askAgain = false
  /** Its time is over, but a reserve for it is on its way. */
  timedOut = false
  onFinish: () => void = () => undefined
  #ended = false

  constructor(want: Want, session: string, on: LineEvents, lines: Lines) {
    this.want = want
    this.session = session
    this.priority = want.priority ?? 0
    this.#credit = want.credit
    this.#on = on
    this.#lines = lines
  }

  get ended(): boolean {
    return this.#ended
  }

  get open(): boolean {
    return !this.#ended && this.#credit > 0
  }

  get queues(): readonly Queue[] {
    return this.want.queues
  }

  startTimer(after: (ms: Ms, run: () => void) => () => void): void {
    if (this.want.wait !== undefined) this.#callOff = after(this.want.wait, () => this.end('timeout'))
  }

  reserve(): ReserveOp {
    const { queues, bytes, lease, run, gone } = this.want
    return {
      do: 'reserve',
      from: queues,
      max: this.#credit,
      bytes: bytes ?? BYTES,
      lease: {
        ...(lease.ms !== undefined && { ms: lease.ms }),
        ...((lease.bound || lease.ms === undefined) && { session: this.session }),
      },
      ...(run && { run }),
      ...(gone && { gone }),
    }
  }

  deliver(jobs: Reserved[]): void {
    this.#credit -= jobs.length
    if (this.want.once) this.#finish()
    this.#on.jobs(jobs)
  }

  credit(jobs: number): void {
    const waited = this.open
    this.#credit += jobs
    if (!waited && this.open) this.#lines.ask(this)
  }

  async close(): Promise<void> {
    if (this.#ended) return
    this.#finish()
    await this.#lines.left(this)
  }

  end(why: 'timeout' | 'closed', error?: Error): void {
    if (this.#ended) return
    // A reserve that is on its way may bring a job: the answer to it is what ends the line.
    if (why === 'timeout' && this.asking) {
      this.timedOut = true
      return
    }
    this.#finish()
    this.#on.end(why, error)
  }

  #finish(): void {
    this.#ended = true
    this.#callOff?.()
    this.#lines.remove(this)
    this.onFinish()
  }
}

/** What the lines need of the broker. */
export interface Lines {
  /** This line wants a reserve in the next commit. */
  ask(line: WaitingLine): void
  remove(line: WaitingLine): void
  /** Resolves when what was on its way for the line is given back. */
  left(line: WaitingLine): Promise<void>
}
