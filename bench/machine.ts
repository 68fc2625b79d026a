import { spawnSync } from 'node:child_process'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { quantile, short } from './figures.ts'

/** Where the figures were taken: names and figures, for people. */
export type Machine = Readonly<Record<string, string>>

/** @param folder where the files of the servers lie */
export function describeMachine(folder: string): Machine {
  const { sqlite } = process.versions
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    cores: `${availableParallelism()} (${cpus()[0]?.model.trim() ?? 'unknown'}, ${arch()})`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: `${type()} ${release()}`,
    node: process.version,
    ...(sqlite && { sqlite }),
    beanstalkd: spawnSync('beanstalkd', ['-v']).stdout?.toString().trim() || 'not installed',
    'file system': spawnSync('stat', ['-f', '-c', '%T', folder]).stdout?.toString().trim() || 'unknown',
    fdatasync: syncTime(folder),
    'busy before with': `${loadavg()[0]?.toFixed(1) ?? ''} other processes, on the average of a minute`,
  }
}

/** A write of 4 KiB behind the last, and fdatasync, as a write-ahead log does. */
function syncTime(folder: string): string {
  const own = mkdtempSync(join(folder, 'sync-'))
  const file = openSync(join(own, 'file'), 'w')
  const page = Buffer.alloc(4096, 1)
  const times: number[] = []
  // The first time round the file grows; what is measured overwrites, like a log that has started over.
  for (let i = 0; i < 600; i++) {
    const start = performance.now()
    writeSync(file, page, 0, page.length, (i % 300) * page.length)
    fdatasyncSync(file)
    if (i >= 300) times.push(performance.now() - start)
  }
  closeSync(file)
  rmSync(own, { recursive: true })
  times.sort((a, b) => a - b)
  return `p50 ${short(quantile(times, 0.5))} ms, p99 ${short(quantile(times, 0.99))} ms`
}
