/** What an operation of the store contract is in beanstalkd's protocol, or that it is nothing there. */
import { InvalidArgumentError, NotSupportedError, UnavailableError } from '../../errors.ts'
import type { JobId, Message, Ms, Queue, Ref, Target } from '../../job.ts'
import type { Op, Put, Result } from '../transport.ts'
import { checkTube } from './address.ts'
import type { Answers, Call } from './calls.ts'
import { LARGEST } from './capabilities.ts'

export const NAME = 'beanstalkd:'
/** What a put gets that names none. */
const PRIORITY = 65_536
const TTR: Ms = 60_000

export type Ask = <C extends Call>(call: C) => Promise<Answers[C['do']]>

/** @throws NotSupportedError, InvalidArgumentError: nothing was done */
export function operation(op: Op, now: Ms): (ask: Ask) => Promise<Result> {
  switch (op.do) {
    case 'put':
      return put(op.to, op.msg, now)
    case 'finish': {
      if (op.outcome?.result) throw lacks('results')
      const ref = refOf(op.job)
      return async (ask) => changed(await ask({ do: 'delete', ...ref }), { ok: true, do: 'finish' })
    }
    case 'release':
      return release(op, now)
    case 'bury': {
      if (op.error ?? op.keep) throw lacks('place for why a job was buried, nor an end of its burial')
      const call: Call & { do: 'bury' } = {
        do: 'bury',
        ...heldOf(op.job),
        ...(op.pri !== undefined && { pri: op.pri }),
      }
      return async (ask) => changed(await ask(call), { ok: true, do: 'bury', dead: [] })
    }
    case 'touch': {
      if (op.ms !== 'own') throw lacks("touches but for a job's own time to run")
      const ref = heldOf(op.job)
      return async (ask) => {
        const ms = await ask({ do: 'touch', ...ref })
        return ms === undefined ? { ok: false, why: 'stale' } : { ok: true, do: 'touch', until: now + ms }
      }
    }
    case 'forward': {
      if (op.to.length > 0) throw lacks('way to change or move a job')
      const ref = refOf(op.job)
      return async (ask) => changed(await ask({ do: 'delete', ...ref }), { ok: true, do: 'forward', per: [], dead: [] })
    }
    case 'bulk':
      return bulk(op)
    case 'cancel':
      throw lacks('cancelling')
    case 'note':
      throw lacks('notes')
    default:
      throw lacks(`such operation as '${op.do}' in a unit`)
  }
}

export function lacks(what: string): NotSupportedError {
  return new NotSupportedError(
    `${NAME} has no ${what}: beanstalkd's protocol can't say it. Use a store such as file:jobs.db.`,
  )
}

/** @throws NotSupportedError, InvalidArgumentError */
export function tubeOf(queue: Queue): string {
  if (!queue.startsWith('default/')) throw lacks(`tenants, and so no queue '${queue}'`)
  return checkTube(queue.slice('default/'.length))
}

function put(to: Target[], msg: Message, now: Ms): (ask: Ask) => Promise<Result> {
  checkMessage(msg)
  const ttr = Math.max(1, seconds(msg.lease ?? TTR))
  const calls = to.map(({ queue, pri = PRIORITY, at, ttl, rank, create }): Call & { do: 'put' } => {
    if (ttl !== undefined) throw lacks('time to live')
    if (rank === 'due') throw lacks('order but that of the puts')
    if (!create) throw lacks('way to tell a queue that is missing')
    const delay = at === undefined ? 0 : seconds(at - now)
    return { do: 'put', tube: tubeOf(queue), body: msg.body, pri, delay, ttr }
  })
  return async (ask) => {
    const per = await Promise.all(calls.map(async (call) => putAnswer(await ask(call), call.delay)))
    const first = per[0]
    return first && !first.ok && per.every((put) => !put.ok) ? first : { ok: true, do: 'put', per, dead: [] }
  }
}

