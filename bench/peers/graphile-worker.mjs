/** graphile-worker on PostgreSQL, with its local queue and batched completion for a load; without them for latency, as its documentation advises. */
import { Logger, makeWorkerUtils, run } from 'graphile-worker'
import pg from 'pg'

const quiet = new Logger(() => () => undefined)

export async function openPeer({ connectionString, latency = false }) {
  const pool = new pg.Pool({ connectionString, max: 20 })
  const utils = await makeWorkerUtils({ pgPool: pool, logger: quiet })
  await utils.migrate()
  let runner
  return {
    put: (args) => utils.addJob('sendMail', args),
    putMany: (many) => utils.addJobs(many.map((payload) => ({ identifier: 'sendMail', payload }))),
    async work(concurrency, handler) {
      runner = await run({
        pgPool: pool,
        logger: quiet,
        concurrency,
        noHandleSignals: true,
        taskList: { sendMail: (payload) => handler(payload) },
        ...(!latency && {
          preset: {
            worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
          },
        }),
      })
    },
    stop: () => runner.stop(),
    async close() {
      await utils.release()
      await pool.end()
    },
  }
}
