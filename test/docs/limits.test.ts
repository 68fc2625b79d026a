import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  httpLimits,
  MOST_BODY,
  MOST_BUFFERED,
  MOST_CONNECTIONS,
  MOST_REQUESTS,
  SMALL_BODY,
  TIMEOUTS,
} from '../../src/protocols/sqs/limits.ts'
import { pages } from './pages.ts'

const { text } = pages.find((page) => page.path === 'docs/sqs.md') ?? { text: '' }
const most: Record<string, string | undefined> = {}
for (const [, of = '', limit] of text.matchAll(/^\| (.+?) +\| (.+?) +\| .+? +\|$/gm)) most[of] = limit
const seconds = (ms: number) => `${ms / 1000} seconds`
const mebibytes = (bytes: number) => `${bytes / 2 ** 20} MiB`

test('docs/sqs.md says how much a client may take by default', () => {
  const { handshakeTimeout, headersTimeout, requestTimeout } = httpLimits()
  assert.equal(most['connections'], MOST_CONNECTIONS.toLocaleString('en'))
  assert.deepEqual([handshakeTimeout, headersTimeout], [10_000, 10_000])
  assert.equal(most["a TLS handshake, a request's head"], `${seconds(headersTimeout)} each`)
  assert.equal(
    most['a whole request'],
    `${seconds(requestTimeout)}, ${mebibytes(MOST_BODY)}; more than ${SMALL_BODY / 1024} KiB only with a key`,
  )
  assert.equal(most['requests of one connection at a time'], String(MOST_REQUESTS))
  assert.equal(most['an answer of which nothing is taken'], seconds(TIMEOUTS.untaken))
  assert.equal(most['bodies that are being read, of all'], mebibytes(MOST_BUFFERED))
  assert.equal(most['answers that are not taken yet, of all'], mebibytes(MOST_BUFFERED))
})
