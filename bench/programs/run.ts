import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Latency } from './dialogue.ts'
import type { GrowthFigures, GrowthOrder } from './growth.ts'
import type { HandoverOrder } from './handover.ts'
import type { LifeFigures, LifeOrder } from './life.ts'
import type { LoadFigures, LoadOrder } from './load.ts'
import type { ProbeOrder } from './probe.ts'

const run = promisify(execFile)

/** Runs one of the programs of this folder as a process of its own: an order in, figures out. */
async function runProgram(name: string, order: object): Promise<unknown> {
  const file = fileURLToPath(new URL(name, import.meta.url))
  const { stdout } = await run(process.execPath, [file, JSON.stringify(order)], { maxBuffer: 1 << 20 })
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
}

export const runLoad = async (order: LoadOrder) => (await runProgram('load.ts', order)) as LoadFigures
export const runLife = async (order: LifeOrder) => (await runProgram('life.ts', order)) as LifeFigures
export const runGrowth = async (order: GrowthOrder) => (await runProgram('growth.ts', order)) as GrowthFigures
export const runProbe = async (order: ProbeOrder) => (await runProgram('probe.ts', order)) as Latency
export const runHandover = async (order: HandoverOrder) => (await runProgram('handover.ts', order)) as Latency
