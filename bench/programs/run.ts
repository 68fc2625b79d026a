import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Latency } from './dialogue.ts'
import type { GrowthFigures, GrowthOrder } from './growth.ts'
import type { HandoverOrder } from './handover.ts'
import type { LifeFigures, LifeOrder } from './life.ts'
import type { LimitsFigures, LimitsOrder } from './limits.ts'
import type { LoadFigures, LoadOrder } from './meter.ts'
import type { PollsFigures, PollsOrder } from './polls.ts'
import type { ProbeOrder } from './probe.ts'
import type { SqsOrder } from './sqs-load.ts'
import type { JobsFigures, JobsOrder } from '../peers/peer.ts'

const run = promisify(execFile)

/** Runs one of the programs of this folder as a process of its own: an order in, figures out. */
async function runProgram(name: string, order: object, node = process.execPath): Promise<unknown> {
  const file = fileURLToPath(new URL(name, import.meta.url))
  const { stdout } = await run(node, [file, JSON.stringify(order)], { maxBuffer: 1 << 20 })
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
}

export const runLoad = async (order: LoadOrder) => (await runProgram('load.ts', order)) as LoadFigures
export const runLife = async (order: LifeOrder) => (await runProgram('life.ts', order)) as LifeFigures
export const runBare = async (order: LifeOrder) => (await runProgram('bare.ts', order)) as LifeFigures
export const runLimits = async (order: LimitsOrder) => (await runProgram('limits.ts', order)) as LimitsFigures
export const runGrowth = async (order: GrowthOrder) => (await runProgram('growth.ts', order)) as GrowthFigures
export const runProbe = async (order: ProbeOrder) => (await runProgram('probe.ts', order)) as Latency
export const runHandover = async (order: HandoverOrder) => (await runProgram('handover.ts', order)) as Latency
export const runSqsLoad = async (order: SqsOrder) => (await runProgram('sqs-load.ts', order)) as LoadFigures
export const runSqsSdk = async (order: SqsOrder) => (await runProgram('sqs-sdk.ts', order)) as LoadFigures
export const runPolls = async (order: PollsOrder) => (await runProgram('polls.ts', order)) as PollsFigures
export const runJobs = async (order: JobsOrder, node?: string) =>
  (await runProgram('jobs.mjs', order, node)) as JobsFigures
