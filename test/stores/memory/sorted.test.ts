import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Where } from '../../../src/job.ts'
import { openMemory } from '../../../src/stores/memory/index.ts'
import { Sorted } from '../../../src/stores/memory/sorted.ts'
import type { Op } from '../../../src/stores/store.ts'

/** The same numbers in the same order in each run. */
function* numbers(seed: number): Generator<number, never> {
  for (;;) yield (seed = (seed * 48_271) % 2_147_483_647)
}

test('values come and go in their order', () => {
  const random = numbers(1)
  const sorted = new Sorted<number, number>((a, b) => a - b)
  let there: number[] = []
  for (const [puts, takes] of [
    [3000, 500],
    [3000, 5500],
    [700, 699],
  ] as const) {
    for (let i = 0; i < puts; i++) {
      const value = random.next().value
      sorted.add(value)
      there.push(value)
    }
    for (let i = 0; i < takes; i++) {
      const [value] = i % 2 === 0 ? [sorted.first as number] : there.slice(random.next().value % there.length)
      sorted.remove(value as number)
      there = there.filter((one) => one !== value)
    }
    there.sort((a, b) => a - b)
    assert.deepEqual([...sorted.from()], there)
    assert.equal(sorted.first, there[0])
    for (const [i, value] of there.entries()) {
      assert.equal(sorted.from(value).next().value, there[i + 1])
      assert.equal(sorted.from(value - 0.5).next().value, value)
    }
  }
})

test('nothing but a search by halves is done for any of many', () => {
  let compared = 0
  const sorted = new Sorted<number, number>((a, b) => {
    compared++
    return a - b
  })
  const steps = (run: () => void) => {
    compared = 0
    run()
    return compared
  }
  const MANY = 100_000
  assert.ok(steps(() => Array.from({ length: MANY }, (_, i) => sorted.add(i))) <= MANY, 'put in at the end')
  // log2(100,000) is 17.
  for (const at of [0, 1, 511, 512, 50_000, 99_999]) {
    assert.ok(steps(() => sorted.from(at).next()) < 22, `from ${at}: ${compared} compared`)
    assert.ok(steps(() => sorted.remove(at)) < 22, `without ${at}: ${compared} compared`)
    assert.ok(steps(() => sorted.add(at)) < 22, `with ${at}: ${compared} compared`)
  }
  assert.equal(
    steps(() => {
      while (sorted.first !== undefined) sorted.remove(sorted.first)
    }),
    0,
    'the first taken out',
  )
})

test('each page of a long list costs as much as the first', async () => {
  const store = openMemory()
  const queue = 'default/mail'
  const put: Op = { do: 'put', to: [{ queue, create: true }], msg: { body: Buffer.from('x') } }
  for (let i = 0; i < 10; i++) await store.commit([{ ops: Array<Op>(1000).fill(put) }])[0]
  let looked = 0
  const where: Where = {
    queue,
    states: ['ready'],
    get match() {
      looked++
      return 'x'
    },
  }
  const begin = await store.look({ where: { queue, states: ['ready'] }, limit: 9000 })
  const { jobs } = await store.look({ where, limit: 10, after: begin.after as string })
  assert.deepEqual([jobs[0]?.id, jobs.length], [9001, 10])
  assert.ok(looked < 20, `${looked} looked at`)
  await store.close()
})
