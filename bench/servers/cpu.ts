import { readdirSync, readFileSync } from 'node:fs'

/** CPU time in microseconds. */
export interface Cpu {
  user: number
  system: number
}

/** Linux counts in hundredths of a second for every program (USER_HZ). */
const TICK = 10_000

/** What these processes have used until now, from /proc/PID/stat. */
export function cpuOf(pids: readonly number[]): Cpu {
  const sum = { user: 0, system: 0 }
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name stands in parentheses and may contain anything; user and system time are the 12th and 13th field behind it (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    sum.user += Number(fields[11]) * TICK
    sum.system += Number(fields[12]) * TICK
  }
  return sum
}

/** Nanoseconds that all threads of a process have run: finer than `cpuOf`, for what is nearly idle. */
export function runTimeOf(pid: number): number {
  let sum = 0
  for (const thread of readdirSync(`/proc/${pid}/task`))
    sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  return sum
}

/** Resident memory in bytes. */
export function residentOf(pid: number): number {
  return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}
