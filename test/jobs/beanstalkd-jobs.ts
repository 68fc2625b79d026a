import { defineJobs, job } from '../../src/index.ts'

export const jobs = defineJobs({
  mail: job<{ to: string }>(),
  newer: job({ queue: 'mail' }),
  limited: job({ limits: [{ concurrency: 1 }] }),
  answers: job({ result: true }),
  patient: job({ retries: 3 }),
})
