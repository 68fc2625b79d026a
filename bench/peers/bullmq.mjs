/** BullMQ on Redis. Finished jobs are removed, as Queueup does by default. */
import { Queue, Worker } from 'bullmq'

export async function openPeer({ port }) {
  const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null }
  const defaultJobOptions = { removeOnComplete: true, attempts: 6, backoff: { type: 'exponential', delay: 1000 } }
  const queue = new Queue('bench', { connection, defaultJobOptions })
  await queue.waitUntilReady()
  let worker
  return {
    put: (args) => queue.add('sendMail', args),
    putMany: (many) => queue.addBulk(many.map((data) => ({ name: 'sendMail', data }))),
    work(concurrency, handler) {
      worker = new Worker('bench', async ({ data }) => handler(data), { connection, concurrency })
    },
    stop: () => worker.close(),
    async close() {
      await queue.close()
    },
  }
}
