import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { shown, spread, type Spread } from '../figures.ts'
import type { PollsFigures } from '../programs/polls.ts'
import { runPolls } from '../programs/run.ts'
import type { Report } from '../report.ts'
import { sqsServers, type SqsServerName } from '../servers/sqs.ts'
import type { Workload } from './workload.ts'

const RECEIVES = 10_000
/** Files that a program has open besides. */
const OTHERS = 200
/** How long messages are sent, as a multiple of a measurement; with what comes before it is less than a receive waits. */
const SENDING = 2.5
const MB = 1e6

/** fauxqs isn't among them: each message wakes all that wait, and takes its 15 seconds to arrive. */
const among: readonly SqsServerName[] = ['canned', 'memory', 'file']

export const sqsPolls: Workload = {
  name: 'sqs-polls',
  title: 'SQS: 10,000 receives that wait',
  async run({ rounds, seconds, warm, only }, folder): Promise<Report> {
    const figures = new Map<SqsServerName, PollsFigures[]>()
    const skipped: string[] = []
    const files = mostFiles()
    if (files < RECEIVES + OTHERS) {
      skipped.push(`all of it: a program may have no more than ${files} files open (ulimit -Hn ${RECEIVES + OTHERS})`)
      return report(figures, skipped)
    }
    for (const name of among) if (!only || only.includes(name)) figures.set(name, [])
    for (let round = 0; round < rounds; round++)
      for (const [name, measured] of figures) {
        const own = join(folder, `${name}-${round}`)
        mkdirSync(own)
        const { server } = await sqsServers[name].start(own)
        const { port, pid } = server
        measured.push(
          await runPolls({ port, pid, receives: RECEIVES, warm: warm * 1000, ms: seconds * SENDING * 1000 }),
        )
        await server.stop()
      }
    return report(figures, skipped)
  },
}

/** Node.js takes for itself what the hard limit allows. */
function mostFiles(): number {
  const most = /^Max open files +\S+ +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return most === 'unlimited' ? Infinity : Number(most)
}

function report(figures: ReadonlyMap<SqsServerName, readonly PollsFigures[]>, skipped: readonly string[]): Report {
  const more = ({ idle, waiting }: PollsFigures) => (waiting - idle) / MB
  const rows = [...figures].map(([name, measured]) => {
    const of = (what: (round: PollsFigures) => number, unit = '') => shown(spread(measured.map(what)), unit)
    return [
      sqsServers[name].is,
      of(({ idle }) => idle / MB),
      of(more),
      of((round) => (more(round) * 1000) / RECEIVES),
      of(({ arrival }) => arrival.p50, ' ms'),
      of(({ arrival }) => arrival.p99, ' ms'),
      of(({ arrival }) => arrival.max, ' ms'),
      of(({ lost }) => lost),
    ]
  })
  const columns = [
    'server',
    'idle, MB',
    'more with 10,000, MB',
    'kB/receive',
    'a message arrives: p50',
    'p99',
    'longest',
    'lost',
  ]
  const ofFile = (what: (round: PollsFigures) => number): Spread | undefined => {
    const measured = figures.get('file')
    return measured && spread(measured.map(what))
  }
  const { is } = sqsServers.file
  return {
    how: 'A server that was just started gets 10,000 ReceiveMessage with WaitTimeSeconds 20, each on a connection of its own. Its resident memory is taken before, and while they all wait. Then a message is sent each few milliseconds, whose time is that from the begin of the send to the answer of the receive that gets it; that receive begins anew. The bare server gives a message to who has waited longest, and keeps nothing.',
    tables: [{ columns, rows }],
    targets: [
      { of: `${is}: memory, more than idle`, atMost: 200, unit: ' MB', measured: ofFile(more) },
      {
        of: `${is}: a message arrives, p99`,
        atMost: 5,
        unit: ' ms',
        measured: ofFile(({ arrival }) => arrival.p99),
      },
    ],
    skipped,
    rounds: Object.fromEntries(figures),
  }
}
