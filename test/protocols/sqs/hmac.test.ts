import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { HmacKey } from '../../../src/protocols/sqs/hmac.ts'

test("HMAC-SHA-256 in two hashes is Node's own, whatever is signed, and a long text leaves nothing behind for the next", () => {
  for (const size of [0, 1, 32, 64]) {
    const key = randomBytes(size)
    const ours = new HmacKey(key)
    for (const text of ['', 'a', '\u00e4\u20ac\u{1f600}', 'x'.repeat(300), 'x'.repeat(2000), '\u20ac'.repeat(342), 'b'])
      assert.equal(ours.sign(text), createHmac('sha256', key).update(text).digest('hex'), `${size} ${text.length}`)
  }
})
