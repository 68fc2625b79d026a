/** What a worker does with the jobs of which names, and where it takes them from. */
import { InvalidArgumentError } from '../errors.ts'
import type { Queue } from '../job.ts'
import type { Context, Handlers, WorkedJob, WorkMiddleware } from './context.ts'
import { shown } from '../shown.ts'
import { checkList, checkQueue } from './check.ts'
import { type Catalog, type Jobs, queueOf } from './definition.ts'

export type Handler = (job: WorkedJob, ctx: Context) => unknown
export type Around = (handler: Handler, job: WorkedJob, ctx: Context) => unknown

/** By the names of their jobs. @throws InvalidArgumentError */
export function handlersOf(handlers: Handlers<Jobs>, catalog: Catalog): Map<string, Handler> {
  if (typeof handlers !== 'object' || handlers === null)
    throw new InvalidArgumentError(
      `The handlers are ${shown(handlers)}; give an object with a function for each job that is worked.`,
    )
  const known = new Map<string, Handler>()
  for (const [name, handler] of Object.entries(handlers)) {
    if (handler === undefined) continue
    if (typeof handler !== 'function') throw new InvalidArgumentError(`The handler of '${name}' is no function.`)
    if (catalog.get(name).name !== name)
      throw new InvalidArgumentError(`'${name}' is an alias; name the handler '${catalog.get(name).name}'.`)
    known.set(name, handler as Handler)
  }
  if (known.size === 0)
    throw new InvalidArgumentError('There is no handler. Give one for each job that is worked here.')
  return known
}

/** Where jobs of these names lie, or those that were asked for. @throws InvalidArgumentError */
export function queuesOf(known: Map<string, Handler>, catalog: Catalog, asked: readonly string[] | undefined): Queue[] {
  const names = new Set<string>()
  if (asked !== undefined) checkList(asked, 'queues')
  if (asked) for (const name of asked) names.add(name)
  else
    for (const name of known.keys()) {
      const { queue, definition } = catalog.get(name)
      names.add(queue)
      // Where they lay when the job had that name.
      if (definition.options.queue === undefined) for (const alias of definition.options.aliases ?? []) names.add(alias)
    }
  if (names.size === 0) throw new InvalidArgumentError('There is no queue to take from.')
  return [...names].map((name) => {
    checkQueue(name)
    return queueOf(name)
  })
}

/** The handler with the middleware around it, the first outermost. */
export function wrapped(use: readonly WorkMiddleware[]): Around {
  if (use.length === 0) return (handler, job, ctx) => handler(job, ctx)
  return (handler, job, ctx) => {
    const run = use.reduceRight<() => Promise<unknown>>(
      (next, around) => async () => around(job, ctx, next),
      async () => handler(job, ctx),
    )
    return run()
  }
}
