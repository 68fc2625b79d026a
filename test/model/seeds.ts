import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'

/** Runs, times what QUEUEUP_LONG says. */
const LONG = Number(process.env['QUEUEUP_LONG'] ?? 1)
/** The same runs each time, so that a change is judged by what it changed; others in a long run, or with `QUEUEUP_SEED=...`, which a failure prints. */
const SEED = Number(process.env['QUEUEUP_SEED'] ?? (LONG > 3 ? Date.now() % 2 ** 31 : 20_261))
/** What failed once, and is run each time: `[{ "of": NAME, "seed": N, "path": "..." }]`, as the failure printed them. */
const SEEDS = new URL('seeds.json', import.meta.url)

interface Seed {
  of: string
  seed: number
  path: string
}

const kept = existsSync(SEEDS) ? (JSON.parse(readFileSync(SEEDS, 'utf8')) as Seed[]) : []

/** Runs the kept failures of this name, then others; a failure prints its seed and path, to be kept in seeds.json. */
export async function check<T>(of: string, property: fc.IAsyncProperty<T>, runs: number): Promise<void> {
  for (const { seed, path } of kept.filter((one) => one.of === of))
    await fc.assert(property, { seed, path, numRuns: 1 })
  await fc.assert(property, { seed: SEED, numRuns: Math.ceil(runs * LONG) })
}
