import { growth } from './growth.ts'
import { jobs } from './jobs.ts'
import { limits } from './limits.ts'
import { processes } from './processes.ts'
import { sqs } from './sqs.ts'
import { sqsPolls } from './sqs-polls.ts'
import { stores } from './stores.ts'
import { w7 } from './w7.ts'
import type { Workload } from './workload.ts'

export const workloads: readonly Workload[] = [...w7, stores, growth, limits, processes, ...jobs, ...sqs, sqsPolls]
