/** What an application gives, looked at before anything is done with it: whoever writes JavaScript, or casts, has no compiler that would. */
import { InvalidArgumentError, UnsafeSqliteError } from '../errors.ts'
import { named, shown } from '../shown.ts'

export const MAX_PRIORITY = 2 ** 32 - 1
/** Names of options; a type that says `Names<PutOptions>` has each of them, and no other. */
export type Names<Options> = Readonly<Record<keyof Options, true>>

/**
 * Options are an object, and each has a name that is known: a misspelt one would do nothing, or, of a selection, far too much.
 * @param what in the plural: "options of a put"
 * @throws InvalidArgumentError
 */
export function checkOptions(options: unknown, what: string, known: Readonly<Record<string, true>>): void {
  // A Date or a list has no options, and would pass for an object without any.
  if (typeof options !== 'object' || Object.prototype.toString.call(options) !== '[object Object]')
    throw new InvalidArgumentError(`The ${what} are ${shown(options)}; give an object with ${namesOf(known)}.`)
  for (const name in options)
    if (!Object.hasOwn(known, name))
      throw new InvalidArgumentError(`There is no '${name}' among the ${what}; there are ${namesOf(known)}.`)
}

function namesOf(known: Readonly<Record<string, true>>): string {
  return Object.keys(known).join(', ')
}

/** @throws InvalidArgumentError */
export function checkCount(value: unknown, what: string, largest = Number.MAX_SAFE_INTEGER): void {
  if (value === undefined) return
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > largest)
    throw new InvalidArgumentError(`${what} is ${shown(value)}; give a whole number from 0 to ${largest}.`)
}

/** A text that isn't empty. @throws InvalidArgumentError */
export function checkText(value: unknown, what: string, longest = Infinity): void {
  if (value === undefined) return
  if (typeof value !== 'string' || value === '' || value.length > longest)
    throw new InvalidArgumentError(
      `${what} is ${shown(value)}; give a text of 1 ${longest === Infinity ? 'or more' : `to ${longest}`} characters.`,
    )
  if (!value.isWellFormed())
    throw new InvalidArgumentError(
      `${what} is ${shown(value)}, with half a character in it; cut texts between characters.`,
    )
}

/** @throws InvalidArgumentError */
export function checkList(value: unknown, what: string): void {
  if (!Array.isArray(value)) throw new InvalidArgumentError(`${what} is ${shown(value)}; give a list.`)
}

/** @throws InvalidArgumentError */
export function checkFunction(value: unknown, what: string): void {
  if (typeof value !== 'function') throw new InvalidArgumentError(`${what} is ${shown(value)}; give a function.`)
}

/**
 * A file is refused where there is no SQLite; in memory, an old Node.js would get as far as its first worker, and a TypeError.
 * @throws UnsafeSqliteError
 */
export function checkNode(): void {
  if (!('withResolvers' in Promise))
    throw new UnsafeSqliteError(
      `This Node.js (${process.version}) is too old. Use Node.js 22.22.3 or later of 22, 24.15 or later of 24, or 25.9 or later.`,
    )
}

/** @throws InvalidArgumentError */
export function checkFunctions(value: unknown, what: string): void {
  checkList(value, what)
  ;(value as unknown[]).forEach((one, i) => checkFunction(one, `${what}[${i}]`))
}

/** @throws InvalidArgumentError */
export function checkDate(value: unknown, what: string): void {
  if (!(value instanceof Date) || Number.isNaN(value.getTime()))
    throw new InvalidArgumentError(`${what} is ${shown(value)}; give a valid Date.`)
}

/** A queue's name as every protocol can say it. @throws InvalidArgumentError */
export function checkQueue(name: unknown): void {
  if (typeof name !== 'string' || !/^[A-Za-z0-9+/;.$_()][A-Za-z0-9\-+/;.$_()]{0,199}$/.test(name))
    throw new InvalidArgumentError(
      `${named(name)} can't be a queue's name. Use 1 to 200 letters, digits and -+/;.$_() and begin with another than -; name the queue of a job by its 'queue' option.`,
    )
}
