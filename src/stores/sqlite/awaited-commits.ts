import type { JobId, Ms, Queue } from '../../job.ts'
import type { Hint } from '../store.ts'
import type { Processes } from './processes.ts'
import type { SqliteTable } from './table.ts'
import type { Expected } from './within.ts'

/** An application that changed something in its own transaction is watched for its commit for so long, and looked at so often. */
const WATCH: Ms = 10_000
const PERIOD: Ms = 5

/**
 * What applications change in their own transactions. Their commit can't be heard: for a while each commit of others is taken for it. Who waits looks once
 * too often then, and never misses it.
 */
export class AwaitedCommits {
  readonly #processes: Processes
  readonly #table: SqliteTable
  readonly #tell: (hint: Hint) => void
  readonly #queues = new Set<Queue>()
  #told = false
  #due: Ms | undefined
  readonly #ended = new Map<JobId, Expected['ended'][number]>()
  #watch: NodeJS.Timeout | undefined
  #until = 0

  /** @param tell tells whoever listens to the store */
  constructor(processes: Processes, table: SqliteTable, tell: (hint: Hint) => void) {
    this.#processes = processes
    this.#table = table
    this.#tell = tell
  }

  expect({ woken, told, due, ended }: Expected): void {
    this.#told ||= told
    for (const { name } of woken) this.#queues.add(name)
    if (due !== undefined) this.#due = Math.min(due, this.#due ?? due)
    for (const one of ended) this.#ended.set(one.id, one)
    this.#until = performance.now() + WATCH
    if (this.#queues.size > 0 || told || due !== undefined || ended.length > 0)
      this.#watch ??= setInterval(() => this.#look(), PERIOD).unref()
  }

  close(): void {
    clearInterval(this.#watch)
  }

  #look(): void {
    if (this.#table.othersWrote()) this.#tellExpected()
    if (performance.now() < this.#until) return
    clearInterval(this.#watch)
    this.#watch = undefined
    this.#queues.clear()
    this.#told = false
    this.#due = undefined
    this.#ended.clear()
  }

  #tellExpected(): void {
    const { roster, events } = this.#table
    const ready = [...this.#queues]
    const told = this.#told && { events: events.last }
    this.#tell({ ready, ...told, ...(this.#due !== undefined && { due: this.#due }) })
    if (told) for (const slot of roster.followers()) this.#processes.ring(slot, told)
    for (const [slot, queues] of roster.waiters(ready.map((name) => ({ name }))))
      this.#processes.ring(slot, { ready: queues })
    this.#tellEnded()
  }

  /** Unlike the rest this must not be told of what was rolled back. */
  #tellEnded(): void {
    const ended = [...this.#ended.values()].filter(({ id, n, why }) => {
      const lease = this.#table.lease(id, n)
      return why === 'cancelled' ? lease?.cancelled : !lease
    })
    if (ended.length === 0) return
    for (const { id } of ended) this.#ended.delete(id)
    this.#tell({ ended })
    this.#processes.ringAll({ ended })
  }
}
