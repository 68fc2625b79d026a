import { defineJobs, job } from '../../src/index.ts'

/** Blocks its thread for so many milliseconds. */
export const jobs = defineJobs({ spin: job<{ ms: number }>() })
