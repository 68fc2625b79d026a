import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBroker } from '../../src/broker/store-broker.ts'
import { openStore } from '../../src/registry.ts'
import { BrokerTransport } from '../../src/transports/broker.ts'
import { capabilities } from '../../src/transports/beanstalkd/capabilities.ts'
import type { Capabilities } from '../../src/transports/transport.ts'
import { pages } from './pages.ts'

const { text } = pages.find((page) => page.path === 'docs/transports.md') ?? { text: '' }

test('docs/transports.md says what each transport can do', async () => {
  const store = await openStore('memory:')
  const own = new BrokerTransport(createBroker({ store }), store, 'memory:')
  const rows = text
    .split('\n')
    .map((line) => /^\| `(\w+)` +\| (.+?) +\| (.+?) +\|/.exec(line))
    .filter((match) => match !== null)
  assert.deepEqual(
    rows.map(([, name, ours, theirs]) => [name, ours, theirs]),
    (Object.keys(own.capabilities) as (keyof Capabilities)[]).map((name) => [
      name,
      said(own.capabilities[name]),
      said(capabilities[name]),
    ]),
  )
  await own.close()
})

function said(capability: Capabilities[keyof Capabilities]): string {
  if (typeof capability === 'boolean') return capability ? 'yes' : 'no'
  if (typeof capability === 'object') return capability.length === 0 ? 'none' : 'every state'
  return capability === Number.MAX_SAFE_INTEGER ? 'any' : `2^${Math.log2(capability / 1000 + 1)}-1 s`
}
