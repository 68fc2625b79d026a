/** Random calls of a store, of every operation of the contract. */
import fc from 'fast-check'
import type { Limit, Message, Ms, Queue, QueuePolicy, Ref, State, Target } from '../../src/job.ts'
import type { BulkOp, Op, Result, Unit } from '../../src/stores/store.ts'

export const queues: readonly Queue[] = ['default/a', 'default/b', 'default/c', 'other/d']
const queue = fc.constantFrom(...queues)
export const sessions = ['s1', 's2', 's3'] as const
const session = fc.constantFrom(...sessions)
const bytes = fc.constantFrom('x', 'body', 'y'.repeat(700)).map((text) => Buffer.from(text))
const state = fc.constantFrom<State>('ready', 'delayed', 'waiting', 'reserved', 'buried')
const atRest = fc.constantFrom<State>('delayed', 'reserved', 'buried')
/** Relative to the moment of the call. */
const moment = fc.constantFrom(undefined, 0, 1, 50, 5000)
/** Which of the jobs so far, counted from the last. */
const back = fc.nat(8)

/** A call with what only the run knows still open: ids, fences, the time. */
export type Step =
  { move: number } | { reopen: true } | { unit: Draft[]; refused: NonNullable<Unit['refused']>; store: number }
export type Draft = (w: World) => Op

/** What a run knows so far. */
export interface World {
  now: number
  lastId: number
  fences: Map<number, number>
}

/** Of a job that was put before this unit: 0 is none. */
const id = (w: World, n: number) => Math.max(0, w.lastId - n)

const ref: fc.Arbitrary<(w: World) => Ref> = fc.oneof(
  fc.record({ n: back }).map(({ n }) => (w: World) => ({ id: id(w, n), n: w.fences.get(id(w, n)) ?? -1 })),
  fc.record({ n: back, session }).map(({ n, session }) => (w: World) => ({ id: id(w, n), held: session })),
  fc
    .record({ n: back, session })
    .map(({ n, session }) => (w: World) => ({ id: id(w, n), held: session, free: true as const })),
  fc.record({ n: back, which: fc.constantFrom('late', 'buried') }).map(({ n, which }) => (w: World) => ({
    id: id(w, n),
    n: w.fences.get(id(w, n)) ?? -1,
    [which]: true as const,
  })),
  fc
    .record({ n: back, force: fc.boolean() })
    .map(({ n, force }) => (w: World) => ({ id: id(w, n), ...(force && { force: true as const }) })),
)

const targetParts = {
  queue,
  pri: fc.constantFrom(0, 5, 1024, 65536),
  at: moment,
  ttl: fc.constantFrom(10, 2000),
  rank: fc.constantFrom('put' as const, 'due' as const),
  create: fc.constant(true as const),
}
const target = fc.record(targetParts, { requiredKeys: ['queue', 'create'] })
const messageParts = {
  body: bytes,
  envelope: bytes,
  name: fc.constantFrom('mail', 'image'),
  group: fc.constantFrom('g', 'h'),
  lease: fc.constantFrom(100, 60_000),
  maxFailures: fc.constantFrom(1, 2),
  maxReserves: fc.constantFrom(1, 3),
  backoff: fc.constant({ first: 10, factor: 2, max: 100 }),
  unique: fc.record({
    key: fc.constantFrom('k', 'l'),
    scope: fc.constantFrom('queue' as const, 'group' as const),
    for: fc.constantFrom<'waiting' | 'unfinished' | number>('waiting', 'unfinished', 500),
    on: fc.constantFrom('keep' as const, 'replace' as const, 'supersede' as const),
  }),
}
const message = fc.record(messageParts, { requiredKeys: ['body'] })

// With limits: few queues, and nothing that takes jobs away before they have met each other at a gate. Where a job leaves when it is looked at
// (maxReserves, overflow), it would matter whether it waits at a gate or is ready behind it, which is the store's to choose.
const gates = fc.uniqueArray(fc.constantFrom('m', 'n/1', 'n/2'), { maxLength: 2 })
const gatedQueue = fc.constantFrom(...queues.slice(0, 2))
const gatedTarget = fc.record(
  { queue: gatedQueue, pri: targetParts.pri, at: moment, create: targetParts.create },
  { requiredKeys: ['queue', 'create'] },
)
const gatedMessage = fc.record(
  {
    body: messageParts.body,
    gates,
    group: messageParts.group,
    lease: messageParts.lease,
    unique: messageParts.unique,
  },
  { requiredKeys: ['body', 'gates'] },
)

