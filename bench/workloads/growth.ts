import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { ratios, shown, spread } from '../figures.ts'
import type { GrowthFigures } from '../programs/growth.ts'
import { runGrowth, runLoad } from '../programs/run.ts'
import type { Report } from '../report.ts'
import { residentOf } from '../servers/cpu.ts'
import { servers } from '../servers/index.ts'
import type { Workload } from './workload.ts'

const sizes = [10_000, 100_000, 1_000_000] as const
const RESERVES = 5000
/** What the server is put through before its memory is looked at. */
const JOBS = 50_000
const MIB = 2 ** 20

interface Size {
  jobs: number
  folder: string
  file: GrowthFigures[]
  memory: GrowthFigures[]
  /** Bytes: the server's resident memory after the load, at each round. */
  server: number[]
  /** Jobs a second of that load. */
  load: number[]
}

export const growth: Workload = {
  name: 'growth',
  title: 'W6: among 10 thousand, 100 thousand and 1 million ready jobs',
  async run({ rounds, only }, folder): Promise<Report> {
    const all: Size[] = sizes.map((jobs) => ({
      jobs,
      folder: join(folder, String(jobs)),
      file: [],
      memory: [],
      server: [],
      load: [],
    }))
    for (const { jobs, folder: own } of all) {
      mkdirSync(own)
      await runGrowth({ path: join(own, 'queueup.db'), fill: jobs, reserves: 0 })
    }
    for (let round = 0; round < rounds; round++) {
      for (const size of all)
        size.file.push(await runGrowth({ path: join(size.folder, 'queueup.db'), reserves: RESERVES }))
      for (const size of all) await serve(size)
      if (only?.includes('memory') ?? true)
        for (const size of all) size.memory.push(await runGrowth({ fill: size.jobs, reserves: RESERVES }))
    }
    return report(all)
  },
}

async function serve({ folder, server, load }: Size): Promise<void> {
  const running = await servers.file.start(folder)
  const { jobs, ms } = await runLoad({
    ports: [running.port],
    pids: [running.pid],
    connections: 10,
    inFlight: 100,
    warm: 0,
    ms: 0,
    jobs: JOBS,
  })
  server.push(residentOf(running.pid))
  load.push((jobs / ms) * 1000)
  await running.stop()
}

function report(all: readonly Size[]): Report {
  const small = all[0] as Size
  const large = all.at(-1) as Size
  const each = (figures: readonly GrowthFigures[]) => figures.map((one) => one.each)
  const kinds = (['file', 'memory'] as const).filter((kind) => small[kind].length > 0)
  const rows = kinds.flatMap((kind) =>
    all.map((size) => [
      kind,
      size.jobs.toLocaleString('en'),
      shown(spread(each(size[kind])), ' us'),
      shown(ratios(each(size[kind]), each(small[kind]))),
      shown(spread(size[kind].map((one) => one.first / 1000)), ' ms'),
      shown(spread(size[kind].map((one) => one.resident / MIB)), ' MiB'),
    ]),
  )
  const served = all.map((size) => [
    size.jobs.toLocaleString('en'),
    shown(spread(size.server.map((bytes) => bytes / MIB)), ' MiB'),
    shown(spread(size.load.map((rate) => rate / 1000)), ' k'),
  ])
  const more = spread(large.server.map((bytes, round) => (bytes - (small.server[round] as number)) / MIB))
  return {
    how: `The store directly: ${RESERVES} jobs are reserved, each in a transaction of its own that doesn't wait for the disk, among so many ready ones. The server: its resident memory after ${JOBS} jobs were put, reserved and deleted over 10 connections with 100 commands in flight each, with so many others ready.`,
    tables: [
      {
        title: 'Store',
        columns: ['store', 'ready jobs', 'one reserve', 'to the fewest', 'the first after opening', 'resident'],
        rows,
      },
      { title: 'Server on a file', columns: ['ready jobs', 'resident', 'jobs/s'], rows: served },
    ],
    targets: [
      {
        of: 'file: one reserve among 1 million, to one among 10 thousand',
        atMost: 1.2,
        measured: ratios(each(large.file), each(small.file)),
      },
      {
        of: 'file: resident memory of the server, 1 million more than 10 thousand',
        atMost: 50,
        unit: ' MiB',
        measured: more,
      },
    ],
    rounds: { sizes: all.map(({ jobs, file, memory, server, load }) => ({ jobs, file, memory, server, load })) },
  }
}
