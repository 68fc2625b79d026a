/**
 * The contract for "where jobs are kept". `commit` is the one way to change anything: a list of units, each a list of operations, in one
 * transaction with at most one sync. The store decides whether a job may be taken now; it never waits and never routes.
 * docs/architecture.md says why it is so; test/contract/ holds every store to it.
 */
import type {
  Blocked,
  Bytes,
  Death,
  Fence,
  JobId,
  Message,
  Ms,
  Outcome,
  Queue,
  Ref,
  Reserved,
  State,
  Target,
  Terms,
  Where,
  Why,
} from '../job.ts'

export type Op =
  | PutOp
  | ReserveOp
  | FinishOp
  | ReleaseOp
  | BuryOp
  | TouchOp
  | ForwardOp
  | CancelOp
  | NoteOp
  | BulkOp
  | EndOp
  | DueOp
  | RecordOp
  | TellOp

/** One message, one job a target. A full or missing target is refused alone. */
export interface PutOp {
  do: 'put'
  to: Target[]
  msg: Message
  restore?: Restored
}
/**
 * A job brought over from another system with its past, into exactly one target; 'conflict' when the id exists. Later ids are above it.
 * put: when it was put there. buried: it is set aside here, too.
 */
export interface Restored {
  id: JobId
  put: Ms
  /** The delay that its last put or release asked for. */
  delay?: Ms
  reserves: number
  buried?: true
  counts: Record<'releases' | 'timeouts' | 'buries' | 'kicks', number>
}
/**
 * Takes the jobs of the smallest (pri, rank) over all queues given. A JobId instead: that job in any state but reserved, a pause passed over
 * (beanstalkd's `reserve-job`).
 * - `max`: jobs; `bytes`: of bodies, the first job always fits.
 * - `run`: jobs of one group in order may come together, as a prefix of that group.
 * - `gone`: reserve and finish in one (AMQP's no-ack).
 */
export interface ReserveOp {
  do: 'reserve'
  from: Queue[] | JobId
  max: number
  bytes: number
  lease: Terms
  run?: true
  gone?: true
}
/** The job leaves; outcome: by default done, or, if nobody held it, cancelled. In the same commit its group opens, and a history row is written if the queue keeps one. */
export interface FinishOp {
  do: 'finish'
  job: Ref
  outcome?: Outcome
}
/**
 * Back to ready or delayed, its rank kept (`back`: to the tail).
 * - asked: counts a release. failed: counts a release and a failure. lost: counts a failure. kicked: counts a kick. untaken: the reserve is taken back, too.
 * - Over a limit the job is buried as 'exhausted'. afresh: its counters of reserves and failures begin anew.
 */
export interface ReleaseOp {
  do: 'release'
  job: Ref
  as: 'asked' | 'failed' | 'kicked' | 'untaken' | 'lost'
  pri?: number
  at?: Ms
  back?: true
  afresh?: true
  error?: Bytes
}
/** keep: it is dropped after so long, and sooner when more than so many lie buried in its queue, the one buried longest ago first. */
export interface BuryOp {
  do: 'bury'
  job: Ref
  why: Why
  pri?: number
  error?: Bytes
  keep?: { ms: Ms; jobs: number }
}
/** The lease's deadline becomes now + ms. */
export interface TouchOp {
  do: 'touch'
  job: Ref
  ms: Ms | 'own'
}
/**
 * Leaves here and appears there, atomically; the first target keeps the id, each appears at the tail. Dead letter, redrive, delayed exchange,
 * edit, move; to nothing: drop.
 */
export interface ForwardOp {
  do: 'forward'
  job: Ref
  to: Target[]
  why: Why
  /** It is changed where it is, in its one target, its own queue: it keeps its place, time to live, counters and, unless `at` is given, its delay; buried it stays so. */
  stay?: true
  envelope?: Bytes
  body?: Bytes
  /** With `stay`: the limits that it counts towards from now on. */
  gates?: string[]
}
/** Not reserved: finished as 'cancelled'. Reserved: marked; the holder learns by a hint and at its next touch. */
export interface CancelOp {
  do: 'cancel'
  job: JobId
}
/**
 * Kept beside the job until it is gone, or as long as it is kept. progress: the newest only. log: the last 500. attempt: the last 50. step: one of
 * each key.
 */
