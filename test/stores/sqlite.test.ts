import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import { storeContract } from '../contract/store-contract.ts'

storeContract({
  name: 'file',
  open: async (clock) => {
    const folder = await mkdtemp(join(tmpdir(), 'queueup-contract-'))
    return {
      open: () => openSqlite({ path: join(folder, 'jobs.db'), clock }),
      remove: () => rm(folder, { recursive: true }),
    }
  },
})
