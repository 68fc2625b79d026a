import type { Ms, Queue, QueuePolicy, State } from '../../job.ts'

/** Jobs of equal urgency to beanstalkd's eyes: below this priority. */
export const URGENT = 1024

/** A queue as the state machine works on it: its policy and its counters. A store's table may extend it by what keeps its jobs in order. */
export class QueueRow {
  /** Never given out twice, so that a queue deleted and declared again doesn't see old jobs. */
  readonly no: number
  readonly name: Queue
  policy: QueuePolicy | undefined = undefined
  /** Nobody takes from it before this moment. */
  pausedUntil: Ms = 0
  ready = 0
  urgent = 0
  delayed = 0
  waiting = 0
  reserved = 0
  buried = 0
  bytes = 0
  puts = 0
  gone = 0
  /** Buried, and on their way to the dead-letter target: they don't count towards the limits. */
  leaving = 0
  leavingBytes = 0
  /** When a job last came or left. */
  used: Ms = 0

  constructor(no: number, name: Queue) {
    this.no = no
    this.name = name
  }

  get jobs(): number {
    return this.ready + this.delayed + this.waiting + this.reserved + this.buried
  }

  /** Those of the states in which it has jobs. A look for others would be for nothing, and for some states goes over the jobs of all queues. */
  inhabited(states: readonly State[]): Exclude<State, 'finished'>[] {
    return states.filter((state) => state !== 'finished' && this[state] > 0) as Exclude<State, 'finished'>[]
  }

  /** Counts a row in (1) or out (-1) of its state. */
  count({ state, pri }: { state: Exclude<State, 'finished'>; pri: number }, by: 1 | -1): void {
    this[state] += by
    if (state === 'ready' && pri < URGENT) this.urgent += by
  }
}
