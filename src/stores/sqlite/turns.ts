import type { JobId } from '../../job.ts'
import type { Row } from '../machine/row.ts'
import type { Connection } from './connection.ts'

/** So many groups whose last turn is remembered from one commit to the next. */
const KEPT = 10_000

/** Which turn each fair group took last, read off the jobs that are here. */
export class Turns {
  readonly #file: Connection
  /** The last ones that were seen and have not moved since. */
  readonly #last = new Map<string, { id: JobId; rank: number }>()
  /** Rows with turns that this commit has changed and not written yet. */
  readonly #changed = new Map<string, Set<Row>>()

  constructor(file: Connection) {
    this.#file = file
  }

  /** Others have written. */
  doubt(): void {
    this.#last.clear()
  }

  reset(): void {
    this.#last.clear()
    this.#changed.clear()
  }

  written(): void {
    if (this.#changed.size > 0) this.#changed.clear()
  }

  leave(row: Row): void {
    const key = keyOf(row)
    if (this.#last.get(key)?.id === row.id) this.#last.delete(key)
  }

  enter(row: Row): void {
    const key = keyOf(row)
    const last = this.#last.get(key)
    if (last && isBehind(row, last)) this.#last.set(key, { id: row.id, rank: row.rank })
    const changed = this.#changed.get(key)
    if (changed) changed.add(row)
    else this.#changed.set(key, new Set([row]))
  }

  /**
   * The last turn of the row's group and priority that another row has: of what is in the file, and of what this commit has changed and not written yet.
   * @param loaded the row of that id, if it is in the cache
   */
  last(row: Row, loaded: (id: JobId) => Row | undefined): number | undefined {
    const key = keyOf(row)
    const known = this.#last.get(key)
    if (known) return known.rank
    const found = this.#inFile(row, loaded, this.#amongChanged(row, key))
    if (!found) return undefined
    if (this.#last.size >= KEPT) this.#last.clear()
    this.#last.set(key, { id: found.id, rank: found.rank })
    return found.rank
  }

  #amongChanged(row: Row, key: string): Turn | undefined {
    let last: Row | undefined
    for (const one of this.#changed.get(key) ?? []) {
      if (!one.turn || one === row || one.change === 'gone' || keyOf(one) !== key) continue
      if (!last || isBehind(one, last)) last = one
    }
    return last
  }

  #inFile(row: Row, loaded: (id: JobId) => Row | undefined, last: Turn | undefined): Turn | undefined {
    let before: Turn = { id: 0, rank: Number.MAX_SAFE_INTEGER }
    for (;;) {
      const found = this.#file.get<[id: JobId, rank: number]>(
        `SELECT id, rank FROM job WHERE queue = ? AND fair = ? AND pri = ? AND turn IS NOT NULL AND (rank, id) < (?, ?)
         ORDER BY rank DESC, id DESC LIMIT 1`,
        row.queue.no,
        row.fair ?? '',
        row.pri,
        before.rank,
        before.id,
      )
      if (!found) return last
      before = { id: found[0], rank: found[1] }
      if (last && isBehind(last, before)) return last
      if (before.id === row.id) continue
      const cached = loaded(before.id)
      if (!cached?.visited || cached.change === 'none') return before
    }
  }
}

interface Turn {
  id: JobId
  rank: number
}

function keyOf({ queue, pri, fair = '' }: Row): string {
  return `${queue.no}/${pri}/${fair}`
}

function isBehind(a: Turn, b: Turn): boolean {
  return a.rank > b.rank || (a.rank === b.rank && a.id > b.id)
}
