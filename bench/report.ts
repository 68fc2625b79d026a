import type { Spread } from './figures.ts'
import { shown } from './figures.ts'

export interface Table {
  title?: string
  columns: readonly string[]
  rows: readonly (readonly string[])[]
}

/** What must be reached, and what was. */
export interface Target {
  /** What is compared with what. */
  of: string
  atLeast?: number
  atMost?: number
  unit?: string
  /** Undefined: a peer was missing, or left out. */
  measured: Spread | undefined
}

/** What a workload tells. */
export interface Report {
  /** What was done, in a sentence or two. */
  how: string
  tables: readonly Table[]
  targets: readonly Target[]
  /** Peers left out, and why. */
  skipped?: readonly string[]
  /** Each round's figures, for the JSON file. */
  rounds: Readonly<Record<string, unknown>>
}

export function reached({ atLeast, atMost, measured }: Target): boolean | undefined {
  if (!measured) return undefined
  return (atLeast === undefined || measured.median >= atLeast) && (atMost === undefined || measured.median <= atMost)
}

export function targetTable(targets: readonly Target[]): Table {
  return {
    title: 'Targets',
    columns: ['what', 'target', 'measured: median (min-max)', ''],
    rows: targets.map((target) => {
      const { of, atLeast, atMost, unit = '', measured } = target
      const met = reached(target)
      return [
        of,
        atLeast !== undefined ? `at least ${atLeast}${unit}` : `at most ${Number(atMost?.toPrecision(3))}${unit}`,
        measured ? shown(measured, unit) : 'not measured',
        met === undefined ? '' : met ? 'reached' : 'MISSED',
      ]
    }),
  }
}

/** As Markdown, its columns in line, so that it reads well on a terminal, too. */
export function markdown({ title, columns, rows }: Table): string {
  const widths = columns.map((column, i) => Math.max(3, column.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, i) => (cells[i] ?? '').padEnd(width)).join(' | ')} |`
  const lines = [line(columns), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)]
  return `${title ? `**${title}**\n\n` : ''}${lines.join('\n')}\n`
}

export function text(report: Report): string {
  const { how, tables, targets, skipped = [] } = report
  return [
    `${how}\n`,
    ...tables.map(markdown),
    ...(targets.length > 0 ? [markdown(targetTable(targets))] : []),
    ...skipped.map((what) => `Skipped: ${what}.\n`),
  ].join('\n')
}
