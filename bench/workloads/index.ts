import { w7 } from './w7.ts'
import type { Workload } from './workload.ts'

export const workloads: readonly Workload[] = [...w7]
