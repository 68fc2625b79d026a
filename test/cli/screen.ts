/** As much of a terminal as our commands ask for: what a person would see after the bytes that came. */
export class Screen {
  rows: number
  columns: number
  /** The other screen, which full-screen programs draw on. */
  alternate = false
  cursorShown = true
  /** Whether something longer than a line goes on in the next. */
  wraps = true
  /** Lines that were pushed out at the top. */
  scrolled = 0
  readonly #main: string[][] = []
  #other: string[][] = []
  #row = 0
  #column = 0
  #left = { row: 0, column: 0 }
  #rest = ''

  constructor(rows: number, columns: number) {
    this.rows = rows
    this.columns = columns
  }

  /** What stands there, line by line, without what is empty at the end. */
  get lines(): string[] {
    const lines = this.#cells.map((row) =>
      Array.from(row, (cell) => cell ?? ' ')
        .join('')
        .trimEnd(),
    )
    return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1)
  }

  get #cells(): string[][] {
    return this.alternate ? this.#other : this.#main
  }

  resize(rows: number, columns: number): void {
    this.rows = rows
    this.columns = columns
    for (const cells of [this.#main, this.#other]) {
      cells.splice(rows)
      for (const row of cells) row.splice(columns)
    }
    this.#row = Math.min(this.#row, rows - 1)
    this.#column = Math.min(this.#column, columns)
  }

  write(text: string): void {
    this.#rest += text
    for (;;) {
      const found = /^(?:\u001b\[(\??)([\d;]*)([A-Za-z])|([^\u001b]))/u.exec(this.#rest)
      if (!found) break
      this.#rest = this.#rest.slice(found[0].length)
      const [, secret = '', numbers = '', letter, character] = found
      if (character !== undefined) this.#draw(character)
      else if (secret) this.#switch(numbers, letter === 'h')
      else this.#control(letter ?? '', numbers)
    }
    if (this.#rest.length > 20) throw new Error(`A terminal is told ${JSON.stringify(this.#rest)}.`)
  }

  #draw(character: string): void {
    if (character === '\r') this.#column = 0
    else if (character === '\n') this.#down()
    else {
      if (this.#column === this.columns) {
        if (this.wraps) {
          this.#column = 0
          this.#down()
        } else this.#column--
      }
      const row = (this.#cells[this.#row] ??= [])
      row[this.#column++] = character
    }
  }

  #down(): void {
    if (this.#row < this.rows - 1) this.#row++
    else {
      this.#cells.shift()
      this.scrolled++
    }
    for (let row = 0; row <= this.#row; row++) this.#cells[row] ??= []
  }

  #control(letter: string, numbers: string): void {
    const cells = this.#cells
    if (letter === 'H') this.#row = this.#column = 0
    else if (letter === 'K') (cells[this.#row] ??= []).length = Math.min(cells[this.#row]?.length ?? 0, this.#column)
    else if (letter === 'J') {
      if (numbers === '2') cells.length = 0
      else {
        this.#control('K', '')
        cells.length = this.#row + 1
      }
    } else if (letter !== 'm') throw new Error(`A terminal is told ESC[${numbers}${letter}.`)
  }

  #switch(which: string, on: boolean): void {
    if (which === '25') this.cursorShown = on
    else if (which === '7') this.wraps = on
    else if (which === '1049') {
      if (on) this.#left = { row: this.#row, column: this.#column }
      else ({ row: this.#row, column: this.#column } = this.#left)
      this.alternate = on
      this.#other = []
    } else throw new Error(`A terminal is told ESC[?${which}.`)
  }
}
