/** The memory store, and what a test must see of it. */
import timers from 'node:timers'
import type { Clock } from '../clock.ts'
import { openMemory } from '../stores/memory/index.ts'
import type { ForwardOp, Op, Put, PutOp, Result, Store } from '../stores/store.ts'

/** As it is now: a test's fake timers must not hold it up. */
const { setImmediate } = timers
/** So many turns of the event loop without a commit, and all that follows from the last one has happened. */
const QUIET = 6
/** After so many something goes on by itself for ever. */
const MOST = 10_000

export interface SettlingStore extends Store {
  /** Resolves when nothing happens any more: until time passes, or something from outside comes. */
  settle(): Promise<void>
}

/** Is told what was accepted. */
export interface Listener {
  put(op: PutOp, put: Put & { ok: true }): void
  forwarded(op: ForwardOp): void
}

export function openSettling(clock: Clock, listener: Listener): SettlingStore {
  const store = openMemory({ clock })
  const commit = store.commit.bind(store)
  let commits = 0
  const tell = (ops: readonly Op[], results: readonly Result[]) => {
    for (const [i, result] of results.entries()) {
      const op = ops[i]
      const put = op?.do === 'put' && result.ok && result.do === 'put' ? result.per[0] : undefined
      if (put?.ok) listener.put(op as PutOp, put)
      if (op?.do === 'forward' && result.ok) listener.forwarded(op)
    }
  }
  return Object.assign(store, {
    commit(units: Parameters<Store['commit']>[0]) {
      commits++
      const answers = commit(units)
      for (const [i, answer] of answers.entries())
        answer.then(
          (results) => tell(units[i]?.ops ?? [], results),
          () => undefined,
        )
      return answers
    },
    async settle() {
      let quiet = 0
      for (let turn = 0; quiet < QUIET && turn < MOST; turn++) {
        const before = commits
        await new Promise<void>((resolve) => setImmediate(resolve))
        quiet = commits === before ? quiet + 1 : 0
      }
    },
  })
}
