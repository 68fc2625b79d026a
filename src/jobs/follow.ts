/** Events of all processes that share a store, as one who follows hears them. */
import type { Ms } from '../job.ts'
import type { StoreEvent, Tellers, ToldEvent, Transport } from '../transports/transport.ts'
import { awake } from './awake.ts'
import { TOLD_EVENTS, type EventName, type Events, type Sink } from './events.ts'
import { faultText } from './fault.ts'
import { nameOf, queueOf } from './definition.ts'

/** What each event tells that is followed, unless it says what was missed. */
export interface FollowedJobEvent {
  /** When it happened, on the clock that all processes of the store share. */
  time: Date
  /** The job. */
  id: string
  /** '' where the job's name isn't known: it was put by a client of a protocol. */
  name: string
  /** '' where it isn't known. */
  queue: string
}

/** So many events were missed: this one was too slow, or more happened than could be told. */
export interface MissedEvents {
  type: 'missed'
  count: number
}

/** One event, in whichever process it happened, told apart by its `type`. Errors come as text. */
export type FollowedEvent =
  | (FollowedJobEvent &
      // What jobs of this API go through.
      (
        | { type: 'put'; duplicate: boolean }
        | { type: 'started'; attempt: number }
        | { type: 'progress'; progress: unknown }
        | { type: 'done'; attempt: number; ms: Ms }
        | { type: 'failed'; attempt: number; ms: Ms; error: string }
        | { type: 'retried'; attempt: number; at: Date }
        | { type: 'dead'; error: string; why: string }
        | { type: 'cancelled' }
        | { type: 'stalled'; ms: Ms }
        | { type: 'lost'; why: string }
        | { type: 'blocked'; ms: Ms; where: string }
        // What clients of a protocol do: they know neither attempts nor outcomes. `put` is told of theirs, too.
        | { type: 'reserved'; starts: number }
        | { type: 'released' | 'buried' }
        // What somebody does to jobs by hand, one or many, or time does to them.
        | { type: 'kicked' | 'expired' }
        | { type: 'moved'; from: string }
        | { type: 'deleted'; why?: 'its queue was full' }
      ))
  | MissedEvents

export const EVENT_TYPES: Readonly<Record<FollowedEvent['type'], true>> = {
  ...TOLD_EVENTS,
  reserved: true,
  released: true,
  buried: true,
  kicked: true,
  expired: true,
  moved: true,
  deleted: true,
  missed: true,
}

/** So many are read at a time. */
const PAGE = 256
/** Of what an event tells beside its job. */
const MAX_DATA = 4096

/**
 * Events of all processes, in the order in which they were told. Ends when it is closed, also by leaving the loop.
 * @example for await (const event of await queue.follow()) console.log(event.type, event.id)
 */
export class Follow implements AsyncIterableIterator<FollowedEvent> {
  readonly #follower: Awaited<ReturnType<Tellers['follow']>>
  #page: FollowedEvent[] = []
  /** Who asks for the next one before he has the one before gets the one after it. */
  #turn: Promise<unknown> = Promise.resolve()

  /** @internal Use JobQueue.follow. */
  constructor(follower: Awaited<ReturnType<Tellers['follow']>>) {
    this.#follower = follower
  }

  /** @throws UnavailableError, ClosedError; UnknownOutcomeError: the store has failed */
  next(): Promise<IteratorResult<FollowedEvent, undefined>> {
    const next = this.#turn.then(() => this.#next())
    this.#turn = next.catch(() => undefined)
    return next
  }

  async #next(): Promise<IteratorResult<FollowedEvent, undefined>> {
    while (this.#page.length === 0) {
      const page = await awake(this.#follower.next(PAGE))
      if (!page) return { done: true, value: undefined }
      const { events, missed } = page
      this.#page = events.map(followed).reverse()
      if (missed > 0) this.#page.push({ type: 'missed', count: missed })
    }
    return { done: false, value: this.#page.pop() as FollowedEvent }
  }

  async return(): Promise<IteratorResult<FollowedEvent, undefined>> {
    await this.close()
    return { done: true, value: undefined }
  }

  close(): Promise<void> {
    this.#page = []
    return this.#follower.close()
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

function followed({ type, id, queue, time, data }: ToldEvent): FollowedEvent {
  const more = data === undefined ? {} : (JSON.parse(data) as Record<string, unknown>)
  const at = more['at']
  return {
    name: '',
    ...more,
    ...(typeof at === 'number' && { at: new Date(at) }),
    type,
    id: String(id),
    queue: nameOf(queue),
    time: new Date(time),
  } as unknown as FollowedEvent
}

/** Tells those who follow, in whichever process. */
export function sinkOf(transport: Transport): Sink | undefined {
  const { events } = transport
  return (
    events && {
      get open() {
        return events.followed
      },
      tell(name, event) {
        const one = told(name, event, transport.now())
        if (one) events.tell(one)
      },
    }
  )
}

/** An event of this process as all are told of it. */
export function told<N extends EventName>(type: N, event: Events[N], time: Ms): StoreEvent | undefined {
  if (!('id' in event)) return undefined
  const { id, name, queue, ...more } = event
  // A stranger's message may have a name of any length.
  const rest: Record<string, unknown> = { name: name.slice(0, MAX_DATA / 4), ...more }
  if ('result' in rest) delete rest['result']
  if ('error' in rest) rest['error'] = faultText(rest['error']).slice(0, MAX_DATA / 4)
  if (rest['at'] instanceof Date) rest['at'] = rest['at'].getTime()
  return { type, id: Number(id), queue: queueOf(queue), time, data: dataOf(rest) }
}

/** What is too long for an event, or no JSON, is left out of it. */
function dataOf(rest: Record<string, unknown>): string {
  try {
    const data = JSON.stringify(rest)
    if (data.length <= MAX_DATA) return data
  } catch {
    // Progress with circles: kept out, too.
  }
  return JSON.stringify({ ...rest, progress: null })
}
