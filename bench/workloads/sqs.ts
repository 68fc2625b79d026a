import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { rate, ratios, short, shown, spread } from '../figures.ts'
import type { Options } from '../options.ts'
import type { LoadFigures } from '../programs/meter.ts'
import { runSqsLoad, runSqsSdk } from '../programs/run.ts'
import type { SqsOrder } from '../programs/sqs-load.ts'
import type { Report, Target } from '../report.ts'
import { sqsServers, type SqsServer, type SqsServerName } from '../servers/sqs.ts'
import type { Workload } from './workload.ts'

const CONNECTIONS = 20

interface Shape {
  name: string
  title: string
  life: SqsOrder['life']
  load: (order: SqsOrder) => Promise<LoadFigures>
  /** Who is loaded; the first is what the others are compared with. */
  among: readonly SqsServerName[]
  targets: readonly { of: SqsServerName; to: SqsServerName; atLeast: number }[]
  how: string
}

const shapes: readonly Shape[] = [
  {
    name: 'sqs-send',
    title: 'SQS: SendMessage, 20 connections',
    life: 'send',
    load: runSqsLoad,
    among: ['canned', 'fauxqs', 'memory', 'file', 'signed'],
    targets: [
      { of: 'file', to: 'canned', atLeast: 0.6 },
      { of: 'signed', to: 'canned', atLeast: 0.4 },
    ],
    how: '20 connections from one client process over plain HTTP; each sends a message, waits for the answer, and sends the next. A thousand different requests go round, which were made, and signed where it must be, before.',
  },
  {
    name: 'sqs-life',
    title: 'SQS: send, receive and delete, ten at a time',
    life: 'whole',
    load: runSqsLoad,
    among: ['fauxqs', 'canned', 'memory', 'file'],
    targets: [{ of: 'file', to: 'fauxqs', atLeast: 3 }],
    how: '20 connections from one client process over plain HTTP; each sends ten messages in a batch, receives up to ten, deletes what it got in a batch, and begins again.',
  },
  {
    name: 'sqs-sdk',
    title: "SQS: the same by AWS's SDK for JavaScript",
    life: 'whole',
    load: runSqsSdk,
    among: ['fauxqs', 'file', 'signed'],
    targets: [],
    how: 'As sqs-life, by @aws-sdk/client-sqs in one client process with 20 such lives at a time. The SDK signs each request, whoever looks at it, and checks the MD5 of what it gets.',
  },
]

export const sqs: readonly Workload[] = shapes.map((shape) => ({
  name: shape.name,
  title: shape.title,
  run: (options, folder) => run(shape, options, folder),
}))

/** What is loaded in turn, round after round, while the others are idle. */
async function run(shape: Shape, { rounds, seconds, warm, only }: Options, folder: string): Promise<Report> {
  const skipped: string[] = []
  const started = new Map<SqsServerName, SqsServer>()
  for (const name of shape.among) {
    if (only && !only.includes(name)) continue
    const missing = sqsServers[name].missing?.()
    if (missing) {
      skipped.push(`${sqsServers[name].is}: ${missing}`)
      continue
    }
    const own = join(folder, name)
    mkdirSync(own)
    started.set(name, await sqsServers[name].start(own))
  }
  const figures = new Map([...started.keys()].map((name) => [name, [] as LoadFigures[]]))
  for (let round = 0; round < rounds; round++)
    for (const [name, { server, signer }] of started) {
      const { port, pid } = server
      const times = { warm: warm * 1000, ms: seconds * 1000 }
      const order = { port, pid, life: shape.life, connections: CONNECTIONS, ...times, ...(signer && { signer }) }
      figures.get(name)?.push(await shape.load(order))
    }
  await Promise.all([...started.values()].map(({ server }) => server.stop()))
  return report(shape, figures, skipped)
}

function report(
  shape: Shape,
  figures: ReadonlyMap<SqsServerName, readonly LoadFigures[]>,
  skipped: readonly string[],
): Report {
  const messages = (name: SqsServerName) => figures.get(name)?.map((round) => (round.jobs / round.ms) * 1000)
  const [first] = figures.keys()
  const base = (first && messages(first)) ?? []
  const rows = [...figures].map(([name, measured]) => {
    const median = (of: (round: LoadFigures) => number) => short(spread(measured.map(of)).median)
    return [
      sqsServers[name].is,
      rate(spread(messages(name) ?? [])),
      shown(ratios(messages(name) ?? [], base)),
      shown(spread(measured.map(({ cpu, jobs }) => (cpu.user + cpu.system) / jobs))),
      `${median(({ cpu, jobs }) => cpu.user / jobs)}+${median(({ cpu, jobs }) => cpu.system / jobs)}`,
      shown(spread(measured.map(({ client, ms, jobs }) => (client * ms * 1000) / jobs))),
      median(({ client }) => client),
    ]
  })
  const columns = [
    'server',
    'messages/s',
    `to ${first ? sqsServers[first].is : ''}`,
    'server CPU us/message',
    'user+system',
    'client CPU us/message',
    'client, cores',
  ]
  const targets = shape.targets.map(({ of, to, atLeast }): Target => {
    const [a, b] = [messages(of), messages(to)]
    return { of: `${titleOf(of)}, to ${titleOf(to)}`, atLeast, measured: a && b && ratios(a, b) }
  })
  return { how: shape.how, tables: [{ columns, rows }], targets, skipped, rounds: Object.fromEntries(figures) }
}

const titleOf = (name: SqsServerName) => sqsServers[name].is
