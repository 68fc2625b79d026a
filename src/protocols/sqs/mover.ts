/** What moves the messages of move tasks: one process a task, and another one goes on when that one dies. */
import type { Broker, Session } from '../../broker/broker.ts'
import { changeRecord } from '../../broker/records.ts'
import type { Clock } from '../../clock.ts'
import { ClosedError, UnavailableError } from '../../errors.ts'
import type { Ms, Queue, State } from '../../job.ts'
import type { BulkOp, ForwardOp } from '../../stores/store.ts'

export interface Task {
  id: string
  status: 'RUNNING' | 'COMPLETED' | 'CANCELLING' | 'CANCELLED' | 'FAILED'
  /** Absent: where each message died. */
  to?: Queue
  /** Messages a second. */
  rate?: number
  moved: number
  toMove: number
  started: Ms
  failure?: string
}

/** The record `sqs/move/<queue>`: the tasks of one source, the newest first. */
export interface TaskRecord {
  tasks: Task[]
}

/** How far a task has come. What can't be moved is passed over: bulk takes the first, so those behind are looked for page by page. */
interface Progress {
  searching?: true
  after?: string | undefined
  /** A queue in which some died was deleted. */
  missing?: true
  /** A queue had no room for some. */
  full?: true
}

const TASKS = 'sqs/move/'
/** Says which process moves, and vanishes with it. */
const MOVER = 'sqs/mover/'
/** Moved in one commit, where no rate is given. */
const SLICE = 500
const SECOND: Ms = 1000
const STATES: State[] = ['ready', 'waiting', 'delayed']
const NO_QUEUE = 'AWS.SimpleQueueService.NonExistentQueue'
/** Nobody knows where they came from. */
const NO_SOURCE = 'CouldNotDetermineMessageSource'
/** As who sends there is told. */
const FULL = 'RequestThrottled'

export function taskKey(queue: Queue): string {
  return `${TASKS}${queue}`
}

export class Movers {
  readonly #broker: Broker
  readonly #session: Session
  readonly #clock: Clock
  readonly #onError: (error: Error) => void
  readonly #running = new Map<Queue, Promise<void>>()
  readonly #unwatch: (() => void)[]
  #closed = false

  constructor(broker: Broker, session: Session, clock: Clock, onError: (error: Error) => void) {
    this.#broker = broker
    this.#session = session
    this.#clock = clock
    this.#onError = onError
    this.#unwatch = [TASKS, MOVER].map((prefix) => broker.records.watch(prefix, () => this.look()))
    this.look()
  }

