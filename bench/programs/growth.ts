/** One reserve after another from a store that holds many ready jobs: node growth.ts ORDER, a GrowthOrder in JSON. Its last line is GrowthFigures in JSON. */
import { commit, fill, giveBack, openStore, reserve, taken, timed } from './store.ts'

export interface GrowthOrder {
  /** Of the file; without it in memory. */
  path?: string
  /** Jobs put before. */
  fill?: number
  reserves: number
}

export interface GrowthFigures {
  /** The first after the store was opened, in microseconds. */
  first: number
  /** One of the others, on the average, in microseconds. */
  each: number
  /** Of this process, in bytes. */
  resident: number
}

/** Not measured: the code is hot after them. */
const WARM = 1000

const order = JSON.parse(process.argv[2] ?? '') as GrowthOrder
const store = await openStore(order.path)
if (order.fill) await fill(store, order.fill)
const figures: GrowthFigures = { first: (await reserves(1)) * 1000, each: 0, resident: 0 }
if (order.reserves > 0) {
  await reserves(Math.min(WARM, order.reserves))
  figures.each = ((await reserves(order.reserves)) / order.reserves) * 1000
}
figures.resident = process.memoryUsage.rss()
await giveBack(store)
await store.close()
console.log(JSON.stringify(figures))

function reserves(count: number): Promise<number> {
  return timed(async () => {
    // Nobody waits for the disk here: a reserve that is bound to its session doesn't either.
    for (let i = 0; i < count; i++) taken(await commit(store, [reserve(1)], true), 0, 1)
  })
}
