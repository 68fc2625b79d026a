import { defineJobs, job } from '../../src/index.ts'

const terms = { retries: 30, backoff: 5 } as const

/** Jobs for workers that are killed. */
export const jobs = defineJobs({
  free: job<{ deed: string }>(terms),
  grouped: job<{ deed: string }>(terms),
  limited: job<{ deed: string }>({ ...terms, limits: [{ concurrency: 2 }] }),
})
