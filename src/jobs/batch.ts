/** Several puts as one. */
import type { PutMiddleware } from './context.ts'
import type { PutJob, PutOptions } from './put.ts'

export interface AnyPut {
  name: string
  args: unknown
  options: PutOptions
}
export type PutNext = (put: AnyPut) => Promise<PutJob>

/** The put on its way through the middleware, the first outermost, to `last`. */
export function throughAll(use: readonly PutMiddleware[], last: PutNext): PutNext {
  return use.reduceRight<PutNext>(
    (next, around) => async (put) => around(put, next),
    (put) => last(put),
  )
}

/**
 * Takes each put through its middleware, and commits them together when all have come to its end. One that fails on the way keeps all from being put;
 * one that ends on the way, because its middleware calls no `next`, does not.
 * @param prepare validates it
 */
export function putTogether<Prepared>(
  puts: readonly AnyPut[],
  use: readonly PutMiddleware[],
  prepare: (put: AnyPut) => Promise<Prepared>,
  commit: (prepared: readonly Prepared[]) => Promise<PutJob[]>,
): Promise<PutJob[]> {
  const { promise: all, resolve, reject } = Promise.withResolvers<PutJob[]>()
  // Each that came to the end waits for its own answer.
  all.catch(() => undefined)
  const prepared: Prepared[] = []
  let onTheWay = puts.length
  let committed = false
  const arrive = () => {
    if (--onTheWay > 0) return
    committed = true
    commit(prepared).then(resolve, reject)
  }
  return Promise.all(
    puts.map(async (put) => {
      let arrived = false
      const last: PutNext = async (changed) => {
        const one = await prepare(changed)
        // A middleware that tries once more, after the batch.
        if (arrived || committed) return (await commit([one]))[0] as PutJob
        arrived = true
        const place = prepared.push(one) - 1
        arrive()
        return (await all)[place] as PutJob
      }
      try {
        const answer = await throughAll(use, last)(put)
        if (!arrived) arrive()
        return answer
      } catch (error) {
        if (!arrived) reject(error)
        throw error
      }
    }),
  )
}
