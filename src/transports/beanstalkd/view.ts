/** What a server's statistics say, as others see jobs and queues. */
import type { Ms, State } from '../../job.ts'
import { whySentence } from '../../why.ts'
import type { Counted, JobView } from '../transport.ts'
import type { Shown } from './calls.ts'

type Stats = ReadonlyMap<string, string>

const number = (stats: Stats, key: string): number => Number(stats.get(key) ?? 0)

/** stats-job and peek. */
export function viewOf({ stats, body }: Shown, now: Ms): JobView {
  const state = (stats.get('state') ?? 'ready') as State
  const left = number(stats, 'time-left') * 1000
  return {
    id: number(stats, 'id'),
    n: 0,
    queue: `default/${stats.get('tube') ?? ''}`,
    state,
    pri: number(stats, 'pri'),
    rank: number(stats, 'id'),
    reserves: number(stats, 'reserves'),
    failures: number(stats, 'timeouts'),
    redelivered: number(stats, 'reserves') > 0,
    put: now - number(stats, 'age') * 1000,
    delay: number(stats, 'delay') * 1000,
    lease: number(stats, 'ttr') * 1000,
    size: body.length,
    counts: {
      releases: number(stats, 'releases'),
      timeouts: number(stats, 'timeouts'),
      buries: number(stats, 'buries'),
      kicks: number(stats, 'kicks'),
    },
    body,
    ...(state === 'delayed' && { at: now + left }),
    ...(state === 'reserved' && { until: now + left }),
  }
}

/** stats-tube. */
export function statsOf(stats: Stats, now: Ms): Counted {
  const jobs = (state: string) => number(stats, `current-jobs-${state}`)
  const paused = number(stats, 'pause-time-left')
  const here = jobs('ready') + jobs('delayed') + jobs('reserved') + jobs('buried')
  return {
    queue: `default/${stats.get('name') ?? ''}`,
    ready: jobs('ready'),
    urgent: jobs('urgent'),
    delayed: jobs('delayed'),
    waiting: 0,
    reserved: jobs('reserved'),
    buried: jobs('buried'),
    puts: number(stats, 'total-jobs'),
    gone: Math.max(0, number(stats, 'total-jobs') - here),
    ...(paused > 0 && { pausedUntil: now + paused * 1000 }),
  }
}

/** Why isn't it running, as far as the server says. */
export function whyOf(job: Stats, tube: Stats | undefined, now: Ms): string {
  const ofTube = (key: string) => (tube ? number(tube, key) : 0)
  const at = now + number(job, 'time-left') * 1000
  const paused = ofTube('pause-time-left') * 1000
  return whySentence(
    {
      queue: `default/${job.get('tube') ?? ''}`,
      state: (job.get('state') ?? 'ready') as State,
      reserves: number(job, 'reserves'),
      failures: number(job, 'timeouts'),
      holder: '',
      until: at,
      at,
      ...(paused > 0 && { blocked: { by: 'paused', what: now + paused } }),
    },
    {
      now,
      waiting: ofTube('current-waiting') > 0,
      reserved: ofTube('current-jobs-reserved'),
      holder: 'a connection of the server',
    },
  )
}
