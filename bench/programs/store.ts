/** Opening a store, and the calls on it that the benchmarks time. */
import { openMemory } from '../../src/stores/memory/index.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import type { Op, Result, Store } from '../../src/stores/store.ts'
import type { Reserved } from '../../src/job.ts'
import { BODY } from '../body.ts'

const QUEUE = 'default/default'
const SESSION = 'bench'
const LEASE = 60_000

/** @param path of the file; undefined: in memory */
export const openStore = (path: string | undefined): Promise<Store> =>
  path === undefined ? Promise.resolve(openMemory()) : openSqlite({ path })

/** One transaction. */
export async function commit(store: Store, ops: Op[], unsynced = false): Promise<Result[]> {
  const results = await store.commit([unsynced ? { ops, unsynced } : { ops }])[0]
  const refused = results?.find((result) => !result.ok)
  if (!results || refused) throw new Error(`Refused: ${JSON.stringify(refused)}`)
  return results
}

export const puts = (count: number): Op[] =>
  Array.from({ length: count }, () => ({
    do: 'put',
    to: [{ queue: QUEUE, create: true }],
    msg: { body: BODY, lease: LEASE },
  }))

export const reserve = (max: number): Op => ({
  do: 'reserve',
  from: [QUEUE],
  max,
  bytes: Infinity,
  lease: { ms: 'own', session: SESSION },
})

export const finishes = (jobs: readonly Reserved[]): Op[] => jobs.map(({ id, n }) => ({ do: 'finish', job: { id, n } }))

/** What the reserve at this place of a unit took. */
export function taken(results: readonly Result[], at: number, count: number): readonly Reserved[] {
  const result = results[at]
  if (!result?.ok || result.do !== 'reserve' || result.jobs.length !== count)
    throw new Error(`Not ${count} jobs reserved`)
  return result.jobs
}

/** Puts so many jobs, a thousand a transaction. */
export async function fill(store: Store, jobs: number): Promise<void> {
  for (let left = jobs; left > 0; left -= 1000) await commit(store, puts(Math.min(1000, left)))
}

/** Gives back what `reserve` took. */
export async function giveBack(store: Store): Promise<void> {
  await store.commit([{ ops: [{ do: 'end', session: SESSION, as: 'released' }] }])[0]
}

/** Of this many jobs, transactions of that size: how long, in milliseconds. */
export async function timed(run: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await run()
  return performance.now() - start
}
