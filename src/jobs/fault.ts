/** What a handler threw, as it is kept with its job: whatever it is, and bounded. */
import type { Bytes } from '../job.ts'

/** Errors kept with a job are cut to so many characters. */
const MAX_TEXT = 8000
/** So many causes of an error are kept with it. */
const MAX_CAUSES = 3

/** In words: an Error, a text, nothing at all, an object with circles. */
export function faultText(error: unknown): string {
  return told(() => {
    if (error instanceof Error) return `${error.name}: ${error.message}`
    if (typeof error === 'string') return error
    return JSON.stringify(error) ?? String(error)
  }, error)
}

/** The name of its class; of what is no error, its type. */
export function faultType(error: unknown): string {
  return told(() => (isError(error) ? error.constructor.name : typeof error), error)
}

export function faultBytes(error: unknown): Bytes {
  return Buffer.from(faultText(error))
}

/** Where it was thrown, and its causes. */
export function faultStack(error: unknown): string | undefined {
  if (!isError(error)) return undefined
  return told(() => {
    const stacks = [stackOf(error)]
    let { cause } = error
    for (let i = 0; i < MAX_CAUSES && cause !== undefined; i++) {
      stacks.push(`Caused by: ${isError(cause) ? stackOf(cause) : faultText(cause)}`)
      cause = isError(cause) ? cause.cause : undefined
    }
    return stacks.join('\n')
  }, error)
}

/** A long message must not push out the frames, which follow it. */
function stackOf(error: Error): string {
  const stack = String(error.stack ?? error)
  const frames = stack.indexOf('\n    at ')
  if (stack.length <= MAX_TEXT / 2 || frames < 0) return stack
  return `${stack.slice(0, Math.min(frames, MAX_TEXT / 4))}${stack.slice(frames, frames + MAX_TEXT / 4)}`
}

/** What is thrown may throw when it is looked at. */
function told(tell: () => string, error: unknown): string {
  try {
    return tell().slice(0, MAX_TEXT)
  } catch {
    return kindOf(error)
  }
}

/** What it was, or, where looking at it throws, an error that stands for it. */
export function lookable(error: unknown): unknown {
  try {
    if (error instanceof Error) String(error.message)
    return error
  } catch {
    return new Error(`The handler threw ${kindOf(error)}, which can't be looked at.`)
  }
}

function isError(value: unknown): value is Error {
  try {
    return value instanceof Error
  } catch {
    return false
  }
}

function kindOf(value: unknown): string {
  try {
    return Object.prototype.toString.call(value)
  } catch {
    return '[something that cannot be looked at]'
  }
}
