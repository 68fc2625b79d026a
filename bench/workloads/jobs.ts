import { closeSync, fdatasyncSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { BODY } from '../body.ts'
import { rate, ratios, shown, spread } from '../figures.ts'
import type { Options } from '../options.ts'
import { peers, type JobsFigures, type JobsOrder, type PeerName } from '../peers/peer.ts'
import { runJobs } from '../programs/run.ts'
import type { Report, Target } from '../report.ts'
import type { Server } from '../servers/server.ts'
import type { Workload } from './workload.ts'

/** A peer, or the same with another place or load. */
interface Entry {
  name: string
  of: PeerName
  at?: object
  concurrency?: number
}
interface Shape {
  name: string
  title: string
  how: string
  order: Omit<JobsOrder, 'peer' | 'at'>
  among: readonly (PeerName | Entry)[]
  figure: keyof JobsFigures
  unit: 'per second' | 'ms'
  targets: readonly { of: string; to: string; atLeast?: number; atMost?: number }[]
  /** Measure what one fdatasync after another allows, too, and one commit of SQLite. */
  syncs?: true
  /** A bound for a figure of Queueup itself. */
  own?: { figure: keyof JobsFigures; what: string; atMost: number }
}

const SYNCS = 'fdatasync, one after another'
const COMMITS = 'node:sqlite, bare: a row a commit'

const shapes: readonly Shape[] = [
  {
    name: 'w1-put',
    title: 'W1: put, one awaited call after another',
    how: 'One process puts one job after another, each awaited, for three seconds.',
    order: { workload: 'put', ms: 3000, concurrency: 1 },
    among: ['queueup', 'bullmq', 'bullmq, appendfsync always', 'pg-boss', 'graphile-worker', 'plainjob'],
    figure: 'perSecond',
    unit: 'per second',
    syncs: true,
    targets: [
      { of: 'queueup', to: 'bullmq, appendfsync always', atLeast: 2 },
      { of: 'queueup', to: SYNCS, atLeast: 0.7 },
    ],
  },
  {
    name: 'w2-put',
    title: 'W2: put by 100 concurrent callers',
    how: 'A hundred callers in one process, each putting one job after another, for three seconds.',
    order: { workload: 'put', ms: 3000, concurrency: 100 },
    among: ['queueup', 'bullmq', 'bullmq, appendfsync always', 'pg-boss', 'graphile-worker', 'plainjob'],
    figure: 'perSecond',
    unit: 'per second',
    targets: [{ of: 'queueup', to: 'bullmq', atLeast: 3 }],
  },
  {
    name: 'w3-bulk',
    title: 'W3: put in bulks of 1,000',
    how: '50,000 jobs, a thousand a call, one call after another.',
    order: { workload: 'bulk', jobs: 50_000 },
    among: ['queueup', 'bullmq', 'bullmq, appendfsync always', 'pg-boss', 'graphile-worker', 'plainjob'],
    figure: 'perSecond',
    unit: 'per second',
    targets: [
      { of: 'queueup', to: 'graphile-worker', atLeast: 2.5 },
      { of: 'queueup', to: 'plainjob', atLeast: 0.8 },
    ],
  },
  {
    name: 'w4-drain',
    title: 'W4: drain',
    how: '50,000 jobs are there; one worker process whose handler does nothing works them, a hundred at a time where it can be said (plainjob works one after another, pg-boss fetches and completes by a thousand). The limited ones have a limit of 50 at a time for each of a hundred customers, a limit of rate, and a thousand groups.',
    order: { workload: 'drain', jobs: 50_000, concurrency: 100 },
    among: [
      'queueup',
      { name: 'queueup, limits and groups', of: 'queueup', at: { name: 'limited', groups: 1000 } },
      'bullmq',
      'bullmq, appendfsync always',
      'pg-boss',
      'graphile-worker',
      'plainjob',
    ],
    figure: 'perSecond',
    unit: 'per second',
    targets: [
      { of: 'queueup', to: 'graphile-worker', atLeast: 3 },
      { of: 'queueup', to: 'pg-boss', atLeast: 1.5 },
      { of: 'queueup, limits and groups', to: 'queueup', atLeast: 0.5 },
    ],
  },
  {
    name: 'w5-latency',
    title: 'W5: from put to handler, a hundred a second',
    how: 'One process puts a job each ten milliseconds and works them itself, ten at a time; the first fifth of 2,000 is not counted. Three seconds after the last one its idleness is measured, for five seconds.',
    order: { workload: 'latency', jobs: 2000, ms: 5000, concurrency: 10 },
    among: ['queueup', 'bullmq', 'bullmq, appendfsync always', 'graphile-worker, no local queue'],
    figure: 'p99',
    unit: 'ms',
    targets: [{ of: 'queueup', to: 'bullmq', atMost: 1 / 3 }],
    own: { figure: 'idle', what: 'queueup, share of a core when idle', atMost: 0.001 },
  },
  {
    name: 'w6-growth',
    title: 'W6: drain with a backlog',
    how: '50,000 jobs are worked while 10 thousand, or a million, more stay ready behind them.',
    order: { workload: 'drain', jobs: 50_000, concurrency: 100 },
    among: [
      { name: '10 thousand', of: 'queueup', at: { backlog: 10_000 } },
      { name: '1 million', of: 'queueup', at: { backlog: 1_000_000 } },
    ],
    figure: 'perSecond',
    unit: 'per second',
    targets: [{ of: '1 million', to: '10 thousand', atLeast: 0.8 }],
  },
]

export const jobs: readonly Workload[] = shapes.map((shape) => ({
  name: shape.name,
  title: shape.title,
  run: (options, folder) => run(shape, options, folder),
}))

async function run(shape: Shape, { rounds, only }: Options, folder: string): Promise<Report> {
  const skipped: string[] = []
  const started = new Map<PeerName, Server | undefined>()
  const entries: Entry[] = []
  for (const one of shape.among) {
    const entry = typeof one === 'string' ? { name: one, of: one } : one
    if (only && !only.includes(entry.name)) continue
    const kind = peers[entry.of]
    const missing = kind.missing?.()
    if (missing) {
      skipped.push(`${entry.name}: ${missing}`)
      continue
    }
    entries.push(entry)
    if (started.has(entry.of)) continue
    const own = join(folder, entry.of.replaceAll(/\W+/g, '-'))
    mkdirSync(own)
    started.set(entry.of, await kind.start?.(own))
  }
  const figures = new Map(entries.map(({ name }) => [name, [] as Partial<JobsFigures>[]]))
  const limits = shape.syncs ? { [SYNCS]: syncs, [COMMITS]: commits } : {}
  for (const name in limits) figures.set(name, [])
  for (let round = 0; round < rounds; round++) {
    for (const [i, { name, of, at, concurrency }] of entries.entries()) {
      const { peer, place, node } = peers[of]
      const order = { ...shape.order, ...(concurrency && { concurrency }) }
      const where = { ...place(folder, `round${round}_${i}`, started.get(of)), ...at }
      figures.get(name)?.push(await runJobs({ peer, at: where, ...order }, node?.()))
    }
    for (const [name, measure] of Object.entries(limits)) figures.get(name)?.push({ perSecond: measure(folder) })
  }
  for (const server of started.values()) await server?.stop()
  return report(shape, figures, skipped)
}

function report(
  shape: Shape,
  figures: ReadonlyMap<string, readonly Partial<JobsFigures>[]>,
  skipped: readonly string[],
): Report {
  const { figure, unit, own } = shape
  const of = (name: string, what = figure) => {
    const measured = figures.get(name)?.map((round) => round[what] ?? NaN)
    return measured && measured.length > 0 ? measured : undefined
  }
  const [first = ''] = figures.keys()
  const base = of(first) ?? []
  const latency = unit === 'ms'
  const columns = ['', ...(latency ? ['p50, ms', 'p99, ms', 'idle, share of a core'] : ['jobs/s']), `${first}, to it`]
  const rows = [...figures.keys()].map((name) => {
    const measured = of(name) ?? []
    const cells = latency
      ? (['p50', 'p99', 'idle'] as const).map((what) => shown(spread(of(name, what) ?? [NaN])))
      : [rate(spread(measured))]
    return [name, ...cells, shown(ratios(base, measured))]
  })
  const targets = shape.targets.map(({ of: one, to, atLeast, atMost }): Target => {
    const [a, b] = [of(one), of(to)]
    return {
      of: `${one}, to ${to}`,
      ...(atLeast !== undefined && { atLeast }),
      ...(atMost !== undefined && { atMost }),
      measured: a && b && ratios(a, b),
    }
  })
  const idle = own && of(first, own.figure)
  if (own) targets.push({ of: own.what, atMost: own.atMost, measured: idle && spread(idle) })
  return { how: shape.how, tables: [{ columns, rows }], targets, skipped, rounds: Object.fromEntries(figures) }
}

/** A record of 4 KiB written over and over, each write synced: so many a second. */
function syncs(folder: string): number {
  const file = openSync(join(folder, 'syncs'), 'w')
  const page = Buffer.alloc(4096, 1)
  const perSecond = repeated((i) => {
    writeSync(file, page, 0, page.length, (i % 256) * page.length)
    fdatasyncSync(file)
  })
  closeSync(file)
  return perSecond
}

/** A row with a body in a table with one index, each in a synced commit of its own. */
function commits(folder: string): number {
  const db = new DatabaseSync(join(folder, 'commits.db'))
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; DROP TABLE IF EXISTS job;
    CREATE TABLE job (id INTEGER PRIMARY KEY, queue INTEGER, pri INTEGER, rank INTEGER, body BLOB); CREATE INDEX ready ON job (queue, pri, rank)`)
  const insert = db.prepare('INSERT INTO job (queue, pri, rank, body) VALUES (1, 1024, ?, ?)')
  const perSecond = repeated((i) => insert.run(i, BODY))
  db.close()
  return perSecond
}

/** So many a second, within two seconds, the first ones not counted. */
function repeated(once: (i: number) => void): number {
  for (let i = 0; i < 512; i++) once(i)
  let count = 0
  const start = performance.now()
  while (performance.now() - start < 2000) once(count++)
  return (count / (performance.now() - start)) * 1000
}
