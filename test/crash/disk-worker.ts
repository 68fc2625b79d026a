/**
 * A process that commits to a file what its parent tells it, and tells what the store answered: node disk-worker.ts FILE [quick]
 *
 * quick: to the store no time passes, so that no load of the machine makes it take the disk for a slow one and sync elsewhere.
 */
import type { QueueupError } from '../../src/errors.ts'
import { openStore } from '../../src/registry.ts'
import type { Result, Unit } from '../../src/stores/store.ts'

export type Order = { no: number; unit: Unit } | { no: number; close: true }
export type Answer = { ok: true; results: Result[] } | { ok: false; code: string; message: string }
export type Report = { ready: true } | { no: number; answer: Answer }

if (process.argv[3] === 'quick') performance.now = () => 0
const store = await openStore(`file:${process.argv[2] ?? ''}`)
const say = (report: Report): void => void process.send?.(report)
process.on('message', (order: Order) => void obey(order))
say({ ready: true })

async function obey(order: Order): Promise<void> {
  try {
    const results = 'unit' in order ? await store.commit([order.unit])[0] : await store.close()
    say({ no: order.no, answer: { ok: true, results: results ?? [] } })
  } catch (error) {
    const { code, message } = error as QueueupError
    say({ no: order.no, answer: { ok: false, code, message } })
  }
  if ('close' in order) process.disconnect()
}
