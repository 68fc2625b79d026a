/**
 * The jobs API over a transport: puts by the thousand, one by one, and a drain. node bench/programs/wire.ts URL [JOBS]
 * One line of JSON: operations a second.
 */
import { defineJobs, job, open } from '../../src/index.ts'

const [, , url = 'memory:', jobs = '20000'] = process.argv
const JOBS = Number(jobs)
const SLICE = 1000

const queue = await open(url, { jobs: defineJobs({ work: job<{ i: number }>() }) })
queue.on('error', ({ error }) => process.stderr.write(`${String(error)}\n`))

const rate = async (count: number, run: () => Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await run()
  return Math.round((count / (performance.now() - start)) * 1000)
}
const putOne = (i: number) => queue.put('work', { i })

const putMany = await rate(JOBS, async () => {
  for (let from = 0; from < JOBS; from += SLICE)
    await queue.putMany(
      'work',
      Array.from({ length: SLICE }, (_, i) => ({ i: from + i })),
    )
})
const drain = await rate(JOBS, async () => {
  let done = 0
  const worker = queue.work(
    {
      work: () => {
        if (++done === JOBS) void worker.stop()
      },
    },
    { concurrency: 100 },
  )
  await worker.done
})
const oneByOne = await rate(SLICE, async () => {
  for (let i = 0; i < SLICE; i++) await putOne(i)
})
const atOnce = await rate(SLICE, () => Promise.all(Array.from({ length: SLICE }, (_, i) => putOne(i))))
await queue.close()
process.stdout.write(`${JSON.stringify({ url, putMany, drain, oneByOne, atOnce })}\n`)
