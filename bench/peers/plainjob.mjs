/** plainjob on SQLite, by better-sqlite3. It syncs nothing. */
import Database from 'better-sqlite3'
import { better, defineQueue, defineWorker } from 'plainjob'

const logger = { error: console.error, warn() {}, info() {}, debug() {} }

export async function openPeer({ path }) {
  const queue = defineQueue({ connection: better(new Database(path)), logger })
  let worker
  return {
    put: async (args) => queue.add('sendMail', args),
    putMany: async (many) => queue.addMany('sendMail', many),
    work(_concurrency, handler) {
      worker = defineWorker('sendMail', ({ data }) => handler(JSON.parse(data)), { queue, logger })
      void worker.start()
    },
    stop: () => worker.stop(),
    close: async () => queue.close(),
  }
}
