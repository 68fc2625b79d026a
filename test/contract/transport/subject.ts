import assert from 'node:assert/strict'
import type { JobId, Message, Queue, State, Target } from '../../../src/job.ts'
import type { Delivery, JobView, Op, Put, Result, Transport, Unit } from '../../../src/transports/transport.ts'

/** How to open one kind of transport, for the suite that every kind must pass. */
export interface Kind {
  name: string
  /** Where queues are served, for all cases of the suite. */
  serve(): Promise<Place>
  /** Larger bodies are refused. */
  maxBody?: number
}

export interface Place {
  /** A transport of one program. `shares`: others that are open at the same time see the same queues. */
  open(): Promise<Transport>
  readonly shares: boolean
  close(): Promise<void>
}

/** Nobody calls it off. */
export const never: AbortSignal = new AbortController().signal

let queues = 0

/** A transport under test, queues that nobody else uses, and short words for what the tests do most. */
export class Subject {
  readonly kind: Kind
  readonly transport: Transport
  readonly queue: Queue = `default/q${++queues}`
  readonly other: Queue = `default/other${queues}`
  readonly #place: Place
  readonly #opened: Transport[] = []

  private constructor(kind: Kind, place: Place, transport: Transport) {
    this.kind = kind
    this.#place = place
    this.transport = transport
  }

  static async open(kind: Kind, place: Place): Promise<Subject> {
    return new Subject(kind, place, await place.open())
  }

  get shares(): boolean {
    return this.#place.shares
  }

  /** Another program's. */
  async second(): Promise<Transport> {
    const transport = await this.#place.open()
    this.#opened.push(transport)
    return transport
  }

  async close(): Promise<void> {
    await Promise.all([this.transport, ...this.#opened].map((one) => one.close()))
  }

  unit(unit: Unit): Promise<Result[]> {
    return this.transport.commit(unit)
  }

  async op(op: Op, transport = this.transport): Promise<Result> {
    const [result] = await transport.commit({ ops: [op] })
    assert.ok(result)
    return result
  }

  async ok(op: Op): Promise<void> {
    const result = await this.op(op)
    assert.ok(result.ok, `${op.do} was refused: ${result.ok ? '' : result.why}`)
  }

  /** Why it changed nothing. */
  async refusal(op: Op): Promise<string> {
    const result = await this.op(op)
    return result.ok ? 'done' : result.why
  }

  putOp(body: string | Uint8Array, to: Partial<Target> = {}, msg: Partial<Message> = {}): Op {
    return { do: 'put', to: [{ queue: this.queue, create: true, ...to }], msg: { body: Buffer.from(body), ...msg } }
  }

  async put(body: string | Uint8Array, to: Partial<Target> = {}, msg: Partial<Message> = {}): Promise<JobId> {
    const put = putOf(await this.op(this.putOp(body, to, msg)))
    assert.ok(put.ok, `put was refused: ${put.ok ? '' : put.why}`)
    return put.id
  }

  /** What is there now. */
  take(max = 1, queues: Queue[] = [this.queue], transport = this.transport): Promise<Delivery[]> {
    return transport.reserve({ queues, max, wait: 0 }, never)
  }

  /** Waits for one. */
  async takeOne(queues: Queue[] = [this.queue], transport = this.transport): Promise<Delivery> {
    const [job] = await transport.reserve({ queues, max: 1, wait: 20_000 }, never)
    assert.ok(job, 'no job came')
    return job
  }

  async texts(max = 100): Promise<string[]> {
    return (await this.take(max)).map((job) => text(job.body))
  }

  async view(id: JobId): Promise<JobView | undefined> {
    return (await this.transport.look({ id, limit: 1, with: ['body'] })).jobs[0]
  }

  async state(id: JobId): Promise<State | 'gone'> {
    return (await this.view(id))?.state ?? 'gone'
  }
}

export function putOf(result: Result | undefined): Put {
  if (!result?.ok) return result ?? { ok: false, why: 'skipped' }
  assert.ok(result.do === 'put' && result.per[0])
  return result.per[0]
}

/** Names a job for its holder. */
export function refOf({ id, n }: Delivery): { id: JobId; n?: number } {
  return n === undefined ? { id } : { id, n }
}

export function text(body: Uint8Array | undefined): string {
  return Buffer.from(body ?? []).toString()
}
