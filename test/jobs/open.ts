import { setImmediate } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import type { Jobs } from '../../src/index.ts'
import { testQueue, type TestQueue, type TestQueueOptions } from '../../src/testing/index.ts'

/** A queue on a clock that stands still, closed with its test. */
export function openTest<const J extends Jobs>(t: TestContext, jobs: J, options?: TestQueueOptions): TestQueue<J> {
  const queue = testQueue(jobs, options)
  t.after(() => queue.close())
  queue.on('error', ({ error }) => t.diagnostic(`error event: ${String(error)}`))
  return queue
}

/** Resolves when the signal fires, with its reason. */
export function fired(signal: AbortSignal): Promise<Error> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason as Error)
    else signal.addEventListener('abort', () => resolve(signal.reason as Error), { once: true })
  })
}

/** Looks again in each turn of the event loop. */
export async function until(holds: () => unknown): Promise<void> {
  while (!(await holds())) await setImmediate()
}
