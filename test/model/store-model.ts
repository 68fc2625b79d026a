/**
 * What a store must answer, as a small reference: arrays, sorting, and a copy of everything for a unit that may be undone. Written from the contract's comments
 * (src/stores/store.ts, src/job.ts) and not from the stores' code. Ids, fences and versions are the store's to choose: they are read from its answers.
 */
import assert from 'node:assert/strict'
import type {
  Bytes,
  Death,
  JobId,
  Limit,
  Message,
  Ms,
  Queue,
  QueuePolicy,
  Ref,
  State,
  Target,
  Unique,
  Why,
} from '../../src/job.ts'
import { takeTurn, toBack, type Turning } from './turns.ts'
import type { Dead, JobView, Op, Put, QueueStats, Refusal, Result, Unit } from '../../src/stores/store.ts'

/** Implicit queues may be forgotten when they were unused for so long. */
const UNUSED: Ms = 60_000
const REPORT_AGAIN: Ms = 60_000
const DEATHS: readonly Why[] = ['rejected', 'expired', 'maxlen', 'exhausted', 'invalid', 'failed']

/** How long a job waits that a worker's process took with it. */
const LOST = { first: 250, factor: 4, max: 60_000 }
const NONE = { first: 0, factor: 0, max: 0 }

/** It was given no rank yet. */
const NEW = -1

type Live = Exclude<State, 'finished'>
type Op1<K extends Op['do']> = Extract<Op, { do: K }>

export interface ModelJob extends Turning {
  queue: Queue
  /** A member of a group that isn't its head is here 'ready', too: `stateOf` says what it is. */
  state: 'ready' | 'delayed' | 'reserved' | 'buried'
  /** When it is due, or its lease is over; Infinity for one of a session only. */
  at: Ms
  n: number
  /** A move gave it a fence that is larger than this one. */
  moved: boolean
  session: string | undefined
  /** Its place among those buried. */
  burial: number
  lease: Ms
  body: Bytes
  envelope: Bytes | undefined
  name: string | undefined
  /** Its group, be it fair or in order. */
  group: string | undefined
  gates: readonly string[] | undefined
  /** When it was last taken, if anything counted that. */
  begun: Ms
  /** The gate at which the store says that it waits: which of those that may go are ready already is the store's to choose. */
  parked: string | undefined
  unique: string | undefined
  /** The job that had its unique key, and has not ended yet. */
  after: JobId | undefined
  put: Ms
  first: Ms | undefined
  /** When its time to live is over, and when its queue's retention is. */
  ttl: Ms
  retained: Ms
  rankWhenDue: boolean
  maxFailures: number | undefined
  maxReserves: number | undefined
  backoff: { first: Ms; factor: number; max: Ms } | undefined
  reserves: number
  failures: number
  /** What both were when it came into its queue as a dead letter. */
  before: { reserves: number; failures: number }
  counts: JobView['counts']
  why: Why | undefined
  error: Bytes | undefined
  deaths: readonly Death[] | undefined
  cancelled: boolean
  /** Set aside for its queue's dead-letter target; and when that was last told. */
  dead: boolean
  reported: Ms
  /** It left in a unit that was undone: that it was told may be forgotten by that, and it may be told again. */
  again: boolean
}

interface ModelQueue {
  name: Queue
  puts: number
  gone: number
  used: Ms
  claims: Map<string, { id: JobId; for: Unique['for']; until: Ms }>
  /** What was counted when the last `due` might have forgotten it. */
  before?: { puts: number; gone: number }
}

interface ModelRecord {
  value: unknown
  version: number
  session: string | undefined
  at: Ms
}

type Return = Op1<'release'>['as'] | 'timeout' | 'released'

export class StoreModel {
  now: Ms
  jobs: ModelJob[] = []
  queues = new Map<Queue, ModelQueue>()
  records = new Map<string, ModelRecord>()
  /** By gate; that of a queue as a whole is `/` and its name. */
  windows = new Map<string, { since: Ms; used: number }>()
  /** The highest id that was given out, and the last version of a record. */
  lastId = 0
  #version = 0
  #counter = 0
  /** Jobs of a unit that was undone never had an id that anybody saw. */
  #unseen = 0
  #dead: Dead[] = []
  #ranks: ReadonlyMap<JobId, number> | undefined
  /** The highest rank that was a new number, and what it was before the step that is being done. */
  #highest = 0
  #before = 0
  readonly #shared: boolean

  /** shared: another process may have the file open, too. */
  constructor(now: Ms, shared: boolean) {
    this.now = now
    this.#shared = shared
  }

  // ------------------------------------------------------------------ time

  /** What is due is due. A lease first; then what its time to live, or the retention, ends. */
  settle(): void {
    this.#dead = []
    for (const [key, { at, value }] of this.records)
      if (key.startsWith('pause/') && Number(value) <= this.now && at <= this.now) this.#forget(key)
    for (let again = true; again;) {
      const timed = this.jobs.filter(
        (job) => (job.state === 'delayed' || job.state === 'reserved') && job.at <= this.now,
      )
      const rest = this.jobs.filter((job) => job.state !== 'reserved' && this.#expires(job) <= this.now)
      timed.sort((a, b) => a.at - b.at || a.id - b.id)
      rest.sort((a, b) => this.#expires(a) - this.#expires(b) || a.id - b.id)
      const due = [...new Set([...timed, ...rest])]
      for (const job of due) this.#makeDue(job)
      again = due.length > 0
    }
    this.#untold()
  }

  /** No answer told of these: `due` will. */
  #untold(): void {
    for (const { id } of this.#dead.splice(0)) {
      const job = this.job(id)
      if (job) job.reported = -Infinity
    }
  }

  #expires(job: ModelJob): Ms {
    return Math.min(job.ttl, job.retained)
  }

