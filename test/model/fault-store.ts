import { UnavailableError, UnknownOutcomeError } from '../../src/errors.ts'
import type { Store, Unit, Result } from '../../src/stores/store.ts'

export type Fault = 'none' | 'delay' | 'before' | 'after'

/**
 * A store whose commits go wrong as they are told to: late; refused before anything was applied; or applied, with the answer lost. What is told holds for
 * the next commit that a client asked for.
 */
export function faultStore(store: Store, next: () => Fault): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'commit')
        return (units: Unit[]) =>
          commit(
            target,
            units,
            units.some((unit) => unit.ops.some((op) => op.do !== 'due' && op.do !== 'end')) ? next() : 'none',
          )
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

function commit(store: Store, units: Unit[], fault: Fault): Promise<Result[]>[] {
  switch (fault) {
    case 'none':
      return store.commit(units)
    case 'delay':
      return store.commit(units).map(async (answer) => {
        const results = await answer
        await new Promise((resolve) => setImmediate(resolve))
        return results
      })
    case 'before':
      return units.map(() => Promise.reject(new UnavailableError('injected: nothing was written')))
    case 'after':
      return store.commit(units).map(async (answer) => {
        await answer
        throw new UnknownOutcomeError('injected: written, but who knows')
      })
  }
}
