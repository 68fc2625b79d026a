import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Receipts } from '../../../src/protocols/sqs/receipt.ts'
import { SqsError } from '../../../src/protocols/sqs/sqs-error.ts'
import { openKept, type Kept } from '../../access/kept.ts'

describe('a receipt handle', () => {
  let kept: Kept
  let receipts: Receipts
  const open = (): Promise<Receipts> =>
    Receipts.open(kept.broker, kept.broker.session({ protocol: 'sqs', tenant: 'default', principal: 'sqs' }))

  before(async () => {
    kept = await openKept()
    receipts = await open()
  })
  after(() => kept.close())

  const receipt = { id: 2 ** 53 - 1, n: 7, at: 1_767_323_045_678.5 }

  test('says what was received when, to whoever opens the store', async () => {
    const handle = receipts.issue('default/a', receipt)
    assert.match(handle, /^[\w-]+$/)
    assert.deepEqual(receipts.read('default/a', handle), receipt)
    assert.deepEqual((await open()).read('default/a', handle), receipt)
  })

  test('is of one queue, and none with another character in it, more or less', () => {
    const handle = receipts.issue('default/a', receipt)
    const others = [...handle].map((one, i) => handle.slice(0, i) + (one === 'A' ? 'B' : 'A') + handle.slice(i + 1))
    // U+0100 more is the same letter where only its low byte is looked at.
    const wide = [...handle].map(
      (one, i) => handle.slice(0, i) + String.fromCharCode(one.charCodeAt(0) + 256) + handle.slice(i + 1),
    )
    const refused = [
      '',
      'x',
      handle.slice(1),
      handle.slice(0, -1),
      `${handle}A`,
      `${handle}=`,
      `${handle}\n`,
      ...others,
      ...wide,
    ]
    for (const bad of refused) assert.throws(() => receipts.read('default/a', bad), SqsError, bad)
    for (const queue of ['default/b', 'default/', 'default/ab', 'other/a'] as const)
      assert.throws(() => receipts.read(queue, handle), SqsError, queue)
  })
})
