import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Follower } from '../../src/broker/broker.ts'
import { UnavailableError } from '../../src/errors.ts'
import type { StoreEvent } from '../../src/stores/store.ts'
import { open, settle } from './open.ts'

const event = (id: number): StoreEvent => ({ type: 'put', id, queue: 'default/a', time: 0 })

/** Up to and with that event. */
async function hear(follower: Follower, last: number): Promise<{ ids: number[]; missed: number }> {
  const ids: number[] = []
  let missed = 0
  while (ids.at(-1) !== last) {
    const page = await follower.next(500)
    assert.ok(page)
    ids.push(...page.events.map(({ id }) => id))
    missed += page.missed
  }
  return { ids, missed }
}

describe('who follows', () => {
  it('hears of no more than can wait to be told, and how many were too many', async () => {
    const { session, store } = await open()
    const one = session()
    const follower = await session().follow()
    let answer = () => {}
    store.gate = new Promise((resolve) => (answer = resolve))
    one.tell(event(1))
    await settle()
    for (let id = 2; id <= 2501; id++) one.tell(event(id))
    store.gate = undefined
    answer()
    const { ids, missed } = await hear(follower, 2501)
    assert.deepEqual([ids.slice(0, 2), ids.length, missed], [[1, 1502], 1001, 1500])
  })

  it('hears of jobs of its own tenant only', async () => {
    const { broker, session } = await open()
    const stranger = await broker.session({ protocol: 'test', tenant: 'other', principal: 'x' }).follow()
    const follower = await session().follow()
    for (let id = 1; id <= 3; id++) session().tell({ ...event(id), queue: id === 3 ? 'other/a' : 'default/a' })
    assert.deepEqual(await hear(follower, 2), { ids: [1, 2], missed: 0 })
    assert.deepEqual(await hear(stranger, 3), { ids: [3], missed: 0 })
  })

  it('hears how many could not be told, while the store was unavailable', async () => {
    const { session, store } = await open()
    const one = session()
    const follower = await session().follow()
    for (let id = 1; id <= 1200; id++) {
      if (id === 1) store.errors.push(new UnavailableError('locked'), new UnavailableError('locked'))
      one.tell(event(id))
    }
    await settle()
    one.tell(event(1201))
    await settle()
    one.tell(event(1202))
    assert.deepEqual(await hear(follower, 1202), { ids: [1202], missed: 1201 })
  })
})
