import type { Broker } from '../../src/broker/broker.ts'
import { createBroker } from '../../src/broker/store-broker.ts'
import { Access, Users } from '../../src/access/index.ts'
import { openMemory } from '../../src/stores/memory/index.ts'
import type { Store } from '../../src/stores/store.ts'

/** Users in a store in memory, and what a server of it knows of them. */
export interface Kept {
  store: Store
  broker: Broker
  users: Users
  access: Access
  close(): Promise<void>
}

export async function openKept(passphrase?: string): Promise<Kept> {
  const store = openMemory()
  const broker = createBroker({ store })
  const access = await Access.open(broker.records, passphrase)
  return { store, broker, users: new Users(store, passphrase), access, close: () => broker.close() }
}
