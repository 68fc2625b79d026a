/** Opening a store, and the calls on it that the benchmarks time. */
import { openMemory } from '../../src/stores/memory/index.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import type { Op, Result, Store } from '../../src/stores/store.ts'
import type { Limit, Message, Reserved } from '../../src/job.ts'
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

/** What a job has beside its body, by its number. */
export type Extras = (n: number) => Partial<Pick<Message, 'gates' | 'group'>>

/** @param first the number of the first one */
export const puts = (count: number, extras: Extras = () => ({}), first = 0): Op[] =>
  Array.from({ length: count }, (_, i) => ({
    do: 'put',
    to: [{ queue: QUEUE, create: true }],
    msg: { body: BODY, lease: LEASE, ...extras(first + i) },
  }))

export const limit = (name: string, value: Limit): Op => ({ do: 'record', key: `limit/${name}`, value })

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
export async function fill(store: Store, jobs: number, extras?: Extras): Promise<void> {
  for (let n = 0; n < jobs; n += 1000) await commit(store, puts(Math.min(1000, jobs - n), extras, n))
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

/** So many jobs are put; then each transaction finishes the jobs of the one before and reserves as many. How long that takes, in milliseconds. */
export async function drain(store: Store, jobs: number, size: number, extras?: Extras): Promise<number> {
  await fill(store, jobs, extras)
  let held: readonly Reserved[] = []
  return timed(async () => {
    for (let i = 0; i < jobs; i += size)
      held = taken(await commit(store, [...finishes(held), reserve(size)]), held.length, size)
    await commit(store, finishes(held))
  })
}