const at = (w: World, moment: number | undefined) => (moment === undefined ? {} : { at: w.now + moment })
function clean<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T
}

const policyParts = {
  maxJobs: fc.constantFrom(2, 5),
  maxBytes: fc.constant(1500),
  overflow: fc.constantFrom('reject' as const, 'drop' as const),
  maxFailures: fc.constant(1),
  maxReserves: fc.constantFrom(1, 2),
  dead: queue,
  delay: fc.constant(20),
  ttl: fc.constant(300),
  retention: fc.constant(400),
  keep: fc.constantFrom({ jobs: 2 }, { ms: 100 }),
  pri: fc.constant(7),
}
const policy = fc.record(policyParts, { requiredKeys: [] })
const rates = {
  concurrency: fc.constantFrom(1, 2),
  rate: fc.constantFrom({ jobs: 1, per: 60 }, { jobs: 2, per: 60 }),
}
/** A window of one limit is always as long: when a longer one would still matter is the store's to choose. */
const gatedPolicy = fc.record(
  {
    maxJobs: policyParts.maxJobs,
    dead: gatedQueue,
    pri: policyParts.pri,
    ...rates,
  },
  { requiredKeys: [] },
)
const limit = fc.constantFrom<Limit | undefined>(
  undefined,
  { concurrency: 0 },
  { concurrency: 1 },
  { concurrency: 2 },
  { rate: { jobs: 1, per: 500 } },
  { concurrency: 2, rate: { jobs: 2, per: 500 } },
)

const policyDraft =
  (queue: Queue, policy: QueuePolicy | undefined): Draft =>
  () => ({ do: 'record', key: `queue/${queue}`, value: policy && clean(policy) })

const limitDraft =
  (name: string, value: Limit | undefined): Draft =>
  () => ({ do: 'record', key: `limit/${name}`, value })

/** A target whose moment is relative. */
type Aim = Omit<Target, 'at'> & { at?: Ms | undefined }

/** What random calls speak of. */
interface Calls {
  queue: fc.Arbitrary<Queue>
  /** A reserve asks at most so many queues. */
  from: number
  target: fc.Arbitrary<Aim>
  /** Targets of a forward. */
  targets: fc.Arbitrary<Aim[]>
  message: fc.Arbitrary<Message>
  policy: fc.Arbitrary<QueuePolicy>
  /** States of the jobs that a bulk call goes by. */
  state: fc.Arbitrary<State>
  /** How often limits are changed. */
  limits: number
}

const usual: Calls = {
  queue,
  from: 3,
  target,
  targets: fc.uniqueArray(target, { maxLength: 2, selector: ({ queue }) => queue }),
  message,
  policy,
  state,
  limits: 0,
}
/** What is ready and what waits is the store's to choose, and no call goes by it. */
const gated: Calls = {
  ...usual,
  queue: gatedQueue,
  from: 2,
  target: gatedTarget,
  message: gatedMessage,
  policy: gatedPolicy,
  state: atRest,
  limits: 3,
}
/** All of it at once, and targets that are the same. */
const mixed: Calls = {
  ...usual,
  targets: fc.array(target, { maxLength: 2 }),
  message: fc.record({ ...messageParts, gates }, { requiredKeys: ['body'] }),
  policy: fc.record({ ...policyParts, ...rates, groups: fc.constantFrom('ordered', 'fair') }, { requiredKeys: [] }),
  limits: 2,
}

/** Few queues and priorities, and little that takes jobs away, so that groups have many. */
const fairQueue = fc.constantFrom<Queue>('default/a', 'default/a', 'default/a', 'default/b', 'default/c')
const fairTarget = fc.record(
  {
    queue: fairQueue,
    pri: fc.constantFrom(5, 65536, 65536),
    at: fc.constantFrom(undefined, undefined, undefined, 50),
    create: targetParts.create,
  },
  { requiredKeys: ['queue', 'create'] },
)
const fairMessageParts = { body: bytes, group: fc.constantFrom('g', 'h'), lease: messageParts.lease }
const fairly: Calls = {
  ...usual,
  queue: fairQueue,
  target: fairTarget,
  targets: fc.uniqueArray(fairTarget, { maxLength: 2, selector: ({ queue }) => queue }),
  message: fc.oneof(
    { weight: 4, arbitrary: fc.record(fairMessageParts, { requiredKeys: ['body'] }) },
    { weight: 1, arbitrary: fc.record({ ...fairMessageParts, ...messageParts }, { requiredKeys: ['body'] }) },
  ),
  policy: fc.record(
    { ...policyParts, groups: fc.constantFrom<'fair' | 'ordered'>('fair', 'fair', 'fair', 'ordered') },
    { requiredKeys: ['groups'] },
  ),
}

