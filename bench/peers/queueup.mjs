/** Queueup on a file, as it comes; or over whatever URL is given. */
import { defineJobs, job, open } from '../../src/index.ts'

const jobs = defineJobs({
  sendMail: job(),
  limited: job({
    queue: 'limited',
    limits: [
      { name: 'customer', concurrency: 50, key: ({ n }) => `customer${n % 100}` },
      { name: 'all', rate: [1_000_000, '1s'] },
    ],
  }),
})

/** @returns a peer: jobs.mjs says what each can do */
export async function openPeer({ url, name = 'sendMail', groups }) {
  const queue = await open(url, { jobs })
  let worker
  let n = 0
  const optionsOf = groups ? () => ({ group: `g${n++ % groups}` }) : () => undefined
  return {
    put: (args) => queue.put(name, args, optionsOf()),
    putMany: (many) =>
      groups ? queue.putAll(many.map((args) => [name, args, optionsOf()])) : queue.putMany(name, many),
    work(concurrency, handler) {
      worker = queue.work({ [name]: ({ args }) => handler(args) }, { concurrency })
    },
    stop: () => worker.stop(),
    close: () => queue.close(),
  }
}
