/**
 * Where Queueup's server spends its time under a load: node bench/profile.ts [memory|file|signed] [pipelined|request-response|backlog|sqs-send|sqs-life] [SECONDS]
 * Prints the functions with the most time of their own, and keeps the profile for a browser's developer tools.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { markdown } from './report.ts'
import type { LoadFigures } from './programs/meter.ts'
import { runLoad, runSqsLoad } from './programs/run.ts'
import { servers } from './servers/index.ts'
import { sqsServers } from './servers/sqs.ts'

interface Profile {
  nodes: readonly { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[]
  samples: readonly number[]
  timeDeltas: readonly number[]
}

const ROWS = 40
const USAGE = `Usage: node bench/profile.ts [memory|file] [pipelined|request-response|backlog] [SECONDS]
       node bench/profile.ts [memory|file|signed] [sqs-send|sqs-life] [SECONDS]`
const loads = {
  pipelined: { connections: 10, inFlight: 100 },
  'request-response': { connections: 50, inFlight: 2 },
  backlog: { connections: 10, inFlight: 100, backlog: 10_000 },
}
const lives = { 'sqs-send': 'send', 'sqs-life': 'whole' } as const

const [what = 'file', kind = 'pipelined', seconds = '5'] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'queueup-profile-'))
const data = join(folder, 'data')
mkdirSync(data)
const WARM = 500
const times = { warm: WARM, ms: Number(seconds) * 1000 }
const { jobs, ms, cpu } = await profiled(['--cpu-prof', `--cpu-prof-dir=${folder}`])

const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.cpuprofile')) as string)
console.log(
  `${((jobs / ms) * 1000).toFixed(0)} jobs/s, ${((cpu.user + cpu.system) / jobs).toFixed(2)} us/job (under the profiler)\n`,
)
console.log(table(JSON.parse(readFileSync(file, 'utf8')) as Profile))
console.log(file)

async function profiled(nodeFlags: readonly string[]): Promise<LoadFigures> {
  if ((what === 'memory' || what === 'file') && kind in loads) {
    const server = await servers[what].start(data, nodeFlags)
    const { port, pid } = server
    const figures = await runLoad({ ports: [port], pids: [pid], ...times, ...loads[kind as keyof typeof loads] })
    await server.stop()
    return figures
  }
  if ((what === 'memory' || what === 'file' || what === 'signed') && kind in lives) {
    const { server, signer } = await sqsServers[what].start(data, nodeFlags)
    const { port, pid } = server
    const life = lives[kind as keyof typeof lives]
    const figures = await runSqsLoad({ port, pid, life, connections: 20, ...times, ...(signer && { signer }) })
    await server.stop()
    return figures
  }
  console.error(USAGE)
  return process.exit(2)
}

function table({ nodes, samples, timeDeltas }: Profile): string {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const own = new Map<string, number>()
  for (const [i, id] of samples.entries()) {
    const name = names.get(id) as string
    own.set(name, (own.get(name) ?? 0) + (timeDeltas[i] as number))
  }
  const total = [...own.values()].reduce((sum, time) => sum + time, 0)
  // The profile has the jobs of the warm-up, too.
  const all = jobs * (1 + WARM / ms)
  const rows = [...own].sort(([, a], [, b]) => b - a).slice(0, ROWS)
  return markdown({
    columns: ['self', 'us/job', 'function'],
    rows: rows.map(([name, time]) => [`${((time / total) * 100).toFixed(1)}%`, (time / all).toFixed(3), name]),
  })
}

function nameOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  const name = functionName || '(anonymous)'
  if (url === '') return name
  const place = url.startsWith('file:') ? relative('', fileURLToPath(url)) : url
  return `${name} ${place}:${lineNumber + 1}`
}