export interface NoteOp {
  do: 'note'
  job: Ref
  kind: 'log' | 'progress' | 'step' | 'attempt'
  key?: string
  data: Bytes
}
export interface Note {
  kind: NoteOp['kind']
  key?: string
  at: Ms
  data: Bytes
}
/**
 * One bounded slice of a large operation; repeat while there is more. Never touches reserved jobs unless `where.states` names them.
 * `kick`: of the states given, in their order, the first that has any job at all: buried in the order of burial, delayed soonest first; to ready.
 * `retry`: as kick, counters of failures and reserves set back. `origin`: where a dead letter died last. explicit: only where that queue has a policy record;
 * without it one that is missing comes into being. after: the `after` of the slice before, behind which this one goes on, so that what was passed over by
 * then isn't looked at again; what has come in before it since is left over.
 */
export interface BulkOp {
  do: 'bulk'
  where: Where
  act: 'delete' | 'kick' | 'retry' | { to: Queue | 'origin'; explicit?: true }
  limit: number
  after?: SliceEnd
}
/** The state of the job at which a slice ended, and what orders the jobs of that state. */
export interface SliceEnd {
  state: State
  pri: number
  rank: number
  at: Ms
  id: JobId
}
/** A session is over: its leases return, its records vanish. released: it left in order, and nothing is counted. lost: a failure each. */
export interface EndOp {
  do: 'end'
  session: string
  as: 'released' | 'lost'
}
/** What time brought: delays, leases, ttl, pauses, dead processes, history, records that are due. Idempotent; anyone may. */
export interface DueOp {
  do: 'due'
  limit: number
}
/**
 * Writes a record: a policy (`queue/<queue>`: QueuePolicy), a pause (`pause/<queue>`: the moment it ends), a limit (`limit/<name>`: Limit), or whatever a
 * broker keeps.
 * - value undefined deletes; deleting what isn't there is no refusal, unless `version` asks.
 * - version: compare and set, 0: must be absent; else 'conflict'. needs: that key must exist; else 'missing'. none: no key may begin with that prefix; else 'in use'.
 * - session: vanishes with it. at: reported by `due` then, once.
 */
export interface RecordOp {
  do: 'record'
  key: string
  value: unknown
  version?: number
  needs?: string
  none?: string
  session?: string
  at?: Ms
}

/**
 * Adds to the store's ring of events, which keeps the last 10,000: only while somebody follows them (a record `follow/...` is there), in a unit that is
 * unsynced. dropped: so many more happened, of which nobody will be told.
 */
export interface TellOp {
  do: 'tell'
  events: readonly StoreEvent[]
  dropped?: number
}
/** What happened to a job. id: 0 where it concerns none. data: what else its type tells, as JSON of at most 4,096 characters. */
export interface StoreEvent {
  type: string
  id: JobId
  queue: Queue
  time: Ms
  data?: string
}
/** at: grows by one with each event that was told or dropped. */
export interface ToldEvent extends StoreEvent {
  at: number
}

/**
 * Why an operation changed nothing: gone (no such job) · stale (another fence is current, or the lease is over) · not held (reserved by another) ·
 * no queue · full · too big · empty (nothing to take) · conflict, missing, in use (records) · skipped (an earlier op of its unit was refused) ·
 * unsupported (this store can't, or a name has a zero byte or half a surrogate pair).
 */
export type Refusal =
  | 'gone'
  | 'stale'
  | 'not held'
  | 'no queue'
  | 'full'
  | 'too big'
  | 'empty'
  | 'conflict'
  | 'missing'
  | 'in use'
  | 'skipped'
  | 'unsupported'

export type Put = { ok: true; id: JobId; state: State; duplicate?: true; replaced?: true } | { ok: false; why: Refusal }

