import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { rate, ratios, shown, spread } from '../figures.ts'
import type { Options } from '../options.ts'
import type { LoadFigures } from '../programs/meter.ts'
import { runLoad } from '../programs/run.ts'
import type { Report, Target } from '../report.ts'
import { servers, type ServerName } from '../servers/index.ts'
import type { Server } from '../servers/server.ts'
import type { Workload } from './workload.ts'

interface Shape {
  name: string
  title: string
  connections: number
  inFlight: number
  backlog?: number
  /** Who is loaded; the first is what the others are compared with. */
  among: readonly ServerName[]
  targets: readonly { of: ServerName; to: ServerName; atLeast: number }[]
  how: string
}

const shapes: readonly Shape[] = [
  {
    name: 'w7-request-response',
    title: 'W7: 50 connections, request and response',
    connections: 50,
    inFlight: 2,
    among: ['beanstalkd', 'beanstalkd-f0', 'canned', 'memory', 'file'],
    targets: [
      { of: 'file', to: 'beanstalkd-f0', atLeast: 6 },
      { of: 'file', to: 'beanstalkd', atLeast: 0.7 },
    ],
    how: '50 connections from one client process; each writes put and reserve together, waits for both replies, deletes what it got, waits, and begins again.',
  },
  {
    name: 'w7-pipelined',
    title: 'W7: 10 connections with 100 commands in flight each',
    connections: 10,
    inFlight: 100,
    among: ['beanstalkd', 'canned', 'memory', 'file'],
    targets: [
      { of: 'file', to: 'beanstalkd', atLeast: 3.5 },
      { of: 'memory', to: 'beanstalkd', atLeast: 10 },
    ],
    how: '10 connections from one client process; each keeps 100 commands without a reply: puts, reserves, and the deletes of what was reserved.',
  },
  {
    name: 'w7-backlog',
    title: 'W7: the same with 10,000 other jobs ready',
    connections: 10,
    inFlight: 100,
    backlog: 10_000,
    among: ['beanstalkd', 'memory', 'file'],
    targets: [{ of: 'file', to: 'beanstalkd', atLeast: 2 }],
    how: 'As w7-pipelined, and in the same tube 10,000 jobs more than are taken are ready all the time: what is reserved was put 10,000 jobs before.',
  },
]

export const w7: readonly Workload[] = shapes.map((shape) => ({
  name: shape.name,
  title: shape.title,
  run: (options, folder) => run(shape, options, folder),
}))

/** What is loaded in turn, round after round, while the others are idle. */
async function run(shape: Shape, { rounds, seconds, warm, only }: Options, folder: string): Promise<Report> {
  const skipped: string[] = []
  const among: readonly ServerName[] = only ? only.map(named) : shape.among
  const started = new Map<ServerName, Server>()
  for (const name of among) {
    const missing = servers[name].missing?.()
    if (missing) {
      skipped.push(`${servers[name].is}: ${missing}`)
      continue
    }
    const own = join(folder, name)
    mkdirSync(own)
    started.set(name, await servers[name].start(own))
  }
  const figures = new Map([...started.keys()].map((name) => [name, [] as LoadFigures[]]))
  for (let round = 0; round < rounds; round++)
    for (const [name, { port, pid }] of started) {
      const { connections, inFlight, backlog } = shape
      const order = { ports: [port], pids: [pid], connections, inFlight, warm: warm * 1000, ms: seconds * 1000 }
      figures.get(name)?.push(await runLoad({ ...order, ...(backlog && round === 0 && { backlog }) }))
    }
  await Promise.all([...started.values()].map((server) => server.stop()))
  return report(shape, figures, skipped)
}

function report(
  shape: Shape,
  figures: ReadonlyMap<ServerName, readonly LoadFigures[]>,
  skipped: readonly string[],
): Report {
  const jobs = (name: ServerName) => figures.get(name)?.map((round) => (round.jobs / round.ms) * 1000)
  const [first] = figures.keys()
  const base = (first && jobs(first)) ?? []
  const rows = [...figures].map(([name, measured]) => [
    servers[name].is,
    rate(spread(jobs(name) ?? [])),
    shown(ratios(jobs(name) ?? [], base)),
    shown(spread(measured.map(({ cpu, jobs }) => (cpu.user + cpu.system) / jobs))),
    `${shownMedian(measured.map(({ cpu, jobs }) => cpu.user / jobs))}+${shownMedian(measured.map(({ cpu, jobs }) => cpu.system / jobs))}`,
    shownMedian(measured.map(({ client }) => client)),
  ])
  const columns = [
    'server',
    'jobs/s',
    `to ${first ? servers[first].is : ''}`,
    'server CPU us/job',
    'user+system',
    'load, cores',
  ]
  const targets = shape.targets.map(({ of, to, atLeast }): Target => {
    const [a, b] = [jobs(of), jobs(to)]
    return { of: `${servers[of].is}, to ${servers[to].is}`, atLeast, measured: a && b && ratios(a, b) }
  })
  return { how: shape.how, tables: [{ columns, rows }], targets, skipped, rounds: Object.fromEntries(figures) }
}

const shownMedian = (values: readonly number[]) => {
  const { median } = spread(values)
  return median >= 10 ? median.toFixed(0) : median.toFixed(1)
}

function named(name: string): ServerName {
  if (name in servers) return name as ServerName
  throw new TypeError(`There is no server '${name}'. There are ${Object.keys(servers).join(', ')}.`)
}
