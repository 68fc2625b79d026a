import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { LoadFigures, LoadOrder } from './load.ts'

const run = promisify(execFile)

/** Runs one of the programs of this folder as a process of its own: an order in, figures out. */
async function runProgram(name: string, order: object, flags: readonly string[] = []): Promise<unknown> {
  const file = fileURLToPath(new URL(name, import.meta.url))
  const { stdout } = await run(process.execPath, [...flags, file, JSON.stringify(order)], { maxBuffer: 1 << 26 })
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
}

export const runLoad = async (order: LoadOrder) => (await runProgram('load.ts', order)) as LoadFigures