  /** Resolves when none runs here any more; what isn't done is for another process, or the next start. */
  async close(): Promise<void> {
    this.#closed = true
    for (const stop of this.#unwatch) stop()
    await Promise.all(this.#running.values())
  }

  /** Takes on tasks that nobody runs. */
  look(): void {
    if (this.#closed) return
    for (const { key, value } of this.#broker.records.list(TASKS)) {
      const queue = key.slice(TASKS.length) as Queue
      const active = (value as TaskRecord).tasks.some(({ status }) => status === 'RUNNING' || status === 'CANCELLING')
      if (!active || this.#running.has(queue) || this.#broker.records.get(`${MOVER}${queue}`)) continue
      this.#running.set(queue, this.#keepRunning(queue))
    }
  }

  async #keepRunning(queue: Queue): Promise<void> {
    let again = true
    try {
      await this.#run(queue)
    } catch (error) {
      // The broker didn't wait for it; the rest is for another process, or the next start.
      if (!(this.#closed && error instanceof ClosedError)) this.#onError(error as Error)
      again = error instanceof UnavailableError
      if (again && !this.#closed) await this.#second()
    }
    this.#running.delete(queue)
    // For what was started while this one came to its end.
    if (again) this.look()
  }

  /**
   * Changes the tasks of a source, whatever others change at the same time.
   * @param change undefined: nothing is to be changed
   * @throws UnavailableError, and what `change` throws
   */
  async change(queue: Queue, change: (old: TaskRecord) => TaskRecord | undefined): Promise<void> {
    const { records } = this.#broker
    await changeRecord(
      this.#session,
      records,
      taskKey(queue),
      (old: TaskRecord | undefined) => change(old ?? { tasks: [] }) ?? old,
    )
    await records.refresh()
  }

  /** Tasks end with their source. @throws UnavailableError */
  async forget(queue: Queue): Promise<void> {
    await changeRecord(this.#session, this.#broker.records, taskKey(queue), () => undefined)
    await this.#broker.records.refresh()
  }

  async #run(queue: Queue): Promise<void> {
    const mover = `${MOVER}${queue}`
    const [claimed] = await this.#session.commit({
      ops: [{ do: 'record', key: mover, value: this.#session.id, version: 0, session: this.#session.id }],
    })
    await this.#broker.records.refresh()
    if (!claimed?.ok) return
    try {
      const progress: Progress = {}
      while (!this.#closed && (await this.#step(queue, progress))) if (await this.#rated(queue)) await this.#second()
    } finally {
      await this.#session.commit({ ops: [{ do: 'record', key: mover, value: undefined }] })
      await this.#broker.records.refresh()
    }
  }

  /** Moves a slice. Answers whether there is more to do. */
  async #step(queue: Queue, progress: Progress): Promise<boolean> {
    let active: Task | undefined
    await this.change(queue, ({ tasks }) => {
      active = tasks.find(({ status }) => status === 'RUNNING' || status === 'CANCELLING')
      if (active?.status !== 'CANCELLING') return undefined
      return { tasks: tasks.map((task) => (task === active ? { ...task, status: 'CANCELLED' } : task)) }
    })
    if (active?.status !== 'RUNNING') return false
    const { id, to = 'origin', rate = SLICE, toMove } = active
    const limit = Math.min(rate, SLICE)
    if (to !== 'origin' && !this.#exists(to)) progress.missing = true
    const { count, more: others } = progress.searching
      ? await this.#search(queue, to, limit, progress)
      : await this.#slice(queue, to, limit)
    // What came meanwhile is for the next task: those that come back here at once would be moved for ever.
    const short = active.moved + count < toMove
    const unseen = others && short
    const [stats] = unseen ? [] : await this.#session.stats([queue])
    const left = stats !== undefined && short && stats.ready + stats.waiting + stats.delayed > 0
    const search = left && count === 0 && !progress.searching && !progress.missing
    const more = unseen || search || (left && count > 0 && !progress.searching)
    if (search) progress.searching = true
    await this.change(queue, ({ tasks }) =>
      tasks.some((task) => task.id === id)
        ? { tasks: tasks.map((task) => (task.id === id ? advanced(task, count, more, left, progress) : task)) }
        : undefined,
    )
    return more
  }

  /** A queue that was deleted must not come back by what is moved there, without what was set for it. */
  #exists(queue: Queue): boolean {
    return this.#broker.records.get(`queue/${queue}`) !== undefined
  }

  /** The first that can be moved, if they are among the first at all. */
  async #slice(queue: Queue, to: Queue | 'origin', limit: number): Promise<{ count: number; more: boolean }> {
    const act: BulkOp['act'] = { to, explicit: true }
    const [result] = await this.#session.commit({ ops: [{ do: 'bulk', where: { queue, states: STATES }, act, limit }] })
    return result?.ok && result.do === 'bulk' ? result : { count: 0, more: false }
  }

  /** Those of the next page that can be moved. */
  async #search(
    queue: Queue,
    destination: Queue | 'origin',
    limit: number,
    progress: Progress,
  ): Promise<{ count: number; more: boolean }> {
    const where = { queue, states: STATES }
    const { after: from } = progress
    const { jobs, after } = await this.#session.look({
      where,
      limit: SLICE,
      ...(from !== undefined && { after: from }),
    })
    const ops: ForwardOp[] = []
    for (const { id, deaths, state, at } of jobs) {
      const to = destination === 'origin' ? deaths?.[0]?.queue : destination
      if (to === undefined) continue
      const target = { queue: to, ...(state === 'delayed' && at !== undefined && { at }) }
      if (this.#exists(to)) ops.push({ do: 'forward', job: { id }, to: [target], why: 'asked' })
      else progress.missing = true
    }
    let tried = 0
    let count = 0
    while (count === 0 && tried < ops.length) {
      const results = await this.#session.commit({ ops: ops.slice(tried, (tried += limit)) })
      count = results.filter(({ ok }) => ok).length
      const refusals = new Set(results.map((one) => (one.ok ? undefined : one.why)))
      if (refusals.has('full') || refusals.has('too big')) progress.full = true
      // Where all go to one queue, those behind find no room either.
      if (refusals.has('full') && destination !== 'origin') return { count, more: false }
    }
    if (tried < ops.length) return { count, more: true }
    progress.after = after
    return { count, more: after !== undefined }
  }

  async #rated(queue: Queue): Promise<boolean> {
    const record = this.#broker.records.get(taskKey(queue))?.value as TaskRecord | undefined
    return record?.tasks.some(({ status, rate }) => status === 'RUNNING' && rate !== undefined) === true
  }

  #second(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(SECOND, resolve)
    })
  }
}

/** A task after a slice in which so many were moved. */
function advanced(task: Task, count: number, more: boolean, left: boolean, progress: Progress): Task {
  const moved = task.moved + count
  if (more) return { ...task, moved }
  if (task.status === 'CANCELLING') return { ...task, moved, status: 'CANCELLED' }
  if (!left) return { ...task, moved, status: 'COMPLETED' }
  return { ...task, moved, status: 'FAILED', failure: progress.missing ? NO_QUEUE : progress.full ? FULL : NO_SOURCE }
}
