import { join } from 'node:path'
import { rate, ratios, short, shown, spread } from '../figures.ts'
import type { LifeFigures } from '../programs/life.ts'
import { runBare, runLife } from '../programs/run.ts'
import type { Report, Table } from '../report.ts'
import type { Workload } from './workload.ts'

const JOBS = 100_000
const sizes = [100, 1000] as const
const kinds = { bare: 'node:sqlite, bare (the limit)', file: 'file, synced', memory: 'memory' } as const
type Kind = keyof typeof kinds

export const stores: Workload = {
  name: 'stores',
  title: 'W3 and W4: the stores directly',
  async run({ rounds, only }, folder): Promise<Report> {
    const among = (Object.keys(kinds) as Kind[]).filter((kind) => only?.includes(kind) ?? true)
    const cases = among.flatMap((kind) => sizes.map((size) => ({ kind, size, figures: [] as LifeFigures[] })))
    for (let round = 0; round < rounds; round++)
      for (const { kind, size, figures } of cases) {
        const path = join(folder, `${size}-${round}.db`)
        const run = kind === 'bare' ? runBare : runLife
        figures.push(await run({ jobs: JOBS, size, ...(kind !== 'memory' && { path: `${path}.${kind}` }) }))
      }

    const all = (f: LifeFigures) => f.put + f.reserve + f.finish
    const whole = (figures: readonly LifeFigures[]) => perSecond(figures, JOBS, all)
    const toBare = (size: number, figures: readonly LifeFigures[]) => {
      const bare = cases.find((one) => one.kind === 'bare' && one.size === size)
      return bare ? shown(ratios(bare.figures.map(all), figures.map(all))) : '-'
    }
    const table: Table = {
      columns: [
        'store',
        'jobs a transaction',
        'put/s',
        'reserve/s',
        'finish/s',
        'all three, jobs/s',
        'to bare',
        'drain, jobs/s',
      ],
      rows: cases.map(({ kind, size, figures }) => [
        kinds[kind],
        String(size),
        rate(perSecond(figures, JOBS, (f) => f.put)),
        rate(perSecond(figures, JOBS, (f) => f.reserve)),
        rate(perSecond(figures, JOBS, (f) => f.finish)),
        rate(whole(figures)),
        toBare(size, figures),
        rate(perSecond(figures, JOBS / 2, (f) => f.drain)),
      ]),
    }
    const file = (size: number) => {
      const found = cases.find((one) => one.kind === 'file' && one.size === size)
      return found && inThousands(whole(found.figures))
    }
    return {
      how: `${short(JOBS / 1000)} k jobs are put (by 1,000: W3), reserved and finished, in separate transactions, one after another. Drain (W4): ${JOBS / 2} jobs are there, and each transaction finishes the jobs of the one before and reserves as many. A process of its own each time, on a new file. Bare: one table with one index, the same transactions and bodies, and nothing else.`,
      tables: [table],
      targets: [
        { of: 'file, put + reserve + finish, by 100', atLeast: 60, unit: ' k/s', measured: file(100) },
        { of: 'file, put + reserve + finish, by 1,000', atLeast: 90, unit: ' k/s', measured: file(1000) },
      ],
      rounds: Object.fromEntries(cases.map(({ kind, size, figures }) => [`${kind} by ${size}`, figures])),
    }
  },
}

const perSecond = (figures: readonly LifeFigures[], jobs: number, ms: (one: LifeFigures) => number) =>
  spread(figures.map((one) => (jobs / ms(one)) * 1000))

const inThousands = ({ median, min, max }: ReturnType<typeof spread>) => ({
  median: median / 1000,
  min: min / 1000,
  max: max / 1000,
})
