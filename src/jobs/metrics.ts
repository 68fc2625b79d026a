/** Figures in Prometheus' text form (prometheus.io, "Exposition formats", text format 0.0.4). */
import type { Ms } from '../job.ts'
import type { Counted as QueueCounted } from '../transports/transport.ts'
import { BUCKETS, COUNTED, type Counted, type Figures, type Tally } from './figures.ts'
import { nameOf } from './definition.ts'

/** What a worker has at hand. */
export interface WorkerFigures {
  active: number
  prefetched: number
}

const STATES = ['ready', 'delayed', 'waiting', 'reserved', 'buried'] as const

type Labels = Readonly<Record<string, string>>
type Sample = readonly [suffix: string, labels: Labels, value: number]

/** All families, each with its help and type; those of no sample are left out. */
export function metricsText(
  figures: Figures,
  stats: readonly QueueCounted[],
  workers: readonly WorkerFigures[],
  now: Ms,
): string {
  const tallies = [...figures.tallies()]
  const text = new Text()
  for (const [what, help] of Object.entries(COUNTED))
    text.family(`queueup_jobs_${what}_total`, 'counter', help, counted(tallies, what as Counted))
  text.family(
    'queueup_attempt_duration_seconds',
    'histogram',
    'How long attempts took that are done or failed.',
    tallies.flatMap(histogram),
  )
  text.family(
    'queueup_queue_jobs',
    'gauge',
    'Jobs in the store, by state.',
    stats.flatMap((one) => STATES.map((state): Sample => ['', { ...queueOf(one), state }, one[state]])),
  )
  text.family('queueup_queue_bytes', 'gauge', 'Bytes of the bodies in the store.', each(stats, 'bytes'))
  text.family('queueup_queue_puts_total', 'counter', 'Jobs that came since the queue exists.', each(stats, 'puts'))
  text.family('queueup_queue_gone_total', 'counter', 'Jobs that left since the queue exists.', each(stats, 'gone'))
  text.family(
    'queueup_queue_oldest_ready_seconds',
    'gauge',
    'How long ago the ready job was put that is taken next; 0: there is none.',
    stats.map((one): Sample => ['', queueOf(one), one.oldest === undefined ? 0 : Math.max(0, now - one.oldest) / 1000]),
  )
  text.family(
    'queueup_queue_paused',
    'gauge',
    '1: nobody takes jobs from the queue now.',
    stats.map((one): Sample => ['', queueOf(one), (one.pausedUntil ?? 0) > now ? 1 : 0]),
  )
  text.family('queueup_workers', 'gauge', 'Workers of this process.', [['', {}, workers.length]])
  text.family('queueup_worker_active', 'gauge', 'Attempts that run now, in this process.', sum(workers, 'active'))
  text.family('queueup_worker_prefetched', 'gauge', 'Jobs that wait here for a slot.', sum(workers, 'prefetched'))
  return text.toString()
}

class Text {
  #text = ''

  family(name: string, type: 'counter' | 'gauge' | 'histogram', help: string, samples: readonly Sample[]): void {
    if (samples.length === 0) return
    this.#text += `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`
    for (const [suffix, labels, value] of samples) this.#text += `${name}${suffix}${labelsText(labels)} ${value}\n`
  }

  toString(): string {
    return this.#text
  }
}

function labelsText(labels: Labels): string {
  const all = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return all.length === 0 ? '' : `{${all.join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

const jobOf = ({ job, queue }: Tally): Labels => ({ job, queue })
const queueOf = ({ queue }: QueueCounted): Labels => ({ queue: nameOf(queue) })

function counted(tallies: readonly Tally[], what: Counted): Sample[] {
  return tallies.map((tally) => ['', jobOf(tally), tally.counts[what]])
}

/** Buckets count what is at most so long, each with all shorter ones. */
function histogram(tally: Tally): Sample[] {
  let count = 0
  const buckets = tally.attempts.map((attempts, i): Sample => {
    count += attempts
    return ['_bucket', { ...jobOf(tally), le: String(BUCKETS[i] ?? '+Inf') }, count]
  })
  return [...buckets, ['_sum', jobOf(tally), tally.seconds], ['_count', jobOf(tally), count]]
}

function each(stats: readonly QueueCounted[], what: 'bytes' | 'puts' | 'gone'): Sample[] {
  return stats.flatMap((one): Sample[] => {
    const value = one[what]
    return value === undefined ? [] : [['', queueOf(one), value]]
  })
}

function sum(workers: readonly WorkerFigures[], what: keyof WorkerFigures): Sample[] {
  return [['', {}, workers.reduce((all, worker) => all + worker[what], 0)]]
}