  #makeDue(job: ModelJob): void {
    if (job.state === 'reserved') this.#giveBack(job, 'timeout')
    else if (this.#expires(job) <= this.now) this.#expire(job)
    else {
      if (job.rankWhenDue && job.fair === undefined) job.rank = this.#fresh(job)
      job.rankWhenDue = false
      this.#place(job, 0)
    }
  }

  #expire(job: ModelJob): void {
    if (job.ttl <= this.now && job.retained > this.now && this.policy(job.queue)?.dead !== undefined)
      this.#aside(job, 'expired')
    else this.#depart(job)
  }

  /**
   * As after a restart: what sessions held is lost, and what was told is told again.
   * @param buried jobs as the store has them now: in which order those that were held were buried is its to choose
   */
  reopen(sessions: readonly string[], buried: readonly JobId[]): void {
    this.settle()
    const before = this.#counter
    for (const session of sessions) this.#end(session, 'lost')
    const order = this.jobs.filter(({ state, burial }) => state === 'buried' && burial > before)
    order.sort((a, b) => buried.indexOf(a.id) - buried.indexOf(b.id))
    for (const job of order) job.burial = ++this.#counter
    for (const job of this.jobs) job.reported = -Infinity
  }

  #forget(key: string): void {
    this.records.delete(key)
    this.#version++
  }

  // ------------------------------------------------------------------ ranks

  /**
   * The ranks that jobs have in the store after the next step: which numbers are new ones is the store's to choose. Without them the model counts by itself,
   * which tells the same order where no group is fair.
   */
  ranked(ranks: ReadonlyMap<JobId, number>): void {
    this.#before = this.#highest
    this.#ranks = ranks
  }

  #fresh({ id, rank: old }: ModelJob): number {
    if (!this.#ranks) return ++this.#counter
    // Of a new job it is the id. Of one that is gone again, or got another one after it, it is seen only of who took a turn with it.
    const seen = (old === NEW && id > 0 ? id : this.#ranks.get(id)) ?? 0
    const rank = seen > this.#before ? seen : this.#nextRank(this.#ranks)
    this.#highest = Math.max(this.#highest, rank)
    return rank
  }

  #nextRank(ranks: ReadonlyMap<JobId, number>): number {
    const above = [...ranks.values()].filter((rank) => rank > this.#highest)
    return above.length > 0 ? Math.min(...above) : this.#highest + 1
  }

  /** Makes it one of a group, as the policy of its queue has groups. */
  #join(job: ModelJob, group: string | undefined, otherwise: QueuePolicy['groups']): void {
    const fair = (this.policy(job.queue)?.groups ?? otherwise) === 'fair'
    job.group = group
    job.fair = fair ? (group ?? '') : undefined
    job.turn = false
  }

  #setPri(job: ModelJob, pri: number | undefined): void {
    if (pri === undefined || pri === job.pri) return
    job.pri = pri
    job.turn = false
  }

  // ------------------------------------------------------------------ what one sees

  policy(queue: Queue): QueuePolicy | undefined {
    return this.records.get(`queue/${queue}`)?.value as QueuePolicy | undefined
  }

  pausedUntil(queue: Queue): Ms {
    return Number(this.records.get(`pause/${queue}`)?.value ?? 0)
  }

  job(id: JobId): ModelJob | undefined {
    return this.jobs.find((job) => job.id === id)
  }

  #in(queue: Queue): ModelJob[] {
    return this.jobs.filter((job) => job.queue === queue)
  }

  /** The first by rank of a group's jobs that aren't buried; the others wait for it. */
  #head(queue: Queue, group: string): ModelJob | undefined {
    return this.#in(queue)
      .filter((job) => lineOf(job) === group && job.state !== 'buried')
      .sort((a, b) => a.rank - b.rank)[0]
  }

  stateOf(job: ModelJob): Live {
    if (job.state !== 'ready') return job.state
    return this.isBehind(job) || job.parked !== undefined ? 'waiting' : 'ready'
  }

  isBehind(job: ModelJob): boolean {
    const line = lineOf(job)
    return job.after !== undefined || (line !== undefined && this.#head(job.queue, line) !== job)
  }

  /** Jobs of one state in that state's order. */
  list(queue: Queue, state: Live): ModelJob[] {
    const jobs = this.#in(queue).filter((job) => this.stateOf(job) === state)
    if (state === 'buried') return jobs.sort((a, b) => a.burial - b.burial)
    if (state === 'delayed') return jobs.sort((a, b) => a.at - b.at || a.id - b.id)
    return jobs.sort(byTurn)
  }

  // ------------------------------------------------------------------ limits

  /** Where the store says that these wait: only at gates of theirs, and at an open one only behind others that are ready. */
  parkedAt(gates: ReadonlyMap<JobId, string>): void {
    for (const job of this.jobs)
      job.parked = job.state === 'ready' && !this.isBehind(job) ? gates.get(job.id) : undefined
    for (const { id, queue, parked, gates: own } of this.jobs) {
      if (parked === undefined) continue
      assert.ok(own?.includes(parked), `job ${id} waits at ${parked}, which is no gate of it`)
      const ready = this.list(queue, 'ready').some((job) => job.gates?.includes(parked))
      assert.ok(ready || !this.#isOpen(parked), `job ${id} waits at ${parked}, which is open, and behind nobody`)
    }
  }

  #limit(gate: string): Limit {
    if (gate.startsWith('/')) return this.policy(gate.slice(1) as Queue) ?? {}
    return this.records.get(`limit/${gate.replace(/\/.*/, '')}`)?.value ?? {}
  }

  /** Those that are reserved now, of all queues or of one as a whole. */
  #running(gate: string): ModelJob[] {
    const counts = (job: ModelJob) => (gate.startsWith('/') ? `/${job.queue}` === gate : job.gates?.includes(gate))
    return this.jobs.filter((job) => job.state === 'reserved' && counts(job))
  }

  /** When the window that it counts in is over, if it is used up. */
  #opensAt(gate: string): Ms | undefined {
    const { rate } = this.#limit(gate)
    const { since, used } = this.windows.get(gate) ?? { since: 0, used: 0 }
    return rate && used >= rate.jobs && since + rate.per > this.now ? since + rate.per : undefined
  }

  #isOpen(gate: string): boolean {
    const { concurrency = Infinity } = this.#limit(gate)
    return this.#running(gate).length < concurrency && this.#opensAt(gate) === undefined
  }

  #gatesOpen({ gates = [] }: ModelJob): boolean {
    return gates.every((gate) => this.#isOpen(gate))
  }

  #queueOpen(queue: Queue): boolean {
    return this.pausedUntil(queue) <= this.now && this.#isOpen(`/${queue}`)
  }

  /** A reserve counts in the windows of its gates and of its queue. */
  #begin(job: ModelJob): void {
    for (const gate of [...(job.gates ?? []), `/${job.queue}`]) {
      const { rate } = this.#limit(gate)
      if (!rate) continue
      job.begun = this.now
      const window = this.windows.get(gate)
      const runs = window && window.used > 0 && window.since + rate.per > this.now
      this.windows.set(gate, runs ? { since: window.since, used: window.used + 1 } : { since: this.now, used: 1 })
    }
  }

  /** A reserve is taken back, which doesn't count any more where its window still runs. */
  #uncount(job: ModelJob): void {
    for (const gate of [...(job.gates ?? []), `/${job.queue}`]) {
      const { rate } = this.#limit(gate)
      const window = this.windows.get(gate)
      if (!rate || !window || window.used === 0 || window.since + rate.per <= this.now || job.begun < window.since)
        continue
      this.windows.set(gate, { since: window.since, used: window.used - 1 })
    }
  }

  /** When time alone lets it be taken, as far as its limits go. */
  opens(job: ModelJob): Ms {
    return Math.max(...[...(job.gates ?? []), `/${job.queue}`].map((gate) => this.#letsThrough(gate)))
  }

  #letsThrough(gate: string): Ms {
    const { concurrency = Infinity } = this.#limit(gate)
    const ends = this.#running(gate)
      .map(({ at }) => at)
      .sort((a, b) => a - b)
    const tooMany = ends.length - concurrency
    const free = tooMany < 0 ? this.now : (ends[tooMany] ?? Infinity)
    return Math.max(free, this.#opensAt(gate) ?? this.now)
  }

  #seen(by: 'gate' | 'queue', gate: string, what: string): JobView['blocked'] {
    const { concurrency, rate } = this.#limit(gate)
    const until = this.#opensAt(gate)
    return {
      by,
      what,
      running: this.#running(gate).length,
      limit: { ...(concurrency !== undefined && { concurrency }), ...(rate && { rate }) },
      ...(until !== undefined && { until }),
    }
  }

  #closedBy({ queue }: ModelJob): JobView['blocked'] {
    const paused = this.pausedUntil(queue)
    if (paused > this.now) return { by: 'paused', what: paused }
    return this.#isOpen(`/${queue}`) ? undefined : this.#seen('queue', `/${queue}`, queue)
  }

  // ------------------------------------------------------------------

  #behind(job: ModelJob): { by: 'group' | 'job'; what: JobId | undefined } {
    const line = lineOf(job)
    const head = line === undefined ? undefined : this.#head(job.queue, line)
    return head && head !== job ? { by: 'group', what: head.id } : { by: 'job', what: job.after }
  }

  view(job: ModelJob): Record<string, unknown> {
    const { id, n, queue, pri, reserves, failures, put, first, lease, body, envelope, group, name, deaths, error } = job
    const state = this.stateOf(job)
    const blocked = {
      delayed: { by: 'until', what: job.at },
      waiting: job.parked === undefined ? this.#behind(job) : this.#seen('gate', job.parked, job.parked),
      ready: this.#closedBy(job),
      reserved: undefined,
      buried: undefined,
    }[state]
    return {
      ...{
        id,
        n,
        queue,
        state,
        pri,
        reserves,
        failures,
        put,
        first,
        lease,
        body,
        envelope,
        group,
        name,
        deaths,
        error,
      },
      blocked,
      size: body.length,
      redelivered: reserves > 0,
      counts: job.counts,
      until: state === 'reserved' && job.at !== Infinity ? job.at : undefined,
      holder: state === 'reserved' ? job.session : undefined,
      at: state === 'delayed' ? job.at : undefined,
      why: state === 'buried' ? job.why : undefined,
    }
  }

  stats(queue: Queue): Omit<QueueStats, 'oldest'> | undefined {
    const one = this.queues.get(queue)
    if (!one) return undefined
    const jobs = this.#in(queue)
    const count = (state: Live) => jobs.filter((job) => this.stateOf(job) === state).length
    return {
      queue,
      explicit: this.policy(queue) !== undefined,
      ready: count('ready'),
      urgent: jobs.filter((job) => this.stateOf(job) === 'ready' && job.pri < 1024).length,
      delayed: count('delayed'),
      waiting: count('waiting'),
      reserved: count('reserved'),
      buried: count('buried'),
      bytes: jobs.reduce((bytes, job) => bytes + job.body.length, 0),
      puts: one.puts,
      gone: one.gone,
      ...(this.pausedUntil(queue) > this.now && { pausedUntil: this.pausedUntil(queue) }),
    }
  }

  /** The store has forgotten this queue, which it may when nobody used it for a while. */
  forgotten(queue: Queue): void {
    const one = this.queues.get(queue)
    assert.ok(
      one && this.#forgettable(one),
      `${queue} is forgotten, and had jobs, a policy, a unique key, or was used lately`,
    )
    this.queues.delete(queue)
  }

  /** The same, of a queue that was used again in the unit that forgot it: its statistics begin anew. */
  begunAnew(queue: Queue, { puts, gone }: QueueStats): void {
    const one = this.queues.get(queue)
    const { before } = one ?? {}
    if (!one || !before || (puts === one.puts && gone === one.gone)) return
    one.puts -= before.puts
    one.gone -= before.gone
    delete one.before
  }

  #forgettable({ name, used, claims }: ModelQueue): boolean {
    const unused = this.#in(name).length === 0 && this.policy(name) === undefined && this.now - used >= UNUSED
    return unused && [...claims.values()].every(({ until }) => until <= this.now)
  }

  // ------------------------------------------------------------------ operations

  /** The fence that a move gave, which is the store's to choose. */
  fenced(id: JobId, n: number): void {
    const job = this.job(id)
    if (!job?.moved) return
    assert.ok(n > job.n, `the fence of job ${id} grows with its move`)
    job.n = n
    job.moved = false
  }

  /** What the store must answer to a unit; what is the store's to choose is taken from what it did answer. */
  run(unit: Unit, actual: readonly Result[]): unknown[] {
    if (unit.refused === 'undo') {
      if (unit.ops.some((op) => op.do === 'reserve' || op.do === 'due'))
        return unit.ops.map(() => refused('unsupported'))
      const before = this.#save()
      const version = this.#version
      const answers = this.#run(unit, actual)
      if (answers.every(({ ok }) => ok)) return answers
      before()
      this.#version = version
      return answers.map((answer) => (answer.ok ? refused('skipped') : answer))
    }
    return this.#run(unit, actual)
  }

  /** Returns the way back to how everything is now. */
  #save(): () => void {
    const jobs = this.jobs.map((job) => [job, structuredClone(job)] as const)
    const { queues, records, windows } = structuredClone({
      queues: this.queues,
      records: this.records,
      windows: this.windows,
    })
    const dead = [...this.#dead]
    return () => {
      this.jobs = jobs.map(([job, saved]) => {
        const again = saved.dead && (!job.dead || !this.jobs.includes(job))
        return Object.assign(job, saved, again && { again })
      })
      Object.assign(this, { queues, records, windows })
      this.#dead = dead
    }
  }

  #run({ ops, refused: rule }: Unit, actual: readonly Result[]): { ok: boolean }[] {
    const answers: { ok: boolean }[] = []
    for (const [i, op] of ops.entries()) {
      this.#dead = []
      const answer = this.#op(op, actual[i]) as { ok: boolean; why?: Refusal }
      answers.push(answer)
      if (!answer.ok) this.#untold()
      if (answer.ok || rule === undefined || rule === 'go on') continue
      if (rule === 'wait' && !(op.do === 'reserve' && answer.why === 'empty')) continue
      while (answers.length < ops.length) answers.push(refused('skipped'))
      break
    }
    return answers
  }

  #op(op: Op, actual: Result | undefined): object {
    const answer = actual?.ok ? actual : undefined
    switch (op.do) {
      case 'put':
        return this.#put(op, answer?.do === 'put' ? answer.per : [])
      case 'reserve':
        return this.#reserve(op, answer?.do === 'reserve' ? answer.jobs.map(({ n }) => n) : [])
      case 'finish':
        return this.#with(op.job, (job) => {
          this.#depart(job)
          return { ok: true, do: 'finish' }
        })
      case 'release':
        return this.#with(op.job, (job) => this.#release(op, job))
      case 'bury':
        return this.#with(op.job, (job) => {
          job.counts.buries++
          job.pri = op.pri ?? job.pri
          job.error = op.error ?? job.error
          this.#aside(job, op.why)
          return { ok: true, do: 'bury', dead: this.#dead }
        })
      case 'touch':
        return this.#with(op.job, (job) => this.#touch(op, job))
      case 'forward':
        return this.#with(op.job, (job) => this.#forward(op, job, answer?.do === 'forward' ? answer.per : []))
      case 'cancel':
        return this.#cancel(op.job)
      case 'note':
        return refused('unsupported')
      case 'bulk':
        return this.#bulk(op)
      case 'end':
        return { ok: true, do: 'end', count: this.#end(op.session, op.as), dead: this.#dead }
      case 'due':
        return this.#due(answer?.do === 'due' ? answer.dead : [])
      case 'record':
        return this.#record(op, answer?.do === 'record' ? answer.version : 0)
      case 'tell':
        return { ok: true, do: 'tell' }
    }
  }

  #with(ref: Ref, change: (job: ModelJob) => object): object {
    const job = this.job(ref.id)
    if (!job) return refused('gone')
    const reserved = job.state === 'reserved'
    if (ref.n !== undefined) {
      const current = reserved || (ref.buried && job.state === 'buried') || (ref.late && job.state !== 'buried')
      return job.n === ref.n && !job.moved && current ? change(job) : refused('stale')
    }
    if (ref.held !== undefined) {
      const may = reserved ? job.session === ref.held : ref.free === true
      return may ? change(job) : refused('not held')
    }
    return !reserved || ref.force ? change(job) : refused('not held')
  }

  #newId(actual: Put | undefined): JobId {
    if (!actual?.ok) return --this.#unseen
    assert.ok(actual.id > this.lastId, `id ${actual.id} was given out after ${this.lastId}`)
    return (this.lastId = actual.id)
  }

  #put(op: Op1<'put'>, actual: readonly Put[]): object {
    const per = op.to.map((target, i) => this.#putOne(op, target, actual[i]))
    const first = per[0]
    if (first && per.every(({ ok }) => !ok)) return first
    return { ok: true, do: 'put', per, dead: this.#dead }
  }

  #putOne({ msg }: Op1<'put'>, target: Target, actual: Put | undefined): Put {
    if (!this.#exists(target)) return refused('no queue')
    const { unique } = msg
    const queue = this.#queue(target.queue)
    const scoped = unique && (unique.scope === 'group' ? `group ${msg.group}: ${unique.key}` : `queue: ${unique.key}`)
    const claim = scoped === undefined ? undefined : queue.claims.get(scoped)
    const first = claim && this.job(claim.id)
    let running: typeof first
    if (unique && claim && (claim.until > this.now || first?.after !== undefined)) {
      if (unique.on === 'keep')
        return { ok: true, id: claim.id, state: first ? this.stateOf(first) : 'finished', duplicate: true }
      const holder = first?.unique === scoped ? first : undefined
      if (holder?.state === 'reserved') running = holder
      else if (holder && holder.state !== 'buried') return this.#replace(holder, msg, target)
    }
    const refusal = this.#room(target.queue, msg.body.length)
    if (refusal) return refused(refusal)
    if (running && unique?.on === 'supersede') running.cancelled = true
    const policy = this.policy(target.queue)
    const job = this.#newJob(this.#newId(actual), target, msg.body)
    Object.assign(job, {
      envelope: msg.envelope,
      name: msg.name,
      gates: msg.gates && [...new Set(msg.gates)],
      lease: msg.lease ?? policy?.lease ?? 60_000,
      maxFailures: msg.maxFailures,
      maxReserves: msg.maxReserves,
      backoff: msg.backoff,
    })
    this.#join(job, msg.group, 'ordered')
    if (unique && scoped !== undefined) {
      job.unique = scoped
      job.after = running?.id
      const until = typeof unique.for === 'number' ? this.now + unique.for : Infinity
      queue.claims.set(scoped, { id: job.id, for: unique.for, until })
    }
    this.#placeAnew(job, target.at ?? this.now + (policy?.delay ?? 0))
    return { ok: true, id: job.id, state: this.stateOf(job) }
  }

  #replace(job: ModelJob, msg: Message, target: Target): Put {
    if (msg.body.length > (this.policy(job.queue)?.maxSize ?? Infinity)) return refused('too big')
    job.body = msg.body
    job.envelope = msg.envelope ?? job.envelope
    job.name = msg.name
    job.gates = msg.gates && [...new Set(msg.gates)]
    this.#setPri(job, target.pri)
    job.dead = false
    this.#place(job, target.at ?? 0)
    return { ok: true, id: job.id, state: this.stateOf(job), replaced: true }
  }

  #exists({ queue, create }: Target): boolean {
    return create === true || this.queues.has(queue)
  }

  #queue(name: Queue): ModelQueue {
    let queue = this.queues.get(name)
    if (!queue)
      this.queues.set(name, (queue = { name, puts: 0, gone: 0, used: this.now, claims: new Map<string, never>() }))
    return queue
  }

  #newJob(id: JobId, target: Target, body: Bytes): ModelJob {
    const queue = this.#queue(target.queue)
    queue.puts++
    const job: ModelJob = {
      id,
      queue: target.queue,
      state: 'ready',
      pri: target.pri ?? this.policy(target.queue)?.pri ?? 65536,
      rank: NEW,
      fair: undefined,
      turn: false,
      at: 0,
      n: 0,
      moved: false,
      session: undefined,
      burial: 0,
      lease: 60_000,
      body,
      envelope: undefined,
      name: undefined,
      group: undefined,
      gates: undefined,
      begun: 0,
      parked: undefined,
      unique: undefined,
      after: undefined,
      put: this.now,
      first: undefined,
      ttl: Infinity,
      retained: Infinity,
      rankWhenDue: target.rank === 'due',
      maxFailures: undefined,
      maxReserves: undefined,
      backoff: undefined,
      reserves: 0,
      failures: 0,
      before: { reserves: 0, failures: 0 },
      counts: { releases: 0, timeouts: 0, buries: 0, kicks: 0 },
      why: undefined,
      error: undefined,
      deaths: undefined,
      cancelled: false,
      dead: false,
      reported: -Infinity,
      again: false,
    }
    this.#live(job, target.ttl)
    this.jobs.push(job)
    return job
  }

  /** How long it may be in its queue, from now on: its own time, the queue's, and the queue's retention. */
  #live(job: ModelJob, own: Ms | undefined): void {
    const { ttl = Infinity, retention = Infinity } = this.policy(job.queue) ?? {}
    job.ttl = this.now + Math.min(own ?? Infinity, ttl)
    job.retained = this.now + retention
  }

  #room(queue: Queue, bytes: number): Refusal | undefined {
    const { maxSize = Infinity, maxBytes = Infinity, maxJobs = Infinity, overflow } = this.policy(queue) ?? {}
    if (bytes > maxSize || bytes > maxBytes) return 'too big'
    const back = overflow === 'drop' ? this.#save() : undefined
    for (;;) {
      // What is on its way to the dead-letter target is not here any more.
      const here = this.#in(queue).filter((job) => !job.dead)
      if (here.length < maxJobs && here.reduce((sum, job) => sum + job.body.length, bytes) <= maxBytes) return undefined
      const head = overflow === 'drop' ? this.list(queue, 'ready')[0] : undefined
      if (!head) {
        // A refused put changes nothing, also where dropping every job that may go doesn't make enough room.
        back?.()
        return 'full'
      }
      if (this.policy(queue)?.dead === undefined) this.#depart(head)
      else this.#aside(head, 'maxlen')
    }
  }

  #place(job: ModelJob, at: Ms): void {
    job.state = at > this.now ? 'delayed' : 'ready'
    job.at = job.state === 'delayed' ? at : 0
    job.session = job.parked = undefined
    this.#queue(job.queue).used = this.now
    if (job.state === 'delayed') job.turn = false
    else if (job.fair !== undefined) takeTurn(job, this.jobs, this.#isReady, () => this.#fresh(job))
  }

  readonly #isReady = (job: ModelJob): boolean => this.stateOf(job) === 'ready'

  /** The same with a new number, where no turn decides. */
  #placeAnew(job: ModelJob, at: Ms): void {
    if (job.fair === undefined || at > this.now) job.rank = this.#fresh(job)
    this.#place(job, at)
  }

  // ------------------------------------------------------------------ taking

  #reserve(op: Op1<'reserve'>, fences: number[]): object {
    const jobs: object[] = []
    if (typeof op.from === 'number') {
      const job = this.job(op.from)
      if (!job) return refused('gone')
      const state = this.stateOf(job)
      const line = lineOf(job)
      const closed = line !== undefined && state !== 'buried' && this.#head(job.queue, line) !== job
      if (state === 'reserved' || closed) return refused('not held')
      jobs.push(this.#take(job, op, fences[0]))
      return { ok: true, do: 'reserve', jobs, dead: this.#dead }
    }
    let { bytes } = op
    let job = this.#first(op.from)
    while (job && (jobs.length === 0 || job.body.length <= bytes)) {
      bytes -= job.body.length
      jobs.push(this.#take(job, op, fences[jobs.length]))
      // Nobody looks for another one then, who would set aside what may not be taken any more.
      if (jobs.length >= op.max || bytes <= 0) break
      // Where each is gone at once, the next of the group is a head itself.
      job = (op.run && !op.gone && this.#following(job)) || this.#first(op.from)
    }
    return jobs.length > 0 ? { ok: true, do: 'reserve', jobs, dead: this.#dead } : refused('empty')
  }

  /** The first of each queue is looked at: what may not be taken any more leaves, also where another queue's comes before it. */
  #first(from: readonly Queue[]): ModelJob | undefined {
    const heads: ModelJob[] = []
    for (const queue of from.filter((queue) => this.#queueOpen(queue))) {
      let head = this.#free(queue)[0]
      while (head && !this.#takable(head)) head = this.#free(queue)[0]
      if (head) heads.push(head)
    }
    // A turn means something in its own queue only.
    return heads.sort((a, b) => a.pri - b.pri || ageOf(a) - ageOf(b))[0]
  }

  /** Those that may be taken, in their order, whether the store says that they are ready or that they wait at a gate which is open. */
  #free(queue: Queue): ModelJob[] {
    return this.#in(queue)
      .filter((job) => job.state === 'ready' && !this.isBehind(job) && this.#gatesOpen(job))
      .sort(byTurn)
  }

  /** The next of its group, if it may come along. */
  #following({ queue, rank, ...job }: ModelJob): ModelJob | undefined {
    const line = lineOf(job)
    if (line === undefined) return undefined
    const next = this.#in(queue)
      .filter((job) => lineOf(job) === line && job.state !== 'buried' && job.rank > rank)
      .sort((a, b) => a.rank - b.rank)[0]
    if (next?.state !== 'ready' || !this.#gatesOpen(next) || !this.#isOpen(`/${queue}`)) return undefined
    return this.#takable(next) ? next : undefined
  }

  /** What may not be taken any more leaves on the spot; one that was kicked may be tried again. */
  #takable(job: ModelJob): boolean {
    if (this.#expires(job) <= this.now) this.#expire(job)
    else if (job.reserves > 0 && job.counts.kicks === 0 && this.#exhausted(job)) this.#aside(job, 'exhausted')
    else return true
    return false
  }

  #take(job: ModelJob, { lease, gone }: Op1<'reserve'>, n: number | undefined): object {
    if (n !== undefined) assert.ok(n > job.n, `the fence of job ${job.id} grows`)
    job.n = n ?? job.n
    job.moved = false
    job.state = 'reserved'
    // A cancel is of the lease during which it was asked for.
    job.dead = job.cancelled = false
    job.after = job.parked = undefined
    this.#begin(job)
    job.session = lease.session
    job.reserves++
    job.first ??= this.now
    job.at = lease.ms === undefined ? Infinity : this.now + (lease.ms === 'own' ? job.lease : lease.ms)
    this.#queue(job.queue).used = this.now
    const claim = job.unique === undefined ? undefined : this.#queue(job.queue).claims.get(job.unique)
    if (claim?.id === job.id && claim.for === 'waiting') this.#queue(job.queue).claims.delete(job.unique as string)
    const { id, queue, body, envelope, name, group, pri, reserves, failures, put, first, deaths } = job
    const until = job.at === Infinity ? undefined : job.at
    const redelivered = reserves > 1
    if (gone) this.#depart(job)
    return {
      id,
      n,
      queue,
      body,
      envelope,
      name,
      group,
      pri,
      reserves,
      failures,
      put,
      first,
      deaths,
      until,
      redelivered,
    }
  }

  // ------------------------------------------------------------------ coming back

  #release(op: Op1<'release'>, job: ModelJob): object {
    if (job.state !== 'reserved') {
      if (op.job.late) return { ok: true, do: 'release', state: this.stateOf(job), dead: this.#dead }
      const kickable = job.state === 'buried' || job.state === 'delayed'
      if (op.as === 'kicked' ? !kickable : op.as !== 'asked') return refused('not held')
    }
    this.#giveBack(job, op.as, op)
    const state = this.jobs.includes(job) ? this.stateOf(job) : 'finished'
    return { ok: true, do: 'release', state, dead: this.#dead }
  }

  #giveBack(
    job: ModelJob,
    as: Return,
    to: { at?: Ms; pri?: number; back?: true; error?: Bytes; afresh?: boolean } = {},
  ): void {
    if (job.cancelled && job.state === 'reserved') return this.#depart(job)
    if (as === 'untaken') this.#uncount(job)
    const bound = job.state === 'reserved' && job.at === Infinity
    if (as === 'asked' || as === 'failed') job.counts.releases++
    if (as === 'failed' || as === 'lost' || as === 'timeout') job.failures++
    if (as === 'timeout') job.counts.timeouts++
    if (as === 'kicked') job.counts.kicks++
    if (as === 'untaken') job.reserves--
    if (to.afresh) {
      job.reserves = job.failures = 0
      job.before = { reserves: 0, failures: 0 }
    }
    job.dead = job.cancelled = false
    job.error = to.error ?? job.error
    this.#setPri(job, to.pri)
    if (to.back && job.fair !== undefined) toBack(job, this.jobs, this.#isReady)
    else if (to.back) job.rank = this.#fresh(job)
    if (as !== 'kicked' && as !== 'untaken' && this.#exhausted(job)) return this.#aside(job, 'exhausted')
    const { first, factor, max } =
      job.backoff ?? this.policy(job.queue)?.backoff ?? (bound && as === 'lost' ? LOST : NONE)
    const bad = as === 'failed' || as === 'lost' || as === 'timeout'
    this.#place(
      job,
      to.at ??
        (bad ? this.now + Math.min(max, Math.round(first * factor ** (job.failures - job.before.failures - 1))) : 0),
    )
  }

  #exhausted(job: ModelJob): boolean {
    const policy = this.policy(job.queue)
    return (
      job.reserves - job.before.reserves >= (job.maxReserves ?? policy?.maxReserves ?? Infinity) ||
      job.failures - job.before.failures >= (job.maxFailures ?? policy?.maxFailures ?? Infinity)
    )
  }

  #aside(job: ModelJob, why: Why): void {
    const to = why === 'asked' ? undefined : this.policy(job.queue)?.dead
    Object.assign(job, { state: 'buried', at: 0, session: undefined, burial: ++this.#counter, why })
    job.ttl = Infinity
    job.turn = false
    job.dead = to !== undefined
    job.after = undefined
    job.reported = -Infinity
    this.#succeed(job)
    this.#queue(job.queue).used = this.now
    if (to !== undefined) this.#report(job, to)
  }

  #report(job: ModelJob, to: Queue): void {
    const { id, n, queue, why, envelope, deaths } = job
    this.#dead.push({ id, n, queue, to, why: why as Why, ...(envelope && { envelope }), deaths: deaths ?? [] })
    job.reported = this.now
    job.again = false
  }

  #depart(job: ModelJob): void {
    this.jobs = this.jobs.filter((one) => one !== job)
    this.#unclaim(job)
    this.#succeed(job)
    const queue = this.#queue(job.queue)
    queue.gone++
    queue.used = this.now
  }

  /** Who took the unique key over while this one ran no longer waits for it. */
  #succeed({ id, queue, unique }: ModelJob): void {
    const claim = unique === undefined ? undefined : this.#queue(queue).claims.get(unique)
    const next = claim && this.job(claim.id)
    if (next?.after !== id) return
    next.after = undefined
    this.#place(next, next.state === 'delayed' ? next.at : 0)
  }

  #unclaim(job: ModelJob): void {
    const { claims } = this.#queue(job.queue)
    const claim = job.unique === undefined ? undefined : claims.get(job.unique)
    if (claim?.id === job.id && typeof claim.for === 'string') claims.delete(job.unique as string)
  }

  #touch({ ms, job: ref }: Op1<'touch'>, job: ModelJob): object {
    if (job.state !== 'reserved') return ref.late ? { ok: true, do: 'touch', until: this.now } : refused('not held')
    job.at = this.now + (ms === 'own' ? job.lease : ms)
    return { ok: true, do: 'touch', until: job.at, ...(job.cancelled && { cancelled: true }) }
  }

  #cancel(id: JobId): object {
    const job = this.job(id)
    if (!job) return refused('gone')
    if (job.state === 'reserved') job.cancelled = true
    else this.#depart(job)
    return { ok: true, do: 'cancel', state: job.state === 'reserved' ? 'reserved' : 'finished' }
  }

  #end(session: string, as: 'released' | 'lost'): number {
    const held = this.jobs.filter((job) => job.state === 'reserved' && job.session === session)
    for (const job of held.sort((a, b) => a.id - b.id)) this.#giveBack(job, as)
    for (const [key, record] of this.records) if (record.session === session) this.#forget(key)
    return held.length
  }

  // ------------------------------------------------------------------ moving

  #forward(
    op: Pick<Op1<'forward'>, 'to' | 'why' | 'body' | 'envelope'>,
    job: ModelJob,
    actual: readonly Put[],
  ): object {
    if (op.to.length === 0) {
      this.#depart(job)
      return { ok: true, do: 'forward', per: [], dead: this.#dead }
    }
    const refusals = op.to.map((target) => {
      if (!this.#exists(target)) return 'no queue'
      this.#queue(target.queue)
      return target.queue === job.queue ? undefined : this.#room(target.queue, (op.body ?? job.body).length)
    })
    if (refusals.every((refusal) => refusal !== undefined)) return refused(refusals[0] as Refusal)
    const from = job.queue
    const deaths = DEATHS.includes(op.why) ? this.#died(job, op.why) : job.deaths
    const { pri, group } = job
    const groups = job.fair === undefined ? 'ordered' : 'fair'
    let itself = true
    const per = op.to.map((target, i): Put => {
      const refusal = refusals[i]
      if (refusal !== undefined) return refused(refusal)
      let moved = job
      if (itself) this.#move(op, job, from, target)
      else {
        moved = this.#newJob(this.#newId(actual[i]), { ...target, pri: target.pri ?? pri }, job.body)
        const { envelope, name, gates, lease, put, reserves } = job
        Object.assign(moved, { envelope, name, gates, lease, put, reserves, before: { reserves, failures: 0 } })
      }
      itself = false
      this.#join(moved, group, groups)
      moved.deaths = deaths
      this.#placeAnew(moved, target.at ?? 0)
      return { ok: true, id: moved.id, state: this.stateOf(moved) }
    })
    return { ok: true, do: 'forward', per, dead: this.#dead }
  }

  #move(op: Pick<Op1<'forward'>, 'why' | 'body' | 'envelope'>, job: ModelJob, from: Queue, target: Target): void {
    if (target.queue !== from) {
      this.#succeed(job)
      this.#unclaim(job)
      job.unique = job.after = undefined
      const queue = this.#queue(from)
      queue.gone++
      queue.used = this.now
      this.#queue(target.queue).puts++
      job.moved = true
    }
    job.queue = target.queue
    job.pri = target.pri ?? job.pri
    job.body = op.body ?? job.body
    job.envelope = op.envelope ?? job.envelope
    job.why = undefined
    job.dead = false
    if (target.rank === 'due') job.rankWhenDue = true
    // A move that was asked for is a new beginning; a dead letter keeps what it went through.
    if (op.why === 'asked') {
      job.failures = job.reserves = 0
      job.before = { reserves: 0, failures: 0 }
    } else if (target.queue !== from) {
      const back = job.deaths?.some((death) => death.queue === target.queue)
      job.before = back ? { reserves: 0, failures: 0 } : { reserves: job.reserves, failures: job.failures }
    }
    this.#live(job, target.ttl)
  }

  #died({ queue, deaths = [] }: ModelJob, why: Why): Death[] {
    const same = (death: Death) => death.queue === queue && death.why === why
    const count = (deaths.find(same)?.count ?? 0) + 1
    return [{ queue, why, count, at: this.now }, ...deaths.filter((death) => !same(death))]
  }

  #bulk({ where, act, limit }: Op1<'bulk'>): object {
    const { queue, states, name, upTo = Infinity, match = '' } = where
    const found: ModelJob[] = []
    const wanted = (job: ModelJob) =>
      job.id <= upTo && (name === undefined || job.name === name) && Buffer.from(job.body).includes(match)
    for (const state of states) {
      if (state === 'finished') continue
      found.push(...this.list(queue, state).filter(wanted))
      if ((act === 'kick' || act === 'retry') && found.length > 0) break
    }
    let count = 0
    const seen = new Set<ModelJob>()
    const each = (job: ModelJob) => {
      seen.add(job)
      if (this.#act(job, act)) count++
    }
    for (const job of found) {
      if (seen.has(job)) continue
      const line = lineOf(job)
      // Moved, a group stays in its order.
      while (typeof act === 'object' && line !== undefined && seen.size < limit) {
        const head = this.#head(job.queue, line)
        if (!head || head === job || seen.has(head) || !states.includes(this.stateOf(head)) || !wanted(head)) break
        each(head)
      }
      if (seen.size >= limit) break
      each(job)
    }
    return { ok: true, do: 'bulk', count, more: found.length > limit && count > 0 }
  }

  #act(job: ModelJob, act: Op1<'bulk'>['act']): boolean {
    if (act === 'delete') this.#depart(job)
    else if (act === 'kick') this.#giveBack(job, 'kicked')
    else if (act === 'retry') this.#giveBack(job, 'kicked', { afresh: true })
    else {
      const queue = act.to === 'origin' ? job.deaths?.[0]?.queue : act.to
      if (queue === undefined || (act.explicit && !this.policy(queue))) return false
      const at = this.stateOf(job) === 'delayed' ? job.at : undefined
      const target = { queue, create: true, ...(at !== undefined && { at }) } as const
      return (this.#forward({ to: [target], why: 'asked' }, job, []) as { ok: boolean }).ok
    }
    return true
  }

  // ------------------------------------------------------------------ records and due

  /** Each dead letter that lies here is told of once, and again when it still lies here a minute later. */
  #due(actual: readonly Dead[]): object {
    const records: string[] = []
    for (const [key, record] of this.records)
      if (record.at <= this.now && !key.startsWith('pause/')) {
        record.at = Infinity
        records.push(key)
      }
    for (const queue of this.queues.values())
      if (this.#forgettable(queue)) queue.before = { puts: queue.puts, gone: queue.gone }
    const told = new Set(actual.map(({ id }) => id))
    for (const job of this.jobs) {
      const to = job.dead ? this.policy(job.queue)?.dead : undefined
      if (to === undefined) continue
      // Each process tells of it: what another reported doesn't bind this one.
      const may = (this.#shared || job.again) && told.has(job.id)
      if (this.now - job.reported >= REPORT_AGAIN || may) this.#report(job, to)
    }
    return { ok: true, do: 'due', dead: this.#dead, records }
  }

  #record({ key, value, version, needs, none, session, at }: Op1<'record'>, actual: number): object {
    const old = this.records.get(key)
    if (version !== undefined && version !== (old?.version ?? 0)) return refused('conflict')
    if (needs !== undefined && !this.records.has(needs)) return refused('missing')
    if (none !== undefined && [...this.records.keys()].some((one) => one.startsWith(none))) return refused('in use')
    if (value === undefined && !old) return { ok: true, do: 'record', version: 0 }
    // Of a unit that was undone nobody is told the version.
    const written = actual || this.#version + 1
    assert.ok(written > this.#version, 'versions of records grow')
    this.#version = written
    if (value === undefined) this.records.delete(key)
    else {
      const due = key.startsWith('pause/') ? Number(value) : (at ?? Infinity)
      this.records.set(key, { value, version: written, session, at: due })
    }
    if (value !== undefined && key.startsWith('queue/')) this.#queue(key.slice('queue/'.length) as Queue)
    return { ok: true, do: 'record', version: written }
  }
}

function refused(why: Refusal): { ok: false; why: Refusal } {
  return { ok: false, why }
}

/** The group in which it is in order; those of a fair group are in none. */
function lineOf({ group, fair }: Pick<ModelJob, 'group' | 'fair'>): string | undefined {
  return fair === undefined ? group : undefined
}

function byTurn(a: ModelJob, b: ModelJob): number {
  return a.pri - b.pri || a.rank - b.rank || a.id - b.id
}

function ageOf({ turn, id, rank }: ModelJob): number {
  return turn ? id : rank
}
