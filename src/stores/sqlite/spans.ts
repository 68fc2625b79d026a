import type { JobId } from '../../job.ts'

/** Fewer ids in a row are named one by one: a statement of their own would cost more. */
const SHORTEST = 8

/** Ids that follow one another, the last included. */
export interface Span {
  first: JobId
  last: JobId
}

/**
 * Ids as spans, and the rest. SQLite finds the rows of a span by walking on from the first, which costs it a quarter less than a list of them.
 * @param ids in any order, each once; they are sorted
 */
export function spansOf(ids: JobId[]): { spans: Span[]; rest: JobId[] } {
  const spans: Span[] = []
  const rest: JobId[] = []
  ids.sort((a, b) => a - b)
  let from = 0
  for (let i = 1; i <= ids.length; i++) {
    const last = ids[i - 1] as JobId
    if (ids[i] === last + 1) continue
    const first = ids[from] as JobId
    if (i - from >= SHORTEST || ids.length === 1) spans.push({ first, last })
    else for (; from < i; from++) rest.push(ids[from] as JobId)
    from = i
  }
  return { spans, rest }
}