/** Buried by this commit in a queue that has a dead-letter target: the broker forwards it in its next batch; after a crash `due` reports it again. */
export interface Dead {
  id: JobId
  n: Fence
  queue: Queue
  to: Queue
  why: Why
  envelope?: Bytes
  deaths: readonly Death[]
}

export interface Answers {
  put: { per: Put[]; dead: readonly Dead[] }
  reserve: { jobs: Reserved[]; dead: readonly Dead[] }
  finish: object
  release: { state: State; dead: readonly Dead[] }
  bury: { dead: readonly Dead[] }
  touch: { until: Ms; cancelled?: true }
  forward: { per: Put[]; dead: readonly Dead[] }
  cancel: { state: State }
  note: object
  /** after: with `more`, of a store that can go on from there. */
  bulk: { count: number; more: boolean; after?: SliceEnd; ready: readonly Queue[] }
  end: { count: number; dead: readonly Dead[]; ready: readonly Queue[] }
  /** ready: queues in which jobs became ready. next: the soonest moment at which `due` will have something to do. */
  due: {
    dead: readonly Dead[]
    records: readonly string[]
    ready: readonly Queue[]
    next?: Ms
    more: boolean
  }
  record: { version: number }
  /** last: the number of the last event. */
  tell: { last: number }
}
export type Answer<K extends keyof Answers = keyof Answers> = {
  [P in K]: { ok: true; do: P } & Answers[P]
}[K]
/** next, of an empty reserve: the soonest moment at which one of its queues may have a job by the passing of time alone. */
export interface Refused {
  ok: false
  why: Refusal
  next?: Ms
}
export type Result = Answer | Refused

/**
 * Operations in order. A put all of whose targets refused, and an empty reserve, are refusals. At a refusal:
 * - 'go on' (default);
 * - 'wait': go on, but stop at an empty reserve, and the rest is 'skipped' (a pipelining connection that must now wait);
 * - 'skip' the rest;
 * - 'undo' the unit: nothing of it happened, the others are 'skipped'; no reserve and no due in such a unit.
 *
 * unsynced: the answer need not wait for the disk (a reserve bound to its session, a transient message).
 */
export interface Unit {
  ops: Op[]
  refused?: 'go on' | 'wait' | 'skip' | 'undo'
  unsynced?: true
}

/** What happened without this process asking for it, or by another process. Best effort and coalesced: nothing is correct because of a hint. */
export interface Hint {
  /** Something may be ready there, other than by a put of this commit. */
  ready?: readonly Queue[]
  /** Something will be due then, sooner than the last such hint or answer of `due` said. */
  due?: Ms
  /** Records changed; their newest version. */
  records?: number
  /** Leases of this process that ended without its doing. */
  ended?: readonly { id: JobId; n: Fence; why: 'timeout' | 'cancelled' | 'forced' }[]
  /** Jobs whose result is kept that ended or were set aside. */
  finished?: readonly JobId[]
  /** Events were told; the number of the last. Only for processes that have a record `follow/...`. */
  events?: number
  health?: 'ok' | 'disk full' | 'wal full' | 'failed'
  /** Why it has failed, for whoever has to mend it. */
  failure?: Error
}

export interface JobView extends Omit<Reserved, 'body' | 'first'> {
  state: State
  body?: Bytes
  first?: Ms
  /** Bytes of the body. */
  size: number
  why?: Why
  /** delayed: when it is due. */
  at?: Ms
  /** The delay that its last put or release asked for, and its lease length. */
  delay: Ms
  lease: Ms
  /** reserved: the session that holds it, if its lease has one. */
  holder?: string
  /** finished: when and how. */
  outcome?: Outcome & { at: Ms }
  blocked?: Blocked
  counts: Record<'releases' | 'timeouts' | 'buries' | 'kicks', number>
  error?: Bytes
  /** The oldest first. */
  notes?: readonly Note[]
}
/** order: take (pri, rank; the default), buried (order of burial), due (soonest first), id. after: the `after` of the page before. */
export interface Look {
  id?: JobId
  /** Those of these that are there, in whatever order. */
  ids?: readonly JobId[]
  where?: Where
  order?: 'take' | 'buried' | 'due' | 'id'
  after?: string
  limit: number
  with?: readonly ('body' | 'notes')[]
}
/**
 * Jobs by state now (urgent: of the ready ones, priority below 1024), bytes of bodies; puts and gone: jobs that came and left since the queue exists.
 * oldest: when the ready job was put that is taken next, which is the oldest where all have one priority. explicit: it has a policy record and so survives empty.
 */
