import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { rate, ratios, shown, spread, type Spread } from '../figures.ts'
import type { Latency } from '../programs/dialogue.ts'
import { Dialogue } from '../programs/dialogue.ts'
import type { LoadFigures } from '../programs/meter.ts'
import { runHandover, runLoad, runProbe } from '../programs/run.ts'
import type { Report } from '../report.ts'
import { runTimeOf } from '../servers/cpu.ts'
import { servers } from '../servers/index.ts'
import type { Server } from '../servers/server.ts'
import type { Workload } from './workload.ts'

const counts = [1, 2, 4, 8] as const
const CONNECTIONS = 8
const IN_FLIGHT = 100
/** Jobs handed from one process to another, a round. */
const HANDOVERS = 300
/** After a load comes its upkeep, of the file and of memory, which is no idleness yet: milliseconds. */
const SETTLE = 3000
/** How long idle processes are watched, as a multiple of a measurement. */
const IDLE = 2.5

interface Count {
  processes: number
  folder: string
  load: LoadFigures[]
  put: Latency[]
}

export const processes: Workload = {
  name: 'processes',
  title: 'Several processes on one file',
  async run({ rounds, seconds, warm }, folder): Promise<Report> {
    const all = counts.map((processes): Count => ({
      processes,
      folder: join(folder, String(processes)),
      load: [],
      put: [],
    }))
    const handover: Latency[] = []
    const idle: number[] = []
    for (const { folder: own } of all) mkdirSync(own)
    for (let round = 0; round < rounds; round++)
      for (const count of all) {
        const running = await startAll(count)
        const ports = running.map(({ port }) => port)
        const pids = running.map(({ pid }) => pid)
        const times = { warm: warm * 1000, ms: seconds * 1000 }
        const [load, put] = await Promise.all([
          runLoad({ ports, pids, connections: CONNECTIONS, inFlight: IN_FLIGHT, ...times }),
          runProbe({ ports, ...times }),
        ])
        count.load.push(load)
        count.put.push(put)
        if (count.processes === 2) {
          const [a, b] = running as [Server, Server]
          handover.push(await runHandover({ put: a.port, reserve: b.port, jobs: HANDOVERS }))
          idle.push(await idleOf(running, seconds * IDLE * 1000))
        }
        await Promise.all(running.map((server) => server.stop()))
      }
    return report(all, handover, idle)
  },
}

async function startAll({ processes, folder }: Count): Promise<readonly Server[]> {
  const running: Server[] = []
  for (let i = 0; i < processes; i++) running.push(await servers.file.start(folder))
  return running
}

/** Of a core, in per cent: the busier of the processes, while in each a reserve waits and nothing happens. */
async function idleOf(running: readonly Server[], ms: number): Promise<number> {
  const waiting = await Promise.all(running.map(({ port }) => Dialogue.open(port)))
  for (const dialogue of waiting) void dialogue.ask('reserve\r\n')
  await sleep(SETTLE)
  const before = running.map(({ pid }) => runTimeOf(pid))
  const start = performance.now()
  await sleep(ms)
  const passed = (performance.now() - start) * 1e6
  const used = running.map(({ pid }, i) => runTimeOf(pid) - (before[i] as number))
  for (const dialogue of waiting) dialogue.close()
  return (Math.max(...used) / passed) * 100
}

function report(all: readonly Count[], handover: readonly Latency[], idle: readonly number[]): Report {
  const jobs = ({ load }: Count) => load.map((round) => (round.jobs / round.ms) * 1000)
  const one = all[0] as Count
  const rows = all.map((count) => [
    String(count.processes),
    rate(spread(jobs(count))),
    shown(ratios(jobs(count), jobs(one))),
    shown(spread(count.put.map(({ p50 }) => p50)), ' ms'),
    shown(spread(count.put.map(({ p99 }) => p99)), ' ms'),
    shown(spread(count.put.map(({ max }) => max)), ' ms'),
    shown(spread(count.load.map(({ cpu, jobs }) => (cpu.user + cpu.system) / jobs))),
  ])
  const of = (processes: number) => all.find((count) => count.processes === processes) as Count
  const together = (processes: number): Spread => ratios(jobs(of(processes)), jobs(one))
  const put = (processes: number): Spread => spread(of(processes).put.map(({ p99 }) => p99))
  const p99 = spread(handover.map((round) => round.p99))
  return {
    how: `Servers on one file; ${CONNECTIONS} connections with ${IN_FLIGHT} commands in flight each from one client process, shared out among them. Meanwhile another process puts one job after another, 2 ms apart, into a tube of its own, at each server in turn. Handed over: the time from a put in one process to the job's arrival at a reserve that waits in another, both otherwise idle. Idle: in each a reserve waits, from three seconds after the load on.`,
    tables: [
      { columns: ['processes', 'jobs/s together', 'to one', 'a put: p50', 'p99', 'longest', 'CPU us/job'], rows },
      {
        columns: ['handed over: p50', 'p99', 'longest', 'idle process, % of a core'],
        rows: [
          [
            shown(spread(handover.map(({ p50 }) => p50)), ' ms'),
            shown(p99, ' ms'),
            shown(spread(handover.map(({ max }) => max)), ' ms'),
            shown(spread(idle), ' %'),
          ],
        ],
      },
    ],
    targets: [
      { of: 'two processes together, to one', atLeast: 0.6, measured: together(2) },
      { of: 'four processes together, to one', atLeast: 0.35, measured: together(4) },
      { of: "two processes: a put's p99", atMost: 15, unit: ' ms', measured: put(2) },
      { of: "eight processes: a put's p99", atMost: 50, unit: ' ms', measured: put(8) },
      { of: 'handed over to another process, p99', atMost: 5, unit: ' ms', measured: p99 },
      { of: 'an idle process, of a core', atMost: 0.1, unit: ' %', measured: spread(idle) },
    ],
    rounds: { processes: all.map(({ processes, load, put }) => ({ processes, load, put })), handover, idle },
  }
}
