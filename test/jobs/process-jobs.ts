import { defineJobs, job } from '../../src/index.ts'

export const jobs = defineJobs({
  /** Ends the process that works it. */
  exit: job({ retries: 10, maxStarts: 3 }),
  /** Waits for its signal. */
  wait: job<{ n: number }>(),
  add: job<{ a: number; b: number }, number>({ result: true }),
})
