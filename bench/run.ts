/** Runs benchmarks: node bench/run.ts [WORKLOAD]... README.md has the rest. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeMachine, type Machine } from './machine.ts'
import { parseOptions, type Options } from './options.ts'
import { markdown, reached, text, type Report } from './report.ts'
import { workloads } from './workloads/index.ts'
import type { Workload } from './workloads/workload.ts'

const options = parseOptions(process.argv.slice(2))
const unknown = options.names.filter((name) => !workloads.some((workload) => workload.name === name))
if (options.list || unknown.length > 0) {
  for (const name of unknown) console.error(`There is no workload '${name}'. There are:`)
  for (const { name, title } of workloads) console.log(`${name.padEnd(24)}${title}`)
  process.exit(unknown.length > 0 ? 2 : 0)
}

const machine = describeMachine(options.folder)
console.log(markdown({ columns: ['machine', ''], rows: Object.entries(machine) }))
let missed = 0
for (const workload of workloads) {
  if (options.names.length > 0 && !options.names.includes(workload.name)) continue
  const folder = mkdtempSync(join(options.folder, 'queueup-bench-'))
  try {
    console.log(`## ${workload.title}\n`)
    const report = await workload.run(options, folder)
    console.log(text(report))
    missed += report.targets.filter((target) => reached(target) === false).length
    if (options.write) write(workload, report, machine, options)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
if (missed > 0) console.log(`${missed} of the targets missed.`)

function write({ name, title }: Workload, report: Report, machine: Machine, { rounds, seconds }: Options): void {
  const results = join(import.meta.dirname, 'results')
  mkdirSync(results, { recursive: true })
  const about = markdown({ title: 'Machine', columns: ['', ''], rows: Object.entries(machine) })
  const body = `# ${title}\n\n\`npm run bench -- ${name}\`, ${rounds} rounds in turn.\n\n${text(report)}\n${about}`
  writeFileSync(join(results, `${name}.md`), body)
  const { rounds: figures, targets, skipped = [] } = report
  writeFileSync(
    join(results, `${name}.json`),
    `${JSON.stringify({ name, machine, rounds, seconds, targets, skipped, figures }, null, 1)}\n`,
  )
}
