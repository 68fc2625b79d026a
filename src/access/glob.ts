/** Patterns of queue names: `*` stands for any characters, or none. Never a regular expression, which somebody's text could make slow. */

/** A longer name of a queue is in no protocol. */
const LONGEST = 200

/** @throws RangeError for a pattern that can't be: see `isGlob` */
export class Glob {
  readonly text: string
  readonly #first: string
  readonly #middle: readonly string[]
  readonly #last: string | undefined

  constructor(text: string) {
    if (!isGlob(text)) throw new RangeError('no pattern')
    const [first = '', ...rest] = text.split('*')
    this.text = text
    this.#first = first
    this.#last = rest.pop()
    this.#middle = rest.filter((piece) => piece !== '')
  }

  /** Each piece is looked for once, from where the one before ended: the time grows with the name alone, as patterns are short. */
  matches(name: string): boolean {
    if (this.#last === undefined) return name === this.#first
    const end = name.length - this.#last.length
    if (end < this.#first.length || !name.startsWith(this.#first) || !name.endsWith(this.#last)) return false
    let at = this.#first.length
    for (const piece of this.#middle) {
      const found = name.indexOf(piece, at)
      if (found < 0) return false
      at = found + piece.length
    }
    return at <= end
  }
}

/** Letters, digits and the marks that a queue's name may have in any protocol, and stars. */
export function isGlob(text: string): boolean {
  return text.length > 0 && text.length <= LONGEST && /^[A-Za-z0-9\-+/;.$_()*]+$/.test(text)
}
