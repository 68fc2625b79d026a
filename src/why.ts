import { isForEver } from './duration.ts'
import type { Blocked, Ms, Outcome, Queue, State, Why } from './job.ts'

/** What `why` knows beside the job. */
export interface Circumstances {
  now: Ms
  /** Somebody waits for jobs of its queue, in whichever process. */
  waiting: boolean
  /** So many jobs of its queue are being worked. */
  reserved: number
  /** Who holds it, if it is reserved. */
  holder: string
}

/** What the sentence speaks of; a server's protocol tells less of a job than a store. */
export interface Whereabouts {
  queue: Queue
  state: State
  reserves: number
  failures: number
  until?: Ms
  holder?: string
  at?: Ms
  why?: Why
  group?: string
  blocked?: Blocked
  outcome?: Outcome & { at: Ms }
}

/** Why isn't this job running? One sentence, the same at every face. */
export function whySentence(job: Whereabouts, { now, waiting, reserved, holder }: Circumstances): string {
  const queue = job.queue.slice(job.queue.indexOf('/') + 1)
  switch (job.state) {
    case 'reserved':
      return `Reserved${job.holder === undefined ? '' : ` by ${holder}`}${
        job.until === undefined ? ' until that session ends' : ` for another ${span(job.until - now)}`
      }; taken ${times(job.reserves)} so far.`
    case 'delayed':
      return `Delayed for another ${span((job.at ?? now) - now)}, until ${new Date(job.at ?? now).toISOString()}.`
    case 'buried':
      return `Buried${buried(job)}; nobody gets it until it is kicked.`
    case 'waiting':
      if (job.blocked?.by === 'group')
        return `Its group '${job.group}' is closed by job ${job.blocked.what}, which comes first.`
      if (job.blocked?.by === 'job') return `Job ${job.blocked.what}, whose unique key it has, must end first.`
      return job.blocked?.by === 'gate' ? closed(job.blocked, now) : 'It waits for others to finish first.'
    case 'finished':
      return `Finished as ${job.outcome?.as ?? 'done'}${job.outcome ? ` at ${new Date(job.outcome.at).toISOString()}` : ''}.`
    case 'ready':
      if (job.blocked?.by === 'paused')
        return isForEver(job.blocked.what - now)
          ? `Its queue '${queue}' is paused until it is resumed.`
          : `Its queue '${queue}' is paused for another ${span(job.blocked.what - now)}.`
      if (job.blocked?.by === 'queue') return closed({ ...job.blocked, what: queue }, now)
      if (waiting) return `Ready: whoever waits for queue '${queue}' gets it next, after those before it.`
      return reserved === 0
        ? `Ready, but nobody waits for jobs of queue '${queue}'.`
        : `Ready, but nobody waits for jobs of queue '${queue}' now; ${reserved} of them ${reserved === 1 ? 'is' : 'are'} being worked.`
  }
}

type ByLimit = Extract<Blocked, { running: number }>

function closed({ by, what, running, limit, until }: ByLimit, now: Ms): string {
  const name = by === 'queue' ? `The limit of queue '${what}'` : `Limit '${what}'`
  const { concurrency, rate } = limit
  if (until !== undefined) {
    const so = rate ? ` of ${rate.jobs} in ${span(rate.per)}` : ''
    return `${name}${so} is reached; it opens in ${span(until - now)}.`
  }
  if (concurrency !== undefined && running >= concurrency)
    return `${name} of ${concurrency} at a time is reached; ${running} ${running === 1 ? 'runs' : 'run'} now.`
  return rate?.jobs === 0 ? `${name} lets nothing through.` : `${name} lets it through next, after those before it.`
}

function buried(job: Whereabouts): string {
  switch (job.why) {
    case 'exhausted':
      return ` because its attempts are used up (taken ${times(job.reserves)}, failed ${times(job.failures)})`
    case undefined:
    case 'asked':
      return ''
    default:
      return ` as ${job.why}`
  }
}

function times(n: number): string {
  return n === 1 ? 'once' : `${n} times`
}

function span(ms: Ms): string {
  const seconds = Math.max(0, ms) / 1000
  if (seconds > 0 && seconds < 1) return `${Math.ceil(ms)} ms`
  if (seconds < 120) return `${Math.ceil(seconds)} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}
