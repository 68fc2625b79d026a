/** The life of jobs on a store: node life.ts ORDER, a LifeOrder in JSON. Its last line is LifeFigures in JSON. */
import type { Reserved } from '../../src/job.ts'
import type { Store } from '../../src/stores/store.ts'
import { commit, drain, finishes, openStore, puts, reserve, taken, timed } from './store.ts'

export interface LifeOrder {
  /** Of the file; without it in memory. */
  path?: string
  jobs: number
  /** Jobs a transaction. */
  size: number
}

/** Milliseconds. */
export interface LifeFigures {
  put: number
  reserve: number
  finish: number
  /** Half as many jobs preloaded; each transaction finishes the jobs of the one before and reserves as many. */
  drain: number
}

const { path, jobs, size } = JSON.parse(process.argv[2] ?? '') as LifeOrder
const store = await openStore(path)
// A write-ahead log that is new or was cut short syncs slowly until it starts over; and the code is hot after it.
await life(store, Math.min(jobs, 20_000))
const figures: LifeFigures = { ...(await life(store, jobs)), drain: await drain(store, jobs / 2, size) }
await store.close()
console.log(JSON.stringify(figures))

async function life(store: Store, jobs: number): Promise<Omit<LifeFigures, 'drain'>> {
  const held: Reserved[] = []
  const put = await timed(async () => {
    for (let i = 0; i < jobs; i += size) await commit(store, puts(size))
  })
  const reserved = await timed(async () => {
    for (let i = 0; i < jobs; i += size) held.push(...taken(await commit(store, [reserve(size)]), 0, size))
  })
  const finish = await timed(async () => {
    for (let i = 0; i < jobs; i += size) await commit(store, finishes(held.slice(i, i + size)))
  })
  return { put, reserve: reserved, finish }
}
