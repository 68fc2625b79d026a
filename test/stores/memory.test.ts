import { openMemory } from '../../src/stores/memory/index.ts'
import { storeContract } from '../contract/store-contract.ts'

storeContract({
  name: 'memory',
  open: (clock) =>
    Promise.resolve({ open: () => Promise.resolve(openMemory({ clock })), remove: () => Promise.resolve() }),
})