export interface QueueStats {
  queue: Queue
  explicit: boolean
  ready: number
  urgent: number
  delayed: number
  waiting: number
  reserved: number
  buried: number
  bytes: number
  puts: number
  gone: number
  oldest?: Ms
  pausedUntil?: Ms
}
export interface StoreRecord {
  key: string
  value: unknown
  version: number
  session?: string
}

/** all: `changed` are all that there are, and nothing else is. */
export interface RecordChanges {
  version: number
  changed: StoreRecord[]
  deleted: string[]
  all: boolean
}

/** running: jobs reserved now; parked: jobs that wait there; keys: how many have a limit of their own now. */
export interface StoreLimit {
  name: string
  running: number
  parked: number
  keys: number
}

/** waits: queues of whose jobs it waits for the next; it need not say so while it is alone. jobs: those that it has reserved. self: the one that asks. */
export interface StoreProcess {
  name: string
  pid: number
  waits: Queue[]
  jobs: number
  self: boolean
}

/**
 * commit: one transaction, at most one sync (none if every unit is unsynced). One promise a unit: an unsynced one resolves at the commit, the
 * others at the sync. The units of a call are run in order; later calls follow earlier ones. A commit first makes due what is due.
 * `finish`, `release`, `bury`, `touch`, `forward` with n change nothing when repeated ('gone', 'stale'; a late touch of a job that is already back is
 * an ok no-op); a put is idempotent by `unique` only.
 *
 * A refusal is an answer. A rejection concerns the whole call: UnavailableError (nothing was applied) · UnknownOutcomeError (perhaps applied; the
 * store has failed, or begins anew).
 */
export interface Store {
  readonly traits: Traits
  /** Other processes that have it open, as far as this one knows. */
  readonly others?: number
  /** One clock for all processes, the only clock of deadlines. */
  now(): Ms
  commit(units: Unit[]): Promise<Result[]>[]
  /** A page is a snapshot and never holds up a commit. */
  look(at: Look): Promise<{ jobs: JobView[]; after?: string }>
  /** Of the queues named (one that doesn't exist is left out), or of all in the order in which they came. Costs O(queues), never O(jobs). */
  stats(queues?: Queue[]): Promise<QueueStats[]>
  /** Records that changed after version `since`. All of them, if it is 0, or so old that it isn't known any more what was deleted since. */
  records(since: number): Promise<RecordChanges>
  /** Events behind number `after`, the oldest first, as far as the ring still has them; and the number of the last that was told. */
  events(after: number, limit: number): Promise<{ events: ToldEvent[]; last: number }>
  /** In the application's own transaction: plain SQL on its handle, no broker involved, nothing visible before it commits. */
  within?(transaction: unknown): { commit(unit: Unit): Result[] }
  /** How it stands at each limit, over all its keys; where a store can tell. */
  limits?(): Promise<StoreLimit[]>
  /** The processes that have it open; a store that isn't shared has no such thing. */
  processes?(): Promise<StoreProcess[]>
  /** This process waits for jobs of these queues (all of them, each call anew). Resolves when that is visible to others: then reserve once more, then sleep. */
  wait(queues: Queue[]): Promise<void>
  /** Returns the way to stop hearing. */
  hear(on: (hint: Hint) => void): () => void
  close(): Promise<void>
}

/** shared: other processes may use it at the same time. durable: it outlives the process. within: it has `within`. */
export interface Traits {
  shared: boolean
  durable: boolean
  within: boolean
  gates: boolean
  notes: boolean
  children: boolean
}
