/**
 * The vocabulary that every part of Queueup shares: what a job, a lease, a queue and its policy are. Types only.
 * docs/architecture.md draws the parts; this file names what goes between them.
 */

/** Milliseconds: a length of time, or a moment on the clock of the store (`Store.now()`). */
export type Ms = number
/** Names a job; below 2^53, one counter a store, never given out twice. */
export type JobId = number
/** A lease's number. It grows with each reservation of a job and never repeats, not even after a power cut. */
export type Fence = number
export type Bytes = Uint8Array
/** `tenant/name`, split at the first `/`. A tenant is AMQP's vhost and SQS's account; `default` is vhost `/`, the configured account, and beanstalkd. */
export type Queue = `${string}/${string}`

/**
 * - `waiting`: behind an earlier job of its group, behind a limit, or for its children.
 * - `finished`: history only; nobody can take it.
 */
export type State = 'delayed' | 'waiting' | 'ready' | 'reserved' | 'buried' | 'finished'

/** Why a job was set aside, moved or ended. */
export type Why = 'asked' | 'rejected' | 'expired' | 'maxlen' | 'exhausted' | 'invalid' | 'failed' | 'cancelled'

/**
 * Names a job for a change.
 * - `n`: this must be the job's newest fence and its lease current. `late`: the lease may be over, if the job wasn't reserved again,
 *   nor moved to another queue (an SQS standard queue's receipt). `buried`: the job was buried under this fence and lies there still.
 * - `held`: this session must hold it (`reserve-job 7`, `delete 7` in one unit). `free`: this session holds it, or nobody does
 *   (beanstalkd's `delete`).
 * - none of these: the job must not be reserved; `force`: if it is, its lease ends.
 */
export interface Ref {
  id: JobId
  n?: Fence
  held?: string
  free?: true
  late?: true
  buried?: true
  force?: true
}

export interface Unique {
  key: string
  /** Where no second job of this key may be. Default `queue`. */
  scope?: 'queue' | 'group'
  /** `waiting`: until it is reserved; `unfinished`: until it is gone; a number: so many milliseconds from the put on, whatever becomes of the job. */
  for: 'waiting' | 'unfinished' | Ms
  on: 'keep' | 'replace' | 'supersede'
}

export interface Backoff {
  first: Ms
  factor: number
  max: Ms
}

/** Where a put goes. */
export interface Target {
  queue: Queue
  /** 0 to 2^32-1, lower is more urgent. Default: the queue's, else 65536. */
  pri?: number
  /** Not before this moment. Default: at once, or after the queue's delay. */
  at?: Ms
  /** Leaves as 'expired' when it wasn't reserved within so long. */
  ttl?: Ms
  /** `rank` orders jobs of equal priority: given at the put, or when the job becomes due (AMQP's delayed exchange). Default `put`. */
  rank?: 'put' | 'due'
  /** The queue may come into being by this put. Without it a missing queue is a refusal. */
  create?: true
}

export interface Message {
  body: Bytes
  /** What a protocol attached to the job; opaque to stores, given back verbatim. */
  envelope?: Bytes
  /** The job's name. It, gates and group are set by the jobs API alone; SQS sets groups, too. */
  name?: string
  /**
   * Limits that the job counts towards, `LIMIT` or `LIMIT/KEY`: each key is limited for itself, by the one record of the limit. At most 8, of up to 300 bytes
   * each; they are passed in this order.
   */
  gates?: string[]
  /**
   * Jobs of a group are taken one after another; inside it `rank` alone counts, and a delayed member closes it. Where the queue's policy is `groups: 'fair'`
   * groups take turns instead, and any number of a group's jobs may be reserved.
   */
  group?: string
  unique?: Unique
  /** How long a lease lasts that asks for the job's `own`. Default: the queue's, else 60 s. */
  lease?: Ms
  maxFailures?: number
  maxReserves?: number
  /** For a release as 'failed' or 'lost' that names no time. */
  backoff?: Backoff
  /** Its outcome's result is kept for so many milliseconds. */
  result?: Ms
  /** `{ op }`: the job that an earlier op of this unit put. */
  parent?: JobId | { op: number }
  /** Waits until every child has left, in whatever way. */
  children?: true
}

