import assert from 'node:assert/strict'
import { test } from 'node:test'
import { First } from '../../../src/stores/memory/first.ts'
import { openMemory } from '../../../src/stores/memory/index.ts'
import type { Look, Op } from '../../../src/stores/store.ts'
import { stepsOf } from './steps.ts'

const ITEMS = 10_000
const LIMIT = 10

test('the first of many are found without sorting all of them', () => {
  const orders: Record<string, (i: number) => number> = {
    'as they come': (i) => i,
    'the last first': (i) => ITEMS - 1 - i,
    mixed: (i) => (i * 7919) % ITEMS,
  }
  for (const [name, at] of Object.entries(orders)) {
    let compared = 0
    const first = new First<number>(LIMIT, (a, b) => {
      compared++
      return a - b
    })
    for (let i = 0; i < ITEMS; i++) first.add(at(i))
    assert.deepEqual(
      first.sorted(),
      Array.from({ length: LIMIT }, (_, i) => i),
    )
    // An order of all takes about log2(10,000) = 13 for each.
    assert.ok(compared < 8 * ITEMS, `${name}: ${compared} compared`)
  }
  assert.deepEqual(new First<number>(LIMIT, (a, b) => a - b).sorted(), [])
})

test('a page of jobs of several states sorts no more than a few of them', async () => {
  const store = openMemory()
  const queue = 'default/mail'
  const put = (at?: number): Op => ({
    do: 'put',
    to: [{ queue, create: true, ...(at !== undefined && { at }) }],
    msg: { body: Buffer.from('x') },
  })
  await store.commit([
    { ops: Array.from({ length: ITEMS }, (_, i) => put(i % 2 ? store.now() + 60_000 : undefined)) },
  ])[0]
  const page: Look = { where: { queue, states: ['ready', 'delayed'] }, order: 'id', limit: LIMIT, after: '5000' }
  let found: ReturnType<typeof store.look> | undefined
  const steps = stepsOf(() => (found = store.look(page)))
  assert.deepEqual(
    (await found)?.jobs.map(({ id }) => id),
    Array.from({ length: LIMIT }, (_, i) => 5001 + i),
  )
  assert.ok(steps < ITEMS / 10, `${steps} of ${ITEMS}`)
})
