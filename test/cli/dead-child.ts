/** Lists, searches and redrives dead letters by hundreds, and says what was there and how far its memory grew: node dead-child.ts FILE QUEUE WORD */
import { openTarget } from '../../src/cli/open-target.ts'
import { open, defineJobs, type JobInfo } from '../../src/index.ts'

const [, , file = '', queue = '', word = ''] = process.argv
const HUNDRED = 100
const url = `file:${file}`
const jobs = await open(url, { jobs: defineJobs({}) })
const target = await openTarget(url)

/** Megabytes of JavaScript and of bodies, at their peak; SQLite has a cache of a fixed size. */
let peak = 0
function look(): number {
  const { heapUsed, external } = process.memoryUsage()
  const used = Math.round((heapUsed + external) / 2 ** 20)
  peak = Math.max(peak, used)
  return used
}

/** All pages of those that match. */
async function pages(match?: string): Promise<number> {
  const seen = new Set<string>()
  let after: string | undefined
  do {
    const page: { jobs: JobInfo[]; after?: string } = await jobs.list(
      { queue, ...(match !== undefined && { match }) },
      { limit: HUNDRED, ...(after !== undefined && { after }) },
    )
    for (const { id } of page.jobs) seen.add(id)
    after = page.after
    look()
  } while (after !== undefined)
  return seen.size
}

await target.dead({ queue }, HUNDRED)
const before = look()
const queues = await target.deadQueues()
const all = await pages()
const found = await pages(word)
const few = (await target.dead({ queue, match: word }, HUNDRED)).length
const matching = await target.redrive({ queue, match: word }, HUNDRED)
const slices: number[] = []
for (
  let moved = await target.redrive({ queue }, HUNDRED);
  moved > 0;
  moved = await target.redrive({ queue }, HUNDRED)
) {
  slices.push(moved)
  look()
}
await target.close()
await jobs.close()
process.stdout.write(JSON.stringify({ queues, all, found, few, matching, slices, grown: peak - before }))
