/** Jobs under limits: node limits.ts ORDER, a LimitsOrder in JSON. Its last line is LimitsFigures in JSON. */
import type { Store } from '../../src/stores/store.ts'
import { commit, drain, fill, giveBack, limit, openStore, reserve, taken, timed, type Extras } from './store.ts'

export interface LimitsOrder {
  /** Of the file; without it in memory. */
  path?: string
  /** Jobs that wait at a closed gate, before those that are reserved; and how many reserves are timed. */
  blocked?: number
  reserves?: number
  /** The limit is set when they are there already. */
  late?: true
  /** Of the drain: which limits its jobs have. */
  drain?: Drained
  jobs?: number
  size?: number
}
/** open: a rate and a key of 100, never reached. groups: these, and 1,000 groups. reached: a concurrency of as many as are reserved at a time. */
export type Drained = 'none' | 'open' | 'groups' | 'reached'

export interface LimitsFigures {
  /** The first reserve, in milliseconds, until it brings a job; each of the others on the average, in microseconds. */
  first: number
  each: number
  /** Of the drain, in milliseconds. */
  drain: number
}

/** Not measured: the code is hot after them. */
const WARM = 1000

const EXTRAS: Record<Drained, Extras> = {
  none: () => ({}),
  open: (n) => ({ gates: ['all', `key/${n % 100}`] }),
  groups: (n) => ({ gates: ['all', `key/${n % 100}`], group: `g${n % 1000}` }),
  reached: () => ({ gates: ['reached'] }),
}

const order = JSON.parse(process.argv[2] ?? '') as LimitsOrder
const store = await openStore(order.path)
const figures: LimitsFigures = { first: 0, each: 0, drain: 0 }
if (order.reserves) await blocked(store, order.reserves)
if (order.drain) await drained(store, order.drain)
await store.close()
console.log(JSON.stringify(figures))

async function blocked(store: Store, reserves: number): Promise<void> {
  const shut = limit('shut', { concurrency: 0 })
  if (!order.late) await commit(store, [shut])
  await fill(store, order.blocked ?? 0, () => ({ gates: ['shut'] }))
  await fill(store, reserves + WARM + 1)
  if (order.late) await commit(store, [shut])
  figures.first = await timed(async () => {
    // Of so many that become blocked at once, some are set aside in each transaction.
    while (!(await store.commit([{ ops: [reserve(1)], unsynced: true }])[0])?.[0]?.ok);
  })
  const some = (count: number) =>
    timed(async () => {
      for (let i = 0; i < count; i++) taken(await commit(store, [reserve(1)], true), 0, 1)
    })
  await some(WARM)
  figures.each = ((await some(reserves)) / reserves) * 1000
  await giveBack(store)
}

async function drained(store: Store, kind: Drained): Promise<void> {
  const { jobs = 0, size = 1 } = order
  await commit(store, [
    limit('all', { rate: { jobs: 1e9, per: 1000 } }),
    limit('key', { concurrency: 1e6 }),
    limit('reached', { concurrency: size }),
  ])
  // A write-ahead log that is new syncs slowly until it starts over; and the code is hot after it.
  await drain(store, Math.min(jobs, 20_000), size, EXTRAS[kind])
  figures.drain = await drain(store, jobs, size, EXTRAS[kind])
}
