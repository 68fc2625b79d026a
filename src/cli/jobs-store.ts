import type { Jobs } from '../jobs/definition.ts'
import type { JobQueue } from '../jobs/queue.ts'
import { open } from '../open.ts'
import { storeOf, type StoreFlag } from './store-flag.ts'

/** The store of the flag as a queue of these jobs. To be closed by whoever asked for it. */
export function openJobs<J extends Jobs>(flags: StoreFlag, jobs: J): Promise<JobQueue<J>> {
  return open(storeOf(flags), { jobs })
}
