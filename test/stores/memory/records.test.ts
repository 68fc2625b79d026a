import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Records } from '../../../src/stores/memory/records.ts'
import { stepsOf } from './steps.ts'

const QUEUES = 1000

test('who ends, follows or has changed a record passes over none of the others', () => {
  const records = new Records(() => undefined)
  for (let i = 0; i < QUEUES; i++) records.set(`queue/default/${i}`, {}, undefined, undefined)
  const before = records.version
  records.set('follow/1', true, 'session', undefined)
  const asked: Record<string, () => unknown> = {
    'none is of a kind': () => assert.equal(records.any('pause/'), false),
    'one is of a kind': () => assert.equal(records.any('follow/'), true),
    'of a session': () => assert.deepEqual(records.ofSession('session'), ['follow/1']),
    'of another': () => assert.deepEqual(records.ofSession('none'), []),
    'since then': () =>
      assert.deepEqual(
        records.since(before).changed.map(({ key }) => key),
        ['follow/1'],
      ),
  }
  for (const [what, ask] of Object.entries(asked)) {
    const steps = stepsOf(ask)
    assert.ok(steps < 10, `${what}: ${steps} of ${QUEUES}`)
  }
})
