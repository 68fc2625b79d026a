/** What `stats`, `stats-tube` and `stats-job` say, with beanstalkd 1.13's keys in its order. */
import type { Ms } from '../../job.ts'
import type { JobView, QueueStats } from '../../stores/store.ts'
import type { Tube } from './tube.ts'

/** Commands that `stats` counts, in its order. */
const COUNTED = [
  'put',
  'peek',
  'peek-ready',
  'peek-delayed',
  'peek-buried',
  'reserve',
  'reserve-with-timeout',
  'delete',
  'release',
  'use',
  'watch',
  'ignore',
  'bury',
  'kick',
  'touch',
  'stats',
  'stats-job',
  'stats-tube',
  'list-tubes',
  'list-tube-used',
  'list-tubes-watched',
  'pause-tube',
] as const

/** What a server counts since it started. */
export class Counters {
  /** How often each command came, by its name. */
  readonly commands = new Map<string, number>()
  /** Leases that ended at their deadline. */
  jobTimeouts = 0
  /** Jobs that were put. */
  totalJobs = 0
  /** Open now. */
  connections = 0
  /** Of these, those that have put a job. */
  producers = 0
  /** Of these, those that have reserved a job, or wait for one. */
  workers = 0
  /** Of these, those that wait for a job. */
  waiting = 0
  /** All that ever came. */
  totalConnections = 0

  /** @internal */
  command(name: string): void {
    this.commands.set(name, (this.commands.get(name) ?? 0) + 1)
  }
}

/** Who the server is. */
export interface Identity {
  version: string
  /** 16 hexadecimal digits, the first a letter; another at each start. */
  id: string
  hostname: string
  os: string
  platform: string
  pid: number
  /** Since the start. */
  uptime: Ms
  /** Microseconds. */
  cpu: { user: number; system: number }
}

type Entries = (readonly [string, string | number])[]

export function serverStats(
  queues: readonly QueueStats[],
  {
    counters,
    tubes,
    maxJobSize,
    draining,
  }: { counters: Counters; tubes: number; maxJobSize: number; draining: boolean },
  identity: Identity,
): Entries {
  const sum = (of: (one: QueueStats) => number) => queues.reduce((total, one) => total + of(one), 0)
  return [
    ['current-jobs-urgent', sum((one) => one.urgent)],
    ['current-jobs-ready', sum(ready)],
    ['current-jobs-reserved', sum((one) => one.reserved)],
    ['current-jobs-delayed', sum((one) => one.delayed)],
    ['current-jobs-buried', sum((one) => one.buried)],
    ...COUNTED.map((name) => [`cmd-${name}`, counters.commands.get(name) ?? 0] as const),
    ['job-timeouts', counters.jobTimeouts],
    ['total-jobs', counters.totalJobs],
    ['max-job-size', maxJobSize],
    ['current-tubes', tubes],
    ['current-connections', counters.connections],
    ['current-producers', counters.producers],
    ['current-workers', counters.workers],
    ['current-waiting', counters.waiting],
    ['total-connections', counters.totalConnections],
    ['pid', identity.pid],
    ['version', scalar(identity.version)],
    ['rusage-utime', seconds(identity.cpu.user)],
    ['rusage-stime', seconds(identity.cpu.system)],
    ['uptime', Math.floor(identity.uptime / 1000)],
    ['binlog-oldest-index', 0],
    ['binlog-current-index', 0],
    ['binlog-records-migrated', 0],
    ['binlog-records-written', 0],
    ['binlog-max-size', 0],
    ['draining', String(draining)],
    ['id', identity.id],
    ['hostname', scalar(identity.hostname)],
    ['os', scalar(identity.os)],
    ['platform', scalar(identity.platform)],
  ]
}

export function tubeStats(tube: Tube, stats: QueueStats | undefined, pausedUntil: Ms | undefined, now: Ms): Entries {
  const left = Math.max(0, (pausedUntil ?? 0) - now)
  return [
    ['name', scalar(tube.name)],
    ['current-jobs-urgent', stats?.urgent ?? 0],
    ['current-jobs-ready', stats ? ready(stats) : 0],
    ['current-jobs-reserved', stats?.reserved ?? 0],
    ['current-jobs-delayed', stats?.delayed ?? 0],
    ['current-jobs-buried', stats?.buried ?? 0],
    ['total-jobs', stats?.puts ?? 0],
    ['current-using', tube.using],
    ['current-watching', tube.watching],
    ['current-waiting', tube.waiting],
    ['cmd-delete', stats?.gone ?? 0],
    ['cmd-pause-tube', tube.pauses],
    ['pause', left === 0 ? 0 : tube.pause || secondsLeft(left) + 1],
    ['pause-time-left', secondsLeft(left)],
  ]
}

export function jobStats(job: JobView, tube: string, now: Ms): Entries {
  const end = job.state === 'reserved' ? job.until : job.state === 'delayed' ? job.at : undefined
  return [
    ['id', job.id],
    ['tube', scalar(tube)],
    // A job behind others of its group is as good as ready to one who only knows beanstalkd.
    ['state', job.state === 'waiting' ? 'ready' : job.state],
    ['pri', job.pri],
    ['age', Math.floor(Math.max(0, now - job.put) / 1000)],
    // The moment was computed before the put was committed: what is asked in whole seconds comes back rounded.
    ['delay', Math.round(job.delay / 1000)],
    ['ttr', Math.floor(job.lease / 1000)],
    ['time-left', end === undefined ? 0 : secondsLeft(end - now)],
    ['file', 0],
    ['reserves', job.reserves],
    ['timeouts', job.counts.timeouts],
    ['releases', job.counts.releases],
    ['buries', job.counts.buries],
    ['kicks', job.counts.kicks],
  ]
}

/** Whole seconds. Of ten that have just begun nine are left, as beanstalkd's nanoseconds say: our milliseconds may be two behind them. */
function secondsLeft(ms: Ms): number {
  return Math.max(0, Math.floor((ms - 2) / 1000))
}

function ready(stats: QueueStats): number {
  return stats.ready + stats.waiting
}

/** What some YAML, of 1.1, 1.2 or an old parser, reads as something else than a text: a word, a number, a date. */
const NO_TEXT =
  /^(?:true|false|yes|no|on|off|null|y|n|\+?\.?(?:inf|nan)|(?=.*[.\d])[+._\d]*(?:e[-+]?[._\d]*)?[-+]?|\+?0[box].*|\d{4}-\d\d?-\d\d?.*)$/i

/**
 * A text as YAML: 1.12 never quotes tubes' names, 1.13 always. Clients that split lines want none, clients that read YAML want `"123"` to stay a text: so
 * quotes are where YAML would read something else without them.
 */
function scalar(text: string): string {
  const plain = /^[\w/+;.$()][\w\-/+;.$() ]*$/.test(text) && !NO_TEXT.test(text)
  return plain ? text : `"${text.replaceAll(/["\\\n\r]/g, '_')}"`
}

/** `seconds.microseconds` */
function seconds(microseconds: number): string {
  return `${Math.floor(microseconds / 1e6)}.${String(microseconds % 1e6).padStart(6, '0')}`
}
