/**
 * A process that does with a file what its parent tells it, and tells what came of it: node worker.ts FILE [lying]
 * The parent, which isn't killed, writes down what was asked and answered.
 */
import { createBroker } from '../../src/broker/store-broker.ts'
import type { Queue, Reserved } from '../../src/job.ts'
import { openStore } from '../../src/registry.ts'

export type Order =
  | { put: string; queue?: Queue }
  | { take: number }
  | { finish: { id: number; n: number } }
  | { wait: number }
  | { hold: number }
  | { end: true }
export type Report =
  | { ready: true }
  | { put: string; id: number | undefined; error?: string }
  | { took: { id: number; n: number; key: string; reserves: number }[]; error?: string }
  | { finished: number; ok: boolean; why?: string; error?: string }
  | { delivered: number; key: string }

const [, , file = '', mode] = process.argv
const queue: Queue = 'default/work'
const store = await openStore(`file:${file}`)
const broker = createBroker({ store, slowPoll: false })
const session = broker.session({ protocol: 'test', tenant: 'default', principal: 'test' })
const say = (report: Report): void => void process.send?.(report)
const shown = (jobs: readonly Reserved[]) =>
  jobs.map(({ id, n, body, reserves }) => ({ id, n, key: Buffer.from(body).toString(), reserves }))

process.on('message', (order: Order) => void obey(order))
say({ ready: true })

async function obey(order: Order): Promise<void> {
  if ('put' in order) {
    if (mode === 'lying') {
      // What a harness must find: an answer before the disk has it.
      say({ put: order.put, id: -1 })
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
    await put(order.put, order.queue ?? queue)
  } else if ('take' in order) await take(order.take)
  else if ('finish' in order) await finish(order.finish)
  else if ('wait' in order) wait(order.wait)
  else if ('hold' in order) await hold(order.hold)
  else {
    await broker.close()
    process.disconnect()
  }
}

async function put(key: string, queue: Queue): Promise<void> {
  try {
    const [result] = await session.commit({
      ops: [{ do: 'put', to: [{ queue, create: true }], msg: { body: Buffer.from(key) } }],
    })
    const id = result?.ok && result.do === 'put' && result.per[0]?.ok ? result.per[0].id : undefined
    if (mode !== 'lying') say({ put: key, id })
  } catch (error) {
    say({ put: key, id: undefined, error: (error as Error).message })
  }
}

async function take(max: number): Promise<void> {
  try {
    const [result] = await session.commit({
      ops: [{ do: 'reserve', from: [queue], max, bytes: 1e9, lease: { ms: 600_000, session: session.id } }],
      unsynced: true,
    })
    say({ took: result?.ok && result.do === 'reserve' ? shown(result.jobs) : [] })
  } catch (error) {
    say({ took: [], error: (error as Error).message })
  }
}

async function finish(job: { id: number; n: number }): Promise<void> {
  try {
    const [result] = await session.commit({ ops: [{ do: 'finish', job }] })
    say({ finished: job.id, ok: result?.ok === true, ...(result && !result.ok && { why: result.why }) })
  } catch (error) {
    say({ finished: job.id, ok: false, error: (error as Error).message })
  }
}

/** Waits in line for one job, as a protocol's reserve does. */
function wait(race: number): void {
  session.line(
    { queues: [queue], credit: 1, once: true, lease: { ms: 600_000, bound: true } },
    {
      jobs: ([job]) => {
        if (!job) return
        void session.commit({ ops: [{ do: 'finish', job: { id: job.id, n: job.n } }] })
        say({ delivered: race, key: Buffer.from(job.body).toString() })
      },
      end: () => undefined,
    },
  )
}

/** Takes one job and keeps it, for so many milliseconds at the most. */
async function hold(ms: number): Promise<void> {
  const [result] = await session.commit({
    ops: [{ do: 'reserve', from: [queue], max: 1, bytes: 1e9, lease: { ms, session: session.id } }],
  })
  say({ took: result?.ok && result.do === 'reserve' ? shown(result.jobs) : [] })
}
