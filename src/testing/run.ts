/** One handler, on its own. */
import { createBroker } from '../broker/store-broker.ts'
import { InvalidArgumentError, StoppedError } from '../errors.ts'
import { shown } from '../shown.ts'
import { Attempt } from '../jobs/attempt.ts'
import { checkCount, checkOptions, type Names } from '../jobs/check.ts'
import type { Handlers } from '../jobs/context.ts'
import type { Jobs } from '../jobs/definition.ts'
import { Emitter } from '../jobs/events.ts'
import { infoOf } from '../jobs/info.ts'
import { putAnswer, putOp, type PutOptions } from '../jobs/put.ts'
import { checkArgs } from '../jobs/validate.ts'
import { handlersOf } from '../jobs/handlers.ts'
import type { WorkerNeeds } from '../jobs/worker-parts.ts'
import { openMemory } from '../stores/memory/index.ts'
import { BrokerTransport } from '../transports/broker.ts'
import { partsOf } from './drain.ts'

export interface RunOptions extends Pick<PutOptions, 'group' | 'timeout' | 'priority' | 'retries'> {
  /** Which attempt the handler is told that it is. Default 1. */
  attempt?: number | undefined
  /** The handler's own signal fires with this one. */
  signal?: AbortSignal | undefined
}

const RUN_OPTIONS: Names<RunOptions> = {
  group: true,
  timeout: true,
  priority: true,
  retries: true,
  attempt: true,
  signal: true,
}

/** What a handler did. */
export interface Ran<Result = unknown> {
  /** What it answered, as the definition's validator makes of it. */
  result: Result
  /** The lines that it logged. */
  logs: string[]
  /** Each progress that it told. */
  progress: unknown[]
}

/**
 * Puts one job into a store of its own and works it there once; what the handler puts goes where `needs.put` puts it.
 * @throws what the handler threw, whatever would become of its job; and ValidationError
 */
export async function runOne(
  needs: WorkerNeeds,
  handlers: Handlers<Jobs>,
  name: string,
  args: unknown,
  given: RunOptions,
): Promise<Ran> {
  checkOptions(given, 'options of run', RUN_OPTIONS)
  const { attempt: number = 1, signal, ...options } = given
  checkCount(number, 'attempt')
  if (signal !== undefined && typeof signal?.addEventListener !== 'function')
    throw new InvalidArgumentError(`signal is ${shown(signal)}; give an AbortSignal.`)
  const { catalog, clock, random } = needs
  const entry = catalog.get(name)
  const handler = handlersOf(handlers, catalog).get(entry.name)
  if (!handler) throw new InvalidArgumentError(`There is no handler of '${name}' among those given.`)
  await checkArgs(entry, args)

  const store = openMemory({ clock })
  const broker = createBroker({ store, clock })
  const transport = new BrokerTransport(broker, store, 'memory:')
  const events = new Emitter()
  const progress: unknown[] = []
  let result: unknown
  let error: { thrown: unknown } | undefined
  events.on('progress', (event) => progress.push(event.progress))
  events.on('done', (event) => (result = event.result))
  for (const ended of ['failed', 'dead'] as const) events.on(ended, (event) => (error ??= { thrown: event.error }))
  let attempt: Attempt | undefined
  const abort = () => attempt?.abort(signal?.reason instanceof Error ? signal.reason : new StoppedError('stopped'))
  const parts = {
    ...partsOf({ ...needs, transport, events, random }, () => handler),
    around: async (...[, job, ctx]: Parameters<ReturnType<typeof partsOf>['around']>) => {
      // Before the handler is called it would be as if there had been no attempt.
      if (signal?.aborted) abort()
      try {
        return await handler(job, ctx)
      } catch (thrown) {
        error ??= { thrown }
        throw thrown
      }
    },
    pauseQueue: needs.transport.pause.bind(needs.transport),
  }
  try {
    const op = putOp({ transport, clock }, entry, args, options, undefined)
    const [keep, put] = await transport.commit({
      ops: [{ do: 'record', key: `queue/default/${entry.queue}`, value: { keep: { jobs: 1 } } }, op],
    })
    if (!keep?.ok) throw new Error('The store of the run refused its policy.')
    const { id } = putAnswer(put, entry)
    const [delivery] = await transport.reserve(
      { queues: [`default/${entry.queue}`], max: 1 },
      new AbortController().signal,
    )
    if (!delivery) throw new Error('The store of the run gave no job.')
    attempt = new Attempt(parts, { ...delivery, failures: number - 1 })
    signal?.addEventListener('abort', abort)
    try {
      await attempt.run(() => undefined)
    } finally {
      signal?.removeEventListener('abort', abort)
    }
    if (error) throw error.thrown
    const { jobs } = await transport.look({ id, limit: 1, with: ['body', 'notes'] })
    return { result, logs: jobs[0] ? infoOf(jobs[0]).logs.map((line) => line.text) : [], progress }
  } finally {
    await broker.close()
  }
}
