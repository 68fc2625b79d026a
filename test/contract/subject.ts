import assert from 'node:assert/strict'
import type { Fence, JobId, Message, Ms, Queue, QueuePolicy, Reserved, State, Target, Terms } from '../../src/job.ts'
import type {
  Answer,
  Answers,
  JobView,
  Op,
  Put,
  QueueStats,
  Refusal,
  Result,
  Store,
  Unit,
} from '../../src/stores/store.ts'
import { ManualClock } from '../../src/testing/clock.ts'

/** How to open one kind of store, for the suite that every kind must pass. */
export interface Kind {
  name: string
  /** A new, empty store. */
  open(clock: ManualClock): Promise<Place>
}

/** Where a store is, so that it can be opened again, and by a second one beside it. */
export interface Place {
  open(): Promise<Store>
  remove(): Promise<void>
}

export const mail: Queue = 'default/mail'
export const other: Queue = 'default/other'
export const dead: Queue = 'default/dead'

/** A store under test, and short words for what the tests do most. */
export class Subject {
  readonly clock = new ManualClock()
  readonly #place: Place
  store: Store

  private constructor(place: Place, store: Store, clock: ManualClock) {
    this.#place = place
    this.store = store
    this.clock = clock
  }

  static async open(kind: Kind): Promise<Subject> {
    const clock = new ManualClock()
    const place = await kind.open(clock)
    return new Subject(place, await place.open(), clock)
  }

  async close(): Promise<void> {
    await this.store.close()
    await this.#place.remove()
  }

  /** As after a restart of the process. */
  async reopen(): Promise<void> {
    await this.store.close()
    this.store = await this.#place.open()
  }

  /** Another process's view, of a store that may be shared. */
  second(): Promise<Store> {
    return this.#place.open()
  }

  get now(): Ms {
    return this.store.now()
  }

  async unit(unit: Unit): Promise<Result[]> {
    return (await this.store.commit([unit])[0]) ?? []
  }

  async op(op: Op): Promise<Result> {
    const [result] = await this.unit({ ops: [op] })
    assert.ok(result)
    return result
  }

  /** The answer of an operation that must succeed. */
  async ok<K extends keyof Answers>(op: Extract<Op, { do: K }>): Promise<Answer<K>> {
    const result = await this.op(op)
    assert.ok(result.ok, `${op.do} was refused: ${result.ok ? '' : result.why}`)
    return result as Answer<K>
  }

  async refused(op: Op, why: Refusal): Promise<void> {
    const result = await this.op(op)
    assert.deepEqual(result.ok ? result : result.why, why)
  }

  async put(text: string, to: Partial<Target> = {}, msg: Partial<Message> = {}): Promise<JobId> {
    const put = await this.putResult(text, to, msg)
    assert.ok(put.ok, `put was refused: ${put.ok ? '' : put.why}`)
    return put.id
  }

  async putResult(text: string, to: Partial<Target> = {}, msg: Partial<Message> = {}): Promise<Put> {
    const result = await this.op({
      do: 'put',
      to: [{ queue: mail, create: true, ...to }],
      msg: { body: Buffer.from(text), ...msg },
    })
    if (!result.ok) return result
    assert.ok(result.do === 'put' && result.per[0])
    return result.per[0]
  }

  async take(max = 1, from: Queue[] | JobId = [mail], lease: Terms = { ms: 'own', session: 's' }): Promise<Reserved[]> {
    const result = await this.op({ do: 'reserve', from, max, bytes: 1e9, lease })
    return result.ok && result.do === 'reserve' ? result.jobs : []
  }

  /** Takes one, which must be there. */
  async takeOne(from: Queue[] | JobId = [mail], lease?: Terms): Promise<Reserved> {
    const [job] = await this.take(1, from, lease)
    assert.ok(job, 'there is no job to take')
    return job
  }

  async texts(max = 100, from: Queue[] = [mail]): Promise<string[]> {
    return (await this.take(max, from)).map((job) => text(job.body))
  }

  async view(id: JobId): Promise<JobView | undefined> {
    return (await this.store.look({ id, limit: 1, with: ['body'] })).jobs[0]
  }

  async state(id: JobId): Promise<State | 'gone'> {
    return (await this.view(id))?.state ?? 'gone'
  }

  async stats(queue: Queue = mail): Promise<QueueStats | undefined> {
    return (await this.store.stats([queue]))[0]
  }

  async policy(policy: QueuePolicy | undefined, queue: Queue = mail): Promise<void> {
    await this.ok<'record'>({ do: 'record', key: `queue/${queue}`, value: policy })
  }

  finish(id: JobId, n: Fence): Promise<Result> {
    return this.op({ do: 'finish', job: { id, n } })
  }
}

export function text(body: Uint8Array | undefined): string {
  return Buffer.from(body ?? []).toString()
}
