/**
 * What fair groups cost: put, reserve and finish in a queue whose 10,000 groups take turns, against the same queue without groups, in turn.
 * `node bench/programs/fair.ts [JOBS]`
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { openMemory } from '../../src/stores/memory/index.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import type { Op, Result, Store } from '../../src/stores/store.ts'

const JOBS = Number(process.argv[2] ?? 50_000)
const GROUPS = 10_000
const BATCH = 100
const ROUNDS = 5

/** Seconds for all jobs through put, reserve and finish, a part of which stands in the queue all the time. */
async function run(store: Store, groups: number): Promise<number> {
  const queue = `default/${groups}` as const
  const commit = async (ops: Op[]): Promise<Result[]> => (await store.commit([{ ops, unsynced: true }])[0]) as Result[]
  await commit([{ do: 'record', key: `queue/${queue}`, value: groups > 0 ? { groups: 'fair' } : {} }])
  const body = Buffer.alloc(100)
  const began = performance.now()
  for (let done = 0, put = 0; done < JOBS;) {
    for (; put < JOBS && put < done + GROUPS + BATCH; put += BATCH)
      await commit(
        Array.from({ length: BATCH }, (_, i) => ({
          do: 'put',
          to: [{ queue }],
          msg: { body, ...(groups > 0 && { group: `customer:${((put + i) * 7919) % groups}` }) },
        })),
      )
    const [taken] = await commit([
      { do: 'reserve', from: [queue], max: BATCH, bytes: 1e9, lease: { session: 'bench' } },
    ])
    if (!taken?.ok || taken.do !== 'reserve') throw new Error('there is nothing to reserve')
    await commit(taken.jobs.map(({ id, n }) => ({ do: 'finish', job: { id, n } })))
    done += taken.jobs.length
  }
  return (performance.now() - began) / 1000
}

const folder = await mkdtemp(join(tmpdir(), 'queueup-fair-'))
const kinds = {
  memory: () => Promise.resolve(openMemory()),
  file: (n: number) => openSqlite({ path: join(folder, `${n}.db`), durability: 'relaxed' }),
}
for (const [name, open] of Object.entries(kinds)) {
  const best = new Map([
    [0, Infinity],
    [GROUPS, Infinity],
  ])
  for (let round = 0; round < ROUNDS; round++)
    for (const groups of best.keys()) {
      const store = await open(round * 2 + (groups > 0 ? 1 : 0))
      best.set(groups, Math.min(best.get(groups) as number, await run(store, groups)))
      await store.close()
    }
  const [none, fair] = [...best.values()].map((seconds) => Math.round(JOBS / seconds / 1000)) as [number, number]
  console.log(
    `${name}: ${none} k/s without groups, ${fair} k/s with ${GROUPS} fair groups: ${(none / fair).toFixed(2)} times`,
  )
}
await rm(folder, { recursive: true })