const drafts = (calls: Calls): fc.Arbitrary<Draft> =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .record({
          to: fc.array(calls.target, { minLength: 1, maxLength: 2 }),
          msg: calls.message,
        })
        .map(({ to, msg }) => (w: World): Op => ({
          do: 'put',
          to: to.map(({ at: when, ...rest }) => ({ ...clean(rest), ...at(w, when) })),
          msg: clean(msg),
        })),
    },
    {
      weight: 8,
      arbitrary: fc
        .record({
          from: fc.uniqueArray(calls.queue, { minLength: 1, maxLength: calls.from }),
          max: fc.constantFrom(1, 2, 5),
          bytes: fc.constantFrom(1, 800, 1e9),
          session,
          ms: fc.constantFrom<'own' | number | undefined>('own', 20, 500, undefined),
          run: fc.boolean(),
          gone: fc.constantFrom(false, false, false, true),
          bound: fc.boolean(),
        })
        .map(({ from, max, bytes, session, ms, run, gone, bound }) => (): Op => ({
          do: 'reserve',
          from,
          max,
          bytes,
          lease: { ...(ms !== undefined && { ms }), ...((bound || ms === undefined) && { session }) },
          ...(run && { run: true as const }),
          ...(gone && { gone: true as const }),
        })),
    },
    {
      weight: 2,
      arbitrary: fc.record({ n: back, session }).map(({ n, session }) => (w: World): Op => ({
        do: 'reserve',
        from: id(w, n),
        max: 1,
        bytes: 1e9,
        lease: { ms: 'own', session },
      })),
    },
    { weight: 4, arbitrary: ref.map((ref) => (w: World): Op => ({ do: 'finish', job: ref(w) })) },
    {
      weight: 4,
      arbitrary: fc
        .record({
          ref,
          as: fc.constantFrom(
            'asked' as const,
            'failed' as const,
            'kicked' as const,
            'untaken' as const,
            'lost' as const,
          ),
          pri: fc.constantFrom(undefined, 3),
          when: moment,
          back: fc.boolean(),
        })
        .map(({ ref, as, pri, when, back }) => (w: World): Op => ({
          do: 'release',
          job: ref(w),
          as,
          ...(pri !== undefined && { pri }),
          ...at(w, when),
          ...(back && { back: true as const }),
        })),
    },
    {
      weight: 3,
      arbitrary: fc
        .record({ ref, why: fc.constantFrom('asked' as const, 'rejected' as const, 'failed' as const) })
        .map(({ ref, why }) => (w: World): Op => ({ do: 'bury', job: ref(w), why, error: Buffer.from('broke') })),
    },
    {
      weight: 2,
      arbitrary: fc
        .record({ ref, ms: fc.constantFrom<'own' | number>('own', 30) })
        .map(({ ref, ms }) => (w: World): Op => ({ do: 'touch', job: ref(w), ms })),
    },
    {
      weight: 2,
      arbitrary: fc
        .record({
          ref,
          to: calls.targets,
          why: fc.constantFrom('asked' as const, 'exhausted' as const),
          body: fc.option(bytes, { nil: undefined }),
        })
        .map(({ ref, to, why, body }) => (w: World): Op => ({
          do: 'forward',
          job: ref(w),
          to: to.map(({ at: when, ...rest }) => ({ ...clean(rest), ...at(w, when) })),
          why,
          ...(body && { body }),
        })),
    },
    { weight: 1, arbitrary: back.map((n) => (w: World): Op => ({ do: 'cancel', job: id(w, n) })) },
    {
      weight: 2,
      arbitrary: fc
        .record({
          queue,
          states: fc.uniqueArray(calls.state, { minLength: 1, maxLength: 3 }),
          act: fc.constantFrom<BulkOp['act']>(
            'delete',
            'kick',
            'retry',
            { to: 'default/c' },
            { to: 'origin' },
            { to: 'default/a', explicit: true },
            { to: 'origin', explicit: true },
          ),
          limit: fc.constantFrom(1, 3, 100),
          name: fc.constantFrom(undefined, 'mail'),
        })
        .map(({ queue, states, act, limit, name }) => (): Op => ({
          do: 'bulk',
          where: {
            queue,
            states:
              act === 'kick' || act === 'retry'
                ? states.filter((one) => one === 'buried' || one === 'delayed')
                : // In which order these go is nobody's business: all of them, or none.
                  states.filter((one) =>
                    one === 'reserved'
                      ? act === 'delete' && limit === 100
                      : one !== 'waiting' || act !== 'delete' || limit === 100,
                  ),
            ...(name !== undefined && { name }),
          },
          act,
          limit,
        })),
    },
    {
      weight: 1,
      arbitrary: fc
        .record({ session, as: fc.constantFrom('released' as const, 'lost' as const) })
        .map(({ session, as }) => (): Op => ({ do: 'end', session, as })),
    },
    { weight: 2, arbitrary: fc.constant((): Op => ({ do: 'due', limit: 100 })) },
    {
      weight: 2,
      arbitrary: fc
        .record({
          queue,
          policy: calls.policy,
        })
        .map(({ queue, policy }) => policyDraft(queue, policy)),
    },
    {
      weight: 1,
      arbitrary: queue.map((queue) => (): Op => ({ do: 'record', key: `queue/${queue}`, value: undefined })),
    },
    {
      weight: calls.limits,
      arbitrary: fc
        .record({ name: fc.constantFrom('m', 'n'), limit })
        .map(({ name, limit }) => limitDraft(name, limit)),
    },
    {
      weight: 1,
      arbitrary: fc.record({ queue, ms: fc.constantFrom(0, 40, 3000) }).map(({ queue, ms }) => (w: World): Op => ({
        do: 'record',
        key: `pause/${queue}`,
        value: ms === 0 ? undefined : w.now + ms,
      })),
    },
    {
      weight: 1,
      arbitrary: fc
        .record({
          key: fc.constantFrom('x/1', 'x/2', 'y'),
          value: fc.constantFrom<unknown>(undefined, 1, { a: 2 }),
          version: fc.constantFrom(undefined, 0, 1),
          needs: fc.constantFrom(undefined, 'y'),
          none: fc.constantFrom(undefined, 'x/'),
          session: fc.option(session, { nil: undefined }),
          when: moment,
        })
        .map(({ key, value, version, needs, none, session, when }) => (w: World): Op => ({
          do: 'record',
          key,
          value,
          ...(version !== undefined && { version }),
          ...(needs !== undefined && { needs }),
          ...(none !== undefined && { none }),
          ...(session !== undefined && { session }),
          ...at(w, when),
        })),
    },
  )

