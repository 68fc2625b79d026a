/** Both stores that run in our process, under the same random calls: whatever one answers, the other answers, too. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { openMemory } from '../../src/stores/memory/index.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import type { Result, Store, Unit } from '../../src/stores/store.ts'
import { ManualClock } from '../../src/testing/clock.ts'
import { learn, mixedStep, type Step, type World } from './commands.ts'
import { check } from './seeds.ts'

const folder = await mkdtemp(join(tmpdir(), 'queueup-alike-'))
after(() => rm(folder, { recursive: true }))

const UNUSED = 60_000

let runs = 0
async function play(steps: Step[]): Promise<void> {
  const clock = new ManualClock()
  const path = join(folder, `${++runs}.db`)
  const stores: Store[] = [openMemory({ clock }), await openSqlite({ path, clock, durability: 'relaxed' })]
  const w: World = { now: clock.now(), lastId: 0, fences: new Map() }
  try {
    for (const step of steps) {
      // What is in memory is gone with its store.
      if ('reopen' in step) continue
      if ('move' in step) {
        clock.move(step.move)
        // The next commit forgets queues that nobody used for so long; whether a look brings one about is each store's own.
        if (step.move >= UNUSED) for (const store of stores) void store.commit([])
      } else {
        w.now = clock.now()
        const unit: Unit = { ops: step.unit.map((draft) => draft(w)), refused: step.refused }
        const answers = await Promise.all(stores.map((store) => store.commit([unit])[0] as Promise<Result[]>))
        assert.deepEqual(plain(answers[1]), plain(answers[0]), `after ${JSON.stringify(unit)}`)
        learn(w, answers[0] as Result[])
      }
      await alike(stores, w)
    }
  } finally {
    await Promise.all(stores.map((store) => store.close()))
    await rm(path)
  }
}

async function alike(stores: Store[], w: World): Promise<void> {
  const seen = await Promise.all(
    stores.map(async (store) => ({
      stats: (await store.stats()).sort((a, b) => a.queue.localeCompare(b.queue)),
      jobs: (
        await Promise.all(
          Array.from({ length: w.lastId }, (_, i) => store.look({ id: i + 1, limit: 1, with: ['body'] })),
        )
      ).map(({ jobs }) => jobs.filter((job) => job.state !== 'finished')),
      records: (({ version: _, changed, deleted }) => ({
        changed: changed.sort((a, b) => a.key.localeCompare(b.key)),
        deleted,
      }))(await store.records(0)),
    })),
  )
  assert.deepEqual(plain(seen[1]), plain(seen[0]))
}

/** Bodies as text, so that a Buffer and a Uint8Array of the same bytes are the same; without `next`, which is a bound that each store keeps in its own way. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, one: unknown) =>
      key === 'next'
        ? undefined
        : one instanceof Uint8Array
          ? Buffer.from(one).toString()
          : isBuffer(one)
            ? Buffer.from(one.data).toString()
            : one,
    ),
  )
}

function isBuffer(value: unknown): value is { type: 'Buffer'; data: number[] } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer'
}

test('memory and file answer alike, whatever is asked', { timeout: 600_000 }, () =>
  check('alike', fc.asyncProperty(fc.array(mixedStep, { minLength: 1, maxLength: 40, size: 'max' }), play), 150),
)
