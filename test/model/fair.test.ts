/** Random calls of fair queues: every store gives each job the same turn. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import type { Queue, QueuePolicy, State } from '../../src/job.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import type { Op, Result, Store } from '../../src/stores/store.ts'
import { ManualClock } from '../../src/testing/clock.ts'
import { learn, queues, step, type Step, type World } from './commands.ts'
import { check } from './seeds.ts'

const states: State[] = ['ready', 'delayed', 'waiting', 'reserved', 'buried']
const folder = await mkdtemp(join(tmpdir(), 'queueup-fair-'))
after(() => rm(folder, { recursive: true }))
let files = 0

/** A store, and what its answers told so far: fences are each store's own. */
class Side {
  readonly store: Store
  readonly world: World = { now: 0, lastId: 0, fences: new Map() }

  constructor(store: Store) {
    this.store = store
  }

  async commit(step: Extract<Step, { unit: unknown }>, now: number): Promise<unknown> {
    this.world.now = now
    const ops = step.unit.map((draft) => fair(draft(this.world)))
    const results = (await this.store.commit([{ ops, refused: step.refused }])[0]) as Result[]
    learn(this.world, results)
    return results.map(told)
  }

  /** Every job with its state and its place. */
  async seen(): Promise<unknown> {
    const all = []
    for (const queue of queues)
      for (const state of states) {
        const { jobs } = await this.store.look({ where: { queue, states: [state] }, order: 'take', limit: 1000 })
        for (const { id, state, pri, rank, group } of jobs) all.push({ id, queue, state, pri, rank, group })
      }
    return all
  }
}

/** Policies of all queues but one are fair, and most jobs are in one of them, of two priorities: so that groups have many. */
function fair(op: Op): Op {
  if (op.do === 'put') {
    const { unique: _, ...msg } = op.msg
    const to = op.to.map(({ pri, ...target }) => ({ ...target, queue: busy(target.queue), ...(pri === 5 && { pri }) }))
    return { ...op, msg, to }
  }
  if (op.do === 'reserve' && typeof op.from !== 'number') return { ...op, from: [...new Set(op.from.map(busy))] }
  if (op.do !== 'record' || !op.key.startsWith('queue/') || op.key.endsWith('/c')) return op
  const { delay, backoff } = (op.value ?? {}) as QueuePolicy
  return { ...op, value: { groups: 'fair', ...(delay && { delay }), ...(backoff && { backoff }) } }
}

function busy(queue: Queue): Queue {
  return queue === 'default/c' ? queue : 'default/a'
}

function told(result: Result): unknown {
  if (!result.ok) return result.why
  if (result.do === 'reserve') return result.jobs.map(({ id, rank, group }) => ({ id, rank, group }))
  if (result.do === 'put' || result.do === 'forward') return result.per
  return result.do
}

async function play(steps: readonly Step[]): Promise<void> {
  const clock = new ManualClock()
  const path = join(folder, `${++files}.db`)
  const sides = [new Side(openMemory({ clock })), new Side(await openSqlite({ path, clock, durability: 'relaxed' }))]
  const all = <T>(run: (side: Side) => Promise<T>): Promise<T[]> => Promise.all(sides.map(run))
  const log: string[] = []
  try {
    for (const queue of queues)
      await all(
        ({ store }) =>
          store.commit([{ ops: [fair({ do: 'record', key: `queue/${queue}`, value: {} })] }])[0] as Promise<unknown>,
      )
    for (const step of steps) {
      if ('reopen' in step) continue
      if ('move' in step) clock.move(step.move)
      else {
        const [one, other] = await all((side) => side.commit(step, clock.now()))
        log.push(JSON.stringify(one))
        assert.deepEqual(other, one, log.join('\n'))
      }
      for (let i = 0; i < 3; i++) await all(({ store }) => store.commit([{ ops: [] }])[0] as Promise<unknown>)
      const [one, other] = await all((side) => side.seen())
      assert.deepEqual(other, one, log.join('\n'))
    }
  } finally {
    await all(({ store }) => store.close())
    await rm(path, { force: true })
  }
}

test('turns are the same in memory and in a file, whatever is asked', { timeout: 600_000 }, () =>
  check('fair', fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }), play), 60),
)
