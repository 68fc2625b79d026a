import { growth } from './growth.ts'
import { processes } from './processes.ts'
import { stores } from './stores.ts'
import { w7 } from './w7.ts'
import type { Workload } from './workload.ts'

export const workloads: readonly Workload[] = [...w7, stores, growth, processes]
