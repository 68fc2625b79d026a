/** What moves the messages of move tasks: one process a task, and another one goes on when that one dies. */
import type { Broker, Session } from '../../broker/broker.ts'
import { changeRecord } from '../../broker/records.ts'
import type { Clock } from '../../clock.ts'
import type { Ms, Queue } from '../../job.ts'

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

const TASKS = 'sqs/move/'
/** Says which process moves, and vanishes with it. */
const MOVER = 'sqs/mover/'
/** Moved in one commit, where no rate is given. */
const SLICE = 500
const SECOND: Ms = 1000

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
      this.#running.set(
        queue,
        this.#run(queue)
          .catch(this.#onError)
          .finally(() => this.#running.delete(queue)),
      )
    }
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

  async #run(queue: Queue): Promise<void> {
    const mover = `${MOVER}${queue}`
    const [claimed] = await this.#session.commit({
      ops: [{ do: 'record', key: mover, value: this.#session.id, version: 0, session: this.#session.id }],
    })
    if (!claimed?.ok) return
    await this.#broker.records.refresh()
    try {
      while (!this.#closed && (await this.#step(queue))) if (await this.#rated(queue)) await this.#second()
    } finally {
      await this.#session.commit({ ops: [{ do: 'record', key: mover, value: undefined }] })
      await this.#broker.records.refresh()
    }
  }

  /** Moves a slice. Answers whether there is more to do. */
  async #step(queue: Queue): Promise<boolean> {
    let active: Task | undefined
    await this.change(queue, ({ tasks }) => {
      active = tasks.find(({ status }) => status === 'RUNNING' || status === 'CANCELLING')
      if (active?.status !== 'CANCELLING') return undefined
      return { tasks: tasks.map((task) => (task === active ? { ...task, status: 'CANCELLED' } : task)) }
    })
    if (active?.status !== 'RUNNING') return false
    const { id, to = 'origin', rate = SLICE, toMove } = active
    if (to !== 'origin' && !this.#broker.records.get(`queue/${to}`)) return this.#fail(queue, id)
    const [result] = await this.#session.commit({
      ops: [
        {
          do: 'bulk',
          where: { queue, states: ['ready', 'waiting', 'delayed'] },
          act: { to },
          limit: Math.min(rate, SLICE),
        },
      ],
    })
    const slice = result?.ok && result.do === 'bulk' ? result : { count: 0, more: false }
    const { count } = slice
    const [stats] = slice.more ? [] : await this.#session.stats([queue])
    // What came meanwhile is for the next task: those that come back here at once would be moved for ever.
    const left = stats !== undefined && active.moved + count < toMove && stats.ready + stats.waiting + stats.delayed > 0
    const more = slice.more || (left && count > 0)
    const stuck = left && count === 0
    await this.change(queue, ({ tasks }) => ({
      tasks: tasks.map((task) => {
        if (task.id !== id) return task
        const moved = task.moved + count
        if (more) return { ...task, moved }
        if (task.status === 'CANCELLING') return { ...task, moved, status: 'CANCELLED' }
        // Nobody knows where they came from, or nobody takes them.
        return stuck
          ? { ...task, moved, status: 'FAILED', failure: 'CouldNotDetermineMessageSource' }
          : { ...task, moved, status: 'COMPLETED' }
      }),
    }))
    return more
  }

  /** Its destination was deleted. */
  async #fail(queue: Queue, id: string): Promise<false> {
    const failed = { status: 'FAILED', failure: 'AWS.SimpleQueueService.NonExistentQueue' } as const
    await this.change(queue, ({ tasks }) => ({
      tasks: tasks.map((task) => (task.id === id ? { ...task, ...failed } : task)),
    }))
    return false
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
