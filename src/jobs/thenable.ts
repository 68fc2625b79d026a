/** Whether `await` would wait for it: a promise, also another library's or realm's, or what only has a `then`. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  const mayHaveOne = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return mayHaveOne && typeof (value as { then?: unknown }).then === 'function'
}
