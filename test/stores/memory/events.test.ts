import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EVENTS } from '../../../src/stores/machine/tell.ts'
import { Ring } from '../../../src/stores/memory/events.ts'
import type { StoreEvent } from '../../../src/stores/store.ts'
import { stepsOf } from './steps.ts'

const event: StoreEvent = { type: 'put', id: 1, queue: 'default/mail', time: 1 }
const TOLD = 1000

test('an event that is told, and read by one who follows, costs no look at all that are kept', () => {
  const ring = new Ring(() => undefined)
  ring.add(Array<StoreEvent>(EVENTS).fill(event), 0)
  let after = EVENTS
  const steps = stepsOf(() => {
    for (let i = 0; i < TOLD; i++) {
      ring.add([event], 0)
      const { events, last } = ring.read(after, 256)
      assert.equal(events.length, 1)
      after = last
    }
  })
  assert.ok(steps < 10 * TOLD, `${steps} for ${TOLD} events`)
})
