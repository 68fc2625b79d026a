import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { IdMap } from '../src/id-map.ts'

describe('a map by ids', () => {
  it('has what a Map would have, as values come and go', () => {
    // Of the same last 32 bits: they belong to one place.
    const id = fc
      .record({ low: fc.integer({ min: 1, max: 30 }), high: fc.integer({ min: 0, max: 3 }) })
      .map(({ low, high }) => high * 2 ** 32 + low)
    const step = fc.record({ what: fc.constantFrom('set', 'set', 'delete', 'get'), id })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
        const map = new IdMap<{ id: number }>()
        const model = new Map<number, { id: number }>()
        for (const { what, id } of steps) {
          if (what === 'set') {
            const value = { id }
            map.set(value)
            model.set(id, value)
          } else if (what === 'delete') assert.equal(map.delete(id), model.delete(id))
          else assert.equal(map.get(id), model.get(id))
        }
        assert.equal(map.size, model.size)
        for (const [id, value] of model) assert.equal(map.get(id), value)
        assert.deepEqual(new Set(map), new Set(model.values()))
      }),
    )
  })

  it('finds each of a hundred thousand, and of those that are left', () => {
    const map = new IdMap<{ id: number }>()
    for (let id = 1; id <= 100_000; id++) map.set({ id })
    for (let id = 1; id <= 100_000; id++) if (id % 1000 !== 0) assert.equal(map.delete(id), true)
    assert.deepEqual(
      [...map].map(({ id }) => id).sort((a, b) => a - b),
      Array.from({ length: 100 }, (_, i) => (i + 1) * 1000),
    )
    map.clear()
    assert.deepEqual([map.size, map.get(1000), [...map]], [0, undefined, []])
  })
})
