import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBroker } from '../../src/broker/store-broker.ts'
import { openStore } from '../../src/registry.ts'
import { BrokerTransport } from '../../src/transports/broker.ts'
import { transportContract } from '../contract/transport-contract.ts'

async function open(url: string): Promise<BrokerTransport> {
  const store = await openStore(url)
  return new BrokerTransport(createBroker({ store }), store, url.slice(0, url.indexOf(':') + 1))
}

transportContract({
  name: 'our own broker on memory:',
  serve: () => Promise.resolve({ open: () => open('memory:'), shares: false, close: () => Promise.resolve() }),
})

transportContract({
  name: 'our own broker on file:',
  serve() {
    const folder = mkdtempSync(join(tmpdir(), 'queueup-'))
    return Promise.resolve({
      open: () => open(`file:${join(folder, 'jobs.db')}`),
      shares: true,
      close() {
        rmSync(folder, { recursive: true })
        return Promise.resolve()
      },
    })
  },
})
