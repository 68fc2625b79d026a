import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { InvalidArgumentError } from '../errors.ts'
import { defineJobs, job } from '../jobs/definition.ts'
import { open } from '../open.ts'
import { print } from './output.ts'
import { wholeNumber } from './store-flag.ts'

interface Flags {
  folder?: string
  jobs: string
  concurrency: string
  durability: string
  json?: boolean
}

interface Figures {
  /** Jobs a second. */
  put: number
  putMany: number
  work: number
}

const PAYLOAD = { mail_type: 'welcome', mail_to: 'ada@example.com' }
/** Jobs of one putMany. */
const BATCH = 500

export function addBench(program: Command): void {
  program
    .command('bench')
    .description('measure how fast this machine puts and works jobs, on a store that is deleted afterwards')
    .option('--folder <path>', 'where; the disk under it is what is measured (default: the folder for temporary files)')
    .option('--jobs <number>', 'how many', '10000')
    .option('--concurrency <number>', 'puts in flight, and attempts at a time', '100')
    .option('--durability <when>', 'full or relaxed', 'full')
    .option('--json', 'as JSON')
    .action(async (flags: Flags) => {
      const jobs = wholeNumber(flags.jobs, '--jobs', 10_000_000)
      const concurrency = wholeNumber(flags.concurrency, '--concurrency', 100_000)
      const { durability } = flags
      if (jobs < 1 || concurrency < 1) throw new InvalidArgumentError('--jobs and --concurrency are from 1 on.')
      if (durability !== 'full' && durability !== 'relaxed')
        throw new InvalidArgumentError(`--durability is '${durability}'; it takes full or relaxed.`)
      const parent = resolve(flags.folder ?? tmpdir())
      const folder = await mkdtemp(join(parent, 'queueup-bench-'))
      const remove = () => rmSync(folder, { recursive: true, force: true })
      // The second time it ends the process, as by default.
      const ended = (signal: NodeJS.Signals) => {
        remove()
        process.kill(process.pid, signal)
      }
      process.once('SIGINT', ended).once('SIGTERM', ended)
      try {
        const figures = await measure(join(folder, 'bench.db'), jobs, concurrency, durability)
        if (flags.json) return print(JSON.stringify({ ...figures, jobs, concurrency, durability, folder: parent }))
        print(`put       ${rate(figures.put)}  one call each, ${concurrency} in flight, ${jobs} jobs`)
        print(`putMany   ${rate(figures.putMany)}  ${BATCH} a call, one call at a time`)
        print(`work      ${rate(figures.work)}  an empty handler, ${concurrency} at a time, until the last is done`)
        print('')
        print(
          durability === 'full'
            ? `Each put and each outcome was on the disk of ${parent} before it was answered.`
            : `On ${parent}, without waiting for the disk.`,
        )
        print(
          `One process, Node.js ${process.version}, ${availableParallelism()} cores. A folder in memory says nothing of a disk: --folder names another.`,
        )
      } finally {
        remove()
      }
    })
}

function rate(jobsPerSecond: number): string {
  return `${Math.round(jobsPerSecond).toLocaleString('en')} jobs/s`.padStart(16)
}

async function measure(
  path: string,
  count: number,
  concurrency: number,
  durability: 'full' | 'relaxed',
): Promise<Figures> {
  const queue = await open(`file:${path}`, { jobs: defineJobs({ bench: job<typeof PAYLOAD>() }), durability })
  try {
    const put = await timed(count, async () => {
      let left = count
      const putter = async () => {
        while (left-- > 0) await queue.put('bench', PAYLOAD)
      }
      await Promise.all(Array.from({ length: Math.min(concurrency, count) }, putter))
    })
    const putMany = await timed(count, async () => {
      for (let left = count; left > 0; left -= BATCH)
        await queue.putMany('bench', new Array<typeof PAYLOAD>(Math.min(BATCH, left)).fill(PAYLOAD))
    })
    const work = await timed(2 * count, async () => {
      const worker = queue.work({ bench: () => undefined }, { concurrency })
      await queue.drained('bench')
      await worker.stop()
    })
    return { put, putMany, work }
  } finally {
    await queue.close()
  }
}

async function timed(jobs: number, run: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await run()
  return (jobs * 1000) / (performance.now() - start)
}
