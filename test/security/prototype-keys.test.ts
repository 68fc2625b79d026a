/** Names that every object has, as keys of whatever comes from outside: they are names as others, or no names, and change nothing. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, describe, test } from 'node:test'
import { parsePermission } from '../../src/access/index.ts'
import { parsePolicy } from '../../src/broker/policies.ts'
import { resolveSettings } from '../../src/cli/settings.ts'
import { toMs, type Duration } from '../../src/duration.ts'
import { openStore } from '../../src/registry.ts'
import { serve } from '../protocols/beanstalkd/served.ts'

const WORDS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']
const folder = mkdtempSync(join(tmpdir(), 'queueup-prototype-'))
after(() => rmSync(folder, { recursive: true }))
afterEach(() => {
  for (const word of ['polluted', 'maxJobs', 'store', 'isAdmin'])
    assert.equal(({} as Record<string, unknown>)[word], undefined)
  assert.deepEqual(Object.keys(Object.prototype), [])
})

describe('a key that every object has', () => {
  test('is no setting, in a file', () => {
    const file = join(folder, 'queueup.json')
    for (const word of WORDS) {
      writeFileSync(file, `{"${word}": {"polluted": true, "store": "memory:"}}`)
      assert.throws(() => resolveSettings({}, file, {}), { code: 'QUEUEUP_INVALID_ARGUMENT', message: /no setting/ })
      writeFileSync(file, `{"queues": {"mail": {"${word}": 1}}}`)
      assert.throws(() => resolveSettings({}, file, {}), { code: 'QUEUEUP_INVALID_ARGUMENT' })
    }
  })

  test('is a queue as any other, in a file', () => {
    const file = join(folder, 'queueup.json')
    for (const word of WORDS) {
      writeFileSync(file, `{"queues": {"${word}": {"max-jobs": 3}}}`)
      assert.deepEqual(Object.entries(resolveSettings({}, file, {}).queues), [[word, { 'max-jobs': 3 }]])
    }
  })

  test('is no setting of a queue, no unit of time, no store, no permission', async () => {
    for (const word of WORDS) {
      assert.throws(() => parsePolicy([`${word}=1`]), { code: 'QUEUEUP_INVALID_ARGUMENT' })
      assert.throws(() => toMs(`1${word}` as Duration, 'x'), { code: 'QUEUEUP_INVALID_ARGUMENT' })
      assert.throws(() => parsePermission(`${word}:*`), { code: 'QUEUEUP_INVALID_ARGUMENT' })
      if (/^[a-z]+$/.test(word)) await assert.rejects(openStore(`${word}:`), { code: 'QUEUEUP_INVALID_ARGUMENT' })
    }
  })

  test('is a tube as any other, for beanstalkd', async (t) => {
    const served = await serve(t)
    for (const word of WORDS.filter((one) => !one.startsWith('_'))) {
      const talk = await served.open()
      assert.equal(await talk.ask(`use ${word}`), `USING ${word}`)
      assert.match((await talk.ask('put 0 0 60 24', '{"__proto__":{"store":1}')) ?? '', /^INSERTED/)
      assert.equal(await talk.ask(`watch ${word}`), 'WATCHING 2')
      assert.match((await talk.ask('reserve')) ?? '', /^RESERVED \d+ 24\r\n\{"__proto__":\{"store":1\}$/)
      assert.match((await talk.ask(`stats-tube ${word}`)) ?? '', /current-jobs-reserved: 1/)
    }
    const talk = await served.open()
    assert.match((await talk.ask('use __proto__')) ?? '', /^(USING __proto__|BAD_FORMAT)$/)
  })
})
