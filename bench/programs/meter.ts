import { setTimeout as sleep } from 'node:timers/promises'
import { cpuOf, type Cpu } from '../servers/cpu.ts'

export interface LoadOrder {
  /** Connections go to these in turn. */
  ports: number[]
  /** Processes whose CPU time is taken. */
  pids: number[]
  connections: number
  /** Commands that a connection may have without a reply. */
  inFlight: number
  /** Milliseconds that aren't measured, and that are. */
  warm: number
  ms: number
  /** Exactly so many jobs instead of a time. */
  jobs?: number
  /** Jobs put before, which stay. */
  backlog?: number
}

export interface LoadFigures {
  jobs: number
  ms: number
  /** Of all the processes together, in microseconds. */
  cpu: Cpu
  /** How much of a core the load itself took; near 1 the load was the limit. */
  client: number
}

/** What had been done, and used, at one moment. */
export interface Reading {
  at: number
  jobs: number
  cpu: Cpu
  /** CPU time of this process, in microseconds. */
  own: number
}

/** @param pids processes whose CPU time is taken */
export function read(pids: readonly number[], jobs: number): Reading {
  const own = process.cpuUsage()
  return { at: performance.now(), jobs, cpu: cpuOf(pids), own: own.user + own.system }
}

export function between(before: Reading, after: Reading): LoadFigures {
  const ms = after.at - before.at
  return {
    jobs: after.jobs - before.jobs,
    ms,
    cpu: { user: after.cpu.user - before.cpu.user, system: after.cpu.system - before.cpu.system },
    client: (after.own - before.own) / 1000 / ms,
  }
}

/** @param done how many jobs were done so far, by a load that goes on */
export async function meter(
  { warm, ms }: Pick<LoadOrder, 'warm' | 'ms'>,
  pids: readonly number[],
  done: () => number,
): Promise<LoadFigures> {
  await sleep(warm)
  const before = read(pids, done())
  await sleep(ms)
  return between(before, read(pids, done()))
}
