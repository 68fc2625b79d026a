import { join } from 'node:path'
import { rate, ratios, shown, spread } from '../figures.ts'
import type { Drained, LimitsFigures } from '../programs/limits.ts'
import { runLimits } from '../programs/run.ts'
import type { Report, Table, Target } from '../report.ts'
import type { Workload } from './workload.ts'

const BLOCKED = 200_000
const RESERVES = 5000
const JOBS = 50_000
const SIZE = 1000
const kinds = { file: 'file, synced', memory: 'memory' } as const
type Kind = keyof typeof kinds
const waiting = {
  none: 'none',
  parked: `${BLOCKED.toLocaleString('en')}`,
  late: 'as many, limited afterwards',
} as const
const drains: Record<Drained, string> = {
  none: 'none',
  open: 'a rate and a key of 100, not reached',
  groups: 'the same, and 1,000 groups',
  reached: `${SIZE.toLocaleString('en')} at a time, reached`,
}

interface Case<K> {
  kind: Kind
  what: K
  figures: LimitsFigures[]
}

export const limits: Workload = {
  name: 'limits',
  title: 'Limits: among 200,000 blocked jobs, and W4 with limits',
  async run({ rounds, only }, folder): Promise<Report> {
    const among = (Object.keys(kinds) as Kind[]).filter((kind) => only?.includes(kind) ?? true)
    const cases = <K>(whats: readonly K[]) =>
      among.flatMap((kind) => whats.map((what): Case<K> => ({ kind, what, figures: [] })))
    const blocked = cases(Object.keys(waiting) as (keyof typeof waiting)[])
    const drained = cases(Object.keys(drains) as Drained[])
    let files = 0
    const place = (kind: Kind) => (kind === 'file' ? { path: join(folder, `${++files}.db`) } : {})
    for (let round = 0; round < rounds; round++) {
      for (const { kind, what, figures } of blocked)
        figures.push(
          await runLimits({
            ...place(kind),
            reserves: RESERVES,
            blocked: what === 'none' ? 0 : BLOCKED,
            ...(what === 'late' && { late: true as const }),
          }),
        )
      for (const { kind, what, figures } of drained)
        figures.push(await runLimits({ ...place(kind), drain: what, jobs: JOBS, size: SIZE }))
    }
    return report(blocked, drained)
  },
}

function report(blocked: readonly Case<keyof typeof waiting>[], drained: readonly Case<Drained>[]): Report {
  const each = ({ figures }: Case<unknown>) => figures.map((one) => one.each)
  const perSecond = ({ figures }: Case<unknown>) => figures.map((one) => (JOBS / one.drain) * 1000)
  const find = <K>(all: readonly Case<K>[], kind: Kind, what: K) =>
    all.find((one) => one.kind === kind && one.what === what)
  const to = <K>(all: readonly Case<K>[], one: Case<K>, base: K, value: (of: Case<K>) => number[]) =>
    ratios(value(one), value(find(all, one.kind, base) as Case<K>))
  const tables: Table[] = [
    {
      title: 'One reserve behind blocked jobs',
      columns: ['store', 'blocked', 'one reserve', 'to none', 'until the first brings a job'],
      rows: blocked.map((one) => [
        kinds[one.kind],
        waiting[one.what],
        shown(spread(each(one)), ' us'),
        shown(to(blocked, one, 'none', each)),
        shown(spread(one.figures.map((figures) => figures.first)), ' ms'),
      ]),
    },
    {
      title: `Drain (W4), ${SIZE.toLocaleString('en')} a transaction`,
      columns: ['store', 'limits', 'jobs/s', 'to none'],
      rows: drained.map((one) => [
        kinds[one.kind],
        drains[one.what],
        rate(spread(perSecond(one))),
        shown(to(drained, one, 'none', perSecond)),
      ]),
    },
  ]
  const targets: Target[] = (Object.keys(kinds) as Kind[]).flatMap((kind): Target[] => {
    const [parked, groups] = [find(blocked, kind, 'parked'), find(drained, kind, 'groups')]
    if (!parked || !groups) return []
    return [
      {
        of: `${kind}: one reserve behind ${BLOCKED.toLocaleString('en')} blocked jobs, to one behind none`,
        atMost: 2,
        measured: to(blocked, parked, 'none', each),
      },
      {
        of: `${kind}: drain with a rate, a key and groups, to one without`,
        atLeast: 0.5,
        measured: to(drained, groups, 'none', perSecond),
      },
    ]
  })
  return {
    how: `The store directly. ${RESERVES} jobs are reserved, each in a transaction of its own that doesn't wait for the disk; so many with a closed gate were put before them. Drain: ${JOBS} jobs are there, and each transaction finishes the jobs of the one before and reserves as many.`,
    tables,
    targets,
    rounds: Object.fromEntries(
      [...blocked, ...drained].map(({ kind, what, figures }, i) => [
        `${kind} ${i < blocked.length ? 'blocked' : 'drain'}: ${what}`,
        figures,
      ]),
    ),
  }
}
