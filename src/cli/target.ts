/** What the commands work on: a store, opened beside whatever else has it open, or a running server, through its protocol. */
import type { JobId, Limit, Ms, QueuePolicy, State } from '../job.ts'
import type { Follow } from '../jobs/follow.ts'
import type { JobInfo } from '../jobs/info.ts'
import type { Selection } from '../jobs/selection.ts'

export interface QueueCounts {
  queue: string
  ready: number
  delayed: number
  reserved: number
  buried: number
  puts: number
  /** Jobs that left, in whatever way; where the store knows. */
  gone?: number
  /** How long the job waits that is taken next; where the store knows. */
  oldest?: Ms
  pausedFor: Ms
}

/** The names are those of JobInfo. */
export interface PeekedJob extends Pick<
  JobInfo,
  'id' | 'queue' | 'state' | 'priority' | 'starts' | 'putAt' | 'dueAt' | 'size' | 'error'
> {
  /** Where the store knows. */
  failures?: number
  /** Where it died; where the store knows. */
  deaths?: JobInfo['deaths']
  body: Buffer
}

/** Dead jobs of a queue: those that were set aside in it, or all of a dead-letter queue. */
export type DeadJobs = Pick<Selection, 'queue' | 'name' | 'match'>

export interface DeadQueue {
  queue: string
  jobs: number
  /** Dead letters of these queues come here. */
  of?: string[]
}

/** A limit in force; undefined: its record is gone, and jobs that name it pass. */
export interface LimitView {
  name: string
  limit: Limit | undefined
  running: number
  waiting: number
  /** How many keys of it have jobs now. */
  keys: number
}

export interface ProcessView {
  name: string
  pid: number
  /** Queues of whose jobs it waits for the next. */
  waits: string[]
  /** Jobs that it has reserved. */
  jobs: number
  /** It is the one that asks. */
  self: boolean
}

export type Next = 'ready' | 'delayed' | 'buried'

export interface Target {
  put(queue: string, body: Uint8Array, o: { pri?: number; delay?: Ms; lease?: Ms }): Promise<JobId>
  stats(): Promise<QueueCounts[]>
  peek(which: { id: JobId } | { queue: string; state: Next }): Promise<PeekedJob | undefined>
  /** false: there is no such job, or it is reserved. */
  delete(id: JobId): Promise<boolean>
  kick(queue: string, jobs: number): Promise<number>
  kickJob(id: JobId): Promise<boolean>
  /** Deletes the jobs in these states. Returns how many. */
  clear(queue: string, states: State[]): Promise<number>
  /** @param ms 0 resumes. Default: until it is resumed, or the longest that a server can say. @returns false: there is no such queue */
  pause(queue: string, ms?: Ms): Promise<boolean>
  policy(queue: string): Promise<QueuePolicy | undefined>
  setPolicy(queue: string, change: (policy: QueuePolicy) => QueuePolicy | undefined): Promise<QueuePolicy | undefined>
  /** Why isn't it running? */
  why(id: JobId): Promise<string | undefined>
  /** Everything about a job; undefined: there is none. A server's protocol tells of fewer things. */
  info(id: JobId): Promise<Partial<JobInfo> | undefined>
  /** A waiting job is gone; one that is being worked is told. undefined: there is no such job. */
  cancel(id: JobId): Promise<'cancelled' | 'told' | undefined>
  /** A job that was set aside or delayed is ready, its attempts counted anew. */
  retry(id: JobId): Promise<boolean>
  /** All that were set aside and match. Returns how many. */
  retryAll(which: DeadJobs): Promise<number>
  /** The queues in which jobs were set aside, and those where dead letters go. */
  deadQueues(): Promise<DeadQueue[]>
  dead(which: DeadJobs, limit: number): Promise<JobInfo[]>
  countDead(which: DeadJobs): Promise<number>
  /** Sends at most so many back to work: from a dead-letter queue to where each died. Returns how many. */
  redrive(which: DeadJobs, limit: number): Promise<number>
  limits(): Promise<LimitView[]>
  setLimit(name: string, change: (limit: Limit) => Limit | undefined): Promise<Limit | undefined>
  follow(): Promise<Follow>
  /** Who has the store open. */
  processes(): Promise<ProcessView[]>
  close(): Promise<void>
}