/** Its name is in its body. */
function checkMessage(msg: Message): void {
  if (msg.unique) throw lacks('unique jobs')
  if (msg.group !== undefined) throw lacks('groups')
  if (msg.gates) throw lacks('limits')
  if (msg.result !== undefined) throw lacks('results')
  if (msg.envelope) throw lacks('envelopes')
  if (msg.children ?? msg.parent !== undefined) throw lacks('children of jobs')
  if (msg.maxFailures !== undefined || msg.maxReserves !== undefined || msg.backoff)
    throw lacks('attempts, and so no limits of them')
}

function putAnswer(answer: Answers['put'], delay: number): Put {
  if (answer === 'draining')
    throw new UnavailableError('The server is draining and takes no jobs. Try again later, or elsewhere.')
  if (typeof answer === 'string') return { ok: false, why: answer }
  return { ok: true, id: answer.id, state: answer.buried ? 'buried' : delay > 0 ? 'delayed' : 'ready' }
}

function release({ job, as, pri, at, back, error }: Op & { do: 'release' }, now: Ms): (ask: Ask) => Promise<Result> {
  if (back) throw lacks("release to a tube's end")
  if (error ?? (as === 'failed' || as === 'lost')) throw lacks('attempts, and so no release as failed')
  const delay = at === undefined ? 0 : seconds(at - now)
  const done: Result = { ok: true, do: 'release', state: delay > 0 ? 'delayed' : 'ready', dead: [] }
  if (job.n === undefined && as === 'kicked') {
    // Its counters are the server's; what an attempt costs is counted anew by a kick.
    if (delay > 0 || pri !== undefined) throw lacks('kick with a delay or a priority')
    const { id } = refOf(job)
    return async (ask) => changed(await ask({ do: 'kick', id }), done)
  }
  const call: Call & { do: 'release' } = { do: 'release', ...heldOf(job), delay, ...(pri !== undefined && { pri }) }
  return async (ask) => changed(await ask(call), done)
}

/** Job by job, since beanstalkd's own kick takes delayed ones where none is buried. */
function bulk({ where, act, limit }: Op & { do: 'bulk' }): (ask: Ask) => Promise<Result> {
  const { queue, states, upTo, name, key, match } = where
  if ([upTo, name, key, match].some((one) => one !== undefined)) throw lacks('choice among the jobs of a tube')
  if (typeof act === 'object') throw lacks('way to move jobs')
  if (act === 'delete' && states.includes('reserved')) throw lacks('way to delete jobs that are being worked')
  const tube = tubeOf(queue)
  const wanted = (['buried', 'delayed', 'ready'] as const).filter(
    (state) => states.includes(state) && (act === 'delete' || state !== 'ready'),
  )
  return async (ask) => {
    let count = 0
    for (const state of wanted) {
      while (count < limit) {
        const answer = await ask({ do: 'change', tube, state, how: act === 'delete' ? 'delete' : 'kick' })
        if (!answer) break
        // Somebody else may have been quicker.
        if (answer === 'done') count++
      }
      if (act !== 'delete' && count > 0) break
    }
    return { ok: true, do: 'bulk', count, more: count >= limit, ready: act === 'delete' || count === 0 ? [] : [queue] }
  }
}

function changed(answer: Answers['delete'], done: Result): Result {
  return answer === 'done' ? done : { ok: false, why: answer }
}

/** By its number, or as one that nobody holds. */
function refOf({ id, n, held, free, late, buried, force }: Ref): { id: JobId; n?: number } {
  if (held !== undefined || free || late || buried || force) throw lacks('such way to name a job')
  return n === undefined ? { id } : { id, n }
}

/** @throws NotSupportedError for a job that isn't in hand: the protocol can do this to one's own only */
function heldOf(job: Ref): { id: JobId; n: number } {
  const { id, n } = refOf(job)
  if (n === undefined) throw lacks('way to do this to a job that nobody holds')
  return { id, n }
}

/** Whole ones, so that nothing comes too early. @throws NotSupportedError */
function seconds(ms: Ms): number {
  const whole = Math.max(0, Math.ceil(ms / 1000))
  if (whole > LARGEST) throw lacks(`time longer than ${LARGEST} seconds, and ${whole} are asked for`)
  if (Number.isNaN(whole)) throw new InvalidArgumentError('A time is no number.')
  return whole
}
