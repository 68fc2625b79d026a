import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Heap } from '../src/heap.ts'

test('a heap knows its members in order, whichever of them is taken out', () => {
  // An even number goes in; an odd one says which member leaves, so that it is any of them.
  fc.assert(
    fc.property(fc.array(fc.nat(500), { maxLength: 80 }), (steps) => {
      const heap = new Heap<{ at: number; slot: number }>((a, b) => a.at < b.at)
      let members: { at: number; slot: number }[] = []
      for (const step of steps) {
        const leaver = members[step % Math.max(1, members.length)]
        if (step % 2 === 0 || !leaver) {
          const item = { at: step, slot: -1 }
          members.push(item)
          heap.push(item)
        } else {
          members = members.filter((member) => member !== leaver)
          heap.remove(leaver)
          assert.equal(leaver.slot, -1)
        }
        const sorted = members.map(({ at }) => at).sort((a, b) => a - b)
        assert.deepEqual([heap.size, heap.first?.at], [sorted.length, sorted[0]])
        assert.deepEqual(
          [...heap.inOrder()].map(({ at }) => at),
          sorted,
        )
        assert.deepEqual(
          heap.smallest(3, ({ at }) => at > 100).map(({ at }) => at),
          sorted.filter((at) => at > 100).slice(0, 3),
        )
      }
      heap.clear()
      assert.ok(members.every(({ slot }) => slot === -1) && heap.size === 0)
    }),
  )
})
