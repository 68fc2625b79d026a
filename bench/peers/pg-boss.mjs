/** pg-boss on PostgreSQL, fetching and completing by a thousand. */
import { PgBoss } from 'pg-boss'

export async function openPeer({ connectionString, size = 1000 }) {
  const boss = new PgBoss({ connectionString, max: 10 })
  boss.on('error', (error) => console.error(error.message))
  await boss.start()
  await boss.createQueue('bench')
  let working
  let stopped = false
  return {
    put: (args) => boss.send('bench', args),
    putMany: (many) =>
      boss.insert(
        'bench',
        many.map((data) => ({ data })),
      ),
    work(_concurrency, handler) {
      working = (async () => {
        while (!stopped) {
          const jobs = await boss.fetch('bench', { batchSize: size })
          if (jobs.length === 0) {
            await new Promise((resolve) => setTimeout(resolve, 500))
            continue
          }
          for (const { data } of jobs) await handler(data)
          await boss.complete(
            'bench',
            jobs.map(({ id }) => id),
          )
        }
      })()
    },
    async stop() {
      stopped = true
      await working
    },
    close: () => boss.stop({ graceful: false }),
  }
}
