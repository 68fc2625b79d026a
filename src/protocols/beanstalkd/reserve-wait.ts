import type { Line, Session } from '../../broker/broker.ts'
import type { Ms } from '../../job.ts'
import type { ChosenTubes } from './chosen-tubes.ts'
import type { Host } from './host.ts'
import { jobReply, type Pieces } from './reply.ts'

/** A reserve that has found nothing and waits for a job of the watched tubes, which are counted as waited for meanwhile. */
export class ReserveWait {
  readonly #host: Host
  readonly #tubes: ChosenTubes['watched']
  readonly #reply: (...pieces: Pieces) => void
  readonly #line: Line
  #callOff: (() => void) | undefined
  #over = false

  /**
   * @param timeout seconds; undefined: for ever
   * @param soon until one of the connection's own jobs is close to its deadline
   * @param reply called once
   */
  constructor(
    host: Host,
    session: Session,
    tubes: ChosenTubes,
    { timeout, soon }: { timeout: number | undefined; soon: Ms },
    reply: (...pieces: Pieces) => void,
  ) {
    this.#host = host
    this.#tubes = tubes.watched
    this.#reply = reply
    host.counters.waiting++
    for (const tube of this.#tubes) tube.waiting++
    this.#line = session.line(
      {
        queues: tubes.queues(),
        credit: 1,
        once: true,
        lease: { ms: 'own', bound: true },
        ...(timeout !== undefined && { wait: timeout * 1000 }),
      },
      {
        jobs: ([job]) => {
          if (job) this.#end(...jobReply('RESERVED', job.id, job.body))
        },
        end: (why) => this.#end(why === 'timeout' ? 'TIMED_OUT\r\n' : 'INTERNAL_ERROR\r\n'),
      },
    )
    const { clock } = host
    if (soon < Infinity) this.#callOff = clock.after(soon + (clock.grain ?? 0), () => this.stop('DEADLINE_SOON\r\n'))
  }

  stop(reply: string): void {
    this.#end(reply)
    void this.#line.close()
  }

  #end(...reply: Pieces): void {
    if (this.#over) return
    this.#over = true
    this.#callOff?.()
    this.#host.counters.waiting--
    for (const tube of this.#tubes) tube.waiting--
    this.#reply(...reply)
  }
}
