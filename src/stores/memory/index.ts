import { systemClock, type Clock } from '../../clock.ts'
import { ClosedError } from '../../errors.ts'
import type { JobId, Ms, Queue } from '../../job.ts'
import { matches } from '../machine/bulk.ts'
import { Machine } from '../machine/machine.ts'
import { COMPARE, keyOf, keyText, NATURAL, parseKey, positionIn } from '../machine/page.ts'
import type { Row } from '../machine/row.ts'
import { finishedView, statsOf, viewOf, type Views } from '../machine/view.ts'
import type { Hint, JobView, Look, QueueStats, Result, Store, StoreLimit, Traits, Unit } from '../store.ts'
import { First } from './first.ts'
import type { MemoryQueue } from './queue.ts'
import { MemoryTable } from './table.ts'

/**
 * A store that lives and dies with its process.
 * @param options.clock the clock of its deadlines; the machine's unless given
 * @example const store = openMemory()
 */
export function openMemory(options: { clock?: Clock } = {}): Store {
  return new MemoryStore(options.clock ?? systemClock)
}

class MemoryStore implements Store {
  readonly traits: Traits = {
    shared: false,
    durable: false,
    within: false,
    gates: true,
    notes: true,
    children: false,
  }
  readonly #clock: Clock
  readonly #table = new MemoryTable()
  readonly #machine = new Machine(this.#table)
  readonly #listeners = new Set<(hint: Hint) => void>()
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): Ms {
    return this.#clock.now()
  }

  commit(units: Unit[]): Promise<Result[]>[] {
    if (this.#closed) return units.map(() => Promise.reject(closedError()))
    const { records } = this.#table
    const { version } = records
    this.#machine.begin(this.now())
    const answers = units.map((unit) => Promise.resolve(this.#machine.run(unit)))
    this.#machine.end()
    this.#table.gates.settle(this.#machine.now)
    const hint = this.#machine.takeHint(records.version === version ? undefined : records.version)
    if (hint) queueMicrotask(() => this.#tell(hint))
    return answers
  }

  async look(at: Look): Promise<{ jobs: JobView[]; after?: string }> {
    this.#settleTime()
    return this.#look(at)
  }

  async limits(): Promise<StoreLimit[]> {
    this.#settleTime()
    return this.#table.gates.limits()
  }

  async stats(queues?: Queue[]): Promise<QueueStats[]> {
    this.#settleTime()
    const now = this.now()
    const wanted = queues ? queues.flatMap((name) => this.#table.queue(name) ?? []) : [...this.#table.queues()]
    return wanted.map((queue) => statsOf(queue, now, queue.orders.ready.first?.put))
  }

  async records(since: number): ReturnType<Store['records']> {
    this.#checkOpen()
    return this.#table.records.since(since)
  }

  async events(after: number, limit: number): ReturnType<Store['events']> {
    this.#checkOpen()
    return this.#table.events.read(after, limit)
  }

  wait(): Promise<void> {
    return Promise.resolve()
  }

  hear(on: (hint: Hint) => void): () => void {
    this.#listeners.add(on)
    return () => this.#listeners.delete(on)
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }

  /** @throws ClosedError */
  #checkOpen(): void {
    if (this.#closed) throw closedError()
  }

  /** What is due by now is due, too, for one who only looks. */
  #settleTime(): void {
    this.#checkOpen()
    if (this.#table.soonest() <= this.now()) void this.commit([])
  }

  #look({ id, ids, where, order = 'take', after, limit, with: parts }: Look): { jobs: JobView[]; after?: string } {
    const now = this.now()
    const body = parts?.includes('body')
    const notes = parts?.includes('notes')
    const noted = (view: JobView) => (notes ? { ...view, notes: this.#table.notes.of(view.id) } : view)
    const views: Views = {
      headOf: (row, group) => this.#table.groups.head(row.queue, group)?.id,
      gate: (name) => this.#table.gates.find(name),
      record: (key) => this.#table.records.get(key)?.value,
    }
    const view = (row: Row) => noted(viewOf(row, now, body ? row.body : undefined, views))
    const one = (id: JobId): JobView[] => {
      const row = this.#table.get(id)
      if (row) return [view(row)]
      const finished = this.#table.history.get(id)
      return finished ? [noted(finishedView(finished, now, body ? finished.row.body : undefined))] : []
    }
    if (id !== undefined) return { jobs: one(id) }
    if (ids) return { jobs: ids.flatMap(one) }
    const queue = where && this.#table.queue(where.queue)
    if (!where || !queue) return { jobs: [] }
    if (where.states.includes('finished'))
      return this.#finished(queue, { where, limit, ...(after && { after }) }, body === true, noted)
    const states = queue.inhabited(where.states)
    const [state] = states
    const from = after === undefined ? undefined : positionIn(after, order)
    let rows: Row[]
    if (states.length === 1 && state && order === NATURAL[state])
      rows = this.#table.list(queue, state, limit + 1, where, from)
    else {
      const compare = COMPARE[order]
      const first = new First<Row>(limit + 1, compare)
      for (const one of states)
        for (const row of this.#table.all(queue, one))
          if ((!from || compare(row, from) > 0) && matches(row, where, () => row.body as Uint8Array)) first.add(row)
      rows = first.sorted()
    }
    const page = rows.slice(0, limit)
    const last = page.at(-1)
    return { jobs: page.map(view), ...(last && rows.length > limit && { after: keyText(keyOf(last, order)) }) }
  }

  /** The history, the newest first. */
  #finished(
    queue: MemoryQueue,
    { where, after, limit }: Look,
    body: boolean,
    noted: (view: JobView) => JobView,
  ): { jobs: JobView[]; after?: string } {
    const end = after === undefined ? Infinity : (parseKey(after)[0] as number)
    const all = [...queue.history]
      .filter(({ finished: { row }, no }) => no < end && matches(row, where, () => row.body as Uint8Array))
      .reverse()
    const page = all.slice(0, limit)
    const now = this.now()
    const last = page.at(-1)
    return {
      jobs: page.map(({ finished }) => noted(finishedView(finished, now, body ? finished.row.body : undefined))),
      ...(last && all.length > limit && { after: String(last.no) }),
    }
  }

  #tell(hint: Hint): void {
    for (const listener of this.#listeners) listener(hint)
  }
}

function closedError(): ClosedError {
  return new ClosedError('The store is closed; open it again.')
}