/** How a lease ends: by a deadline, with its session (and that session's process), or by whichever comes first. At least one of the two. */
export interface Terms {
  ms?: Ms | 'own'
  session?: string
}

/** A job as its taker gets it. */
export interface Reserved {
  id: JobId
  n: Fence
  queue: Queue
  body: Bytes
  envelope?: Bytes
  name?: string
  group?: string
  pri: number
  /** The lease's deadline, if it has one. */
  until?: Ms
  /** How often it was taken, this time included. */
  reserves: number
  /** How often a lease of it ended badly. */
  failures: number
  redelivered: boolean
  /** When it was put, and when first reserved. */
  put: Ms
  first: Ms
  rank: number
  deaths?: readonly Death[]
}

/** One line of a job's record of dead-lettering. */
export interface Death {
  queue: Queue
  why: Why
  count: number
  at: Ms
}

export interface Outcome {
  as: 'done' | 'failed' | 'cancelled'
  result?: Bytes
  error?: Bytes
}

/** Which jobs: all of these must hold. `match`: text that the body contains. */
export interface Where {
  queue: Queue
  states: State[]
  upTo?: JobId
  name?: string
  key?: string
  match?: string
}

/**
 * The value of the record `limit/<name>`: how many jobs with this gate, over all queues and processes, may be reserved at a time, and how many reserves may
 * begin in a window. What is absent isn't limited.
 */
export interface Limit {
  /** So many at a time; 0: none. A reserve by id passes it, and counts. */
  concurrency?: number
  /**
   * So many in a window of `per` milliseconds, which begins with the first reserve after the last window has ended. So in any span of that length there are
   * fewer than twice as many. A reserve that is taken back ('untaken') doesn't count.
   */
  rate?: { jobs: number; per: Ms }
  /** Who set it: what an operator sets is not overwritten by a program's definitions. */
  by?: 'code' | 'operator'
}

/**
 * What an operator or a protocol set for a queue: the value of the record `queue/<tenant>/<name>`, whose presence makes the queue an explicit one.
 * Every part may be absent.
 */
export interface QueuePolicy {
  /** At most so many jobs, whatever their state. */
  maxJobs?: number
  /** At most so many bytes of bodies. */
  maxBytes?: number
  /** A put into a full queue: refused as 'full' (the default), or the head of the ready jobs leaves as 'maxlen'. Reserved jobs never leave. */
  overflow?: 'reject' | 'drop'
  /** Bytes of one body; a larger one is refused as 'too big'. */
  maxSize?: number
  /** So many leases may begin, so many may end badly; at the next return the job is buried as 'exhausted'. */
  maxReserves?: number
  maxFailures?: number
  /** Where jobs go that are exhausted, rejected, expired, or over the length. Without it the first two are buried and the last two dropped. */
  dead?: Queue
  /** Default lease, delay and priority of jobs that name none. */
  lease?: Ms
  delay?: Ms
  pri?: number
  /** A job that wasn't reserved within so long leaves as 'expired'. */
  ttl?: Ms
  /** A job older than this is dropped, dead-letter queue or not, unless it is reserved. */
  retention?: Ms
  /** Finished jobs stay in the history: the last so many, those of the last so long. */
  keep?: { jobs?: number; ms?: Ms }
  backoff?: Backoff
  /** So many jobs of the queue may be reserved at a time, and so many begin to be in a window, whoever put them; as of a Limit. */
  concurrency?: number
  rate?: { jobs: number; per: Ms }
  /**
   * What a group is to jobs put from now on: `ordered` (the default): they are taken one after another; `fair`: groups take turns, and a job closes nobody. Those
   * that are here stay what they were put as. Not for a queue whose name ends in `.fifo`: SQS promises an order there.
   */
  groups?: 'ordered' | 'fair'
}

/**
 * Why nobody gets a job now. gate: a limit is reached, the one of that name, or of the job's queue as a whole; `running` jobs of it are reserved now, and
 * `until` is when its window ends, if that is what keeps it closed.
 */
export type Blocked =
  | { by: 'paused' | 'group' | 'until' | 'job'; what: number }
  | { by: 'gate' | 'queue'; what: string; running: number; limit: Pick<Limit, 'concurrency' | 'rate'>; until?: Ms }