/** @param most operations of one unit */
const steps = (calls: Calls, most = 4): fc.Arbitrary<Step> =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(1, 30, 700, 61_000).map((move) => ({ move })) },
    { weight: 1, arbitrary: fc.constant({ reopen: true as const }) },
    {
      weight: 12,
      arbitrary: fc.record({
        unit: fc.array(drafts(calls), { minLength: 1, maxLength: most }),
        refused: fc.constantFrom('go on' as const, 'wait' as const, 'skip' as const, 'undo' as const),
        store: fc.nat(1),
      }),
    },
  )

export const step: fc.Arbitrary<Step> = steps(usual)
/** Of everything at once, where only stores are compared. */
export const mixedStep: fc.Arbitrary<Step> = steps(mixed)
/** With gates, and limits from the beginning. Long ones: jobs must meet at a gate, and it must open again. */
export const gatedSteps: fc.Arbitrary<Step[]> = fc
  .tuple(
    limit,
    limit,
    fc.option(gatedPolicy, { nil: undefined }),
    fc.array(steps(gated), { minLength: 1, maxLength: 40, size: 'max' }),
  )
  .map(([m, n, policy, rest]) => {
    const limits = [limitDraft('m', m), limitDraft('n', n), policyDraft('default/a', policy)]
    return [{ unit: limits, refused: 'go on', store: 0 }, ...rest]
  })

/** With fair groups from the beginning. One operation at a time, so that the ranks that it gave can be read before the next. */
export const fairSteps: fc.Arbitrary<Step[]> = fc
  .array(steps(fairly, 1), { minLength: 1, maxLength: 60, size: 'max' })
  .map((rest) => {
    const policies = (['default/a', 'default/b'] as const).map((queue) => policyDraft(queue, { groups: 'fair' }))
    return [...policies.map((policy) => ({ unit: [policy], refused: 'go on' as const, store: 0 })), ...rest]
  })

/** The calls' answers say which ids and fences there are. */
export function learn(w: World, results: readonly Result[]): void {
  for (const result of results) {
    if (!result.ok) continue
    if (result.do === 'put' || result.do === 'forward')
      for (const one of result.per) if (one.ok) w.lastId = Math.max(w.lastId, one.id)
    if (result.do === 'reserve') for (const job of result.jobs) w.fences.set(job.id, job.n)
  }
}
