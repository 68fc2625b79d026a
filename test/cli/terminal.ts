import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { tied } from '../tied.ts'
import '../uncoloured.ts'
import type { Place } from './place.ts'
import { Screen } from './screen.ts'

const cli = join(import.meta.dirname, '../../src/cli/queueup.ts')

/** How a command on a terminal ended. */
export interface End {
  /** Its exit code; negative: the signal that ended it. */
  code: number
  /** Whether the terminal's settings are what they were. */
  restored: boolean
}

/** A command that runs on a terminal, with somebody before it. Needs python3. */
export class Terminal {
  readonly screen: Screen
  readonly ended: Promise<End>
  /** All that it was told to show. */
  text = ''
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  #said = ''
  #wake: () => void = () => undefined
  #over = false

  constructor(place: Place, size: { rows: number; columns: number }, args: readonly string[], env = {}) {
    this.screen = new Screen(size.rows, size.columns)
    const helper = join(import.meta.dirname, 'terminal.py')
    this.#child = spawn('python3', [helper, String(size.rows), String(size.columns), process.execPath, cli, ...args], {
      cwd: place.folder,
      env: { ...process.env, TERM: 'xterm-256color', ...env },
    })
    tied(this.#child)
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.text += text
      this.screen.write(text)
      this.#wake()
    })
    this.#child.stderr.on('data', (bytes) => (this.#said += bytes))
    this.ended = once(this.#child, 'close').then(() => {
      this.#over = true
      this.#wake()
      return JSON.parse(this.#said) as End
    })
  }

  /** Resolves when the screen looks like this. */
  async shows(looks: (screen: Screen) => boolean): Promise<void> {
    while (!looks(this.screen)) {
      if (this.#over) throw new Error(`it ended with ${this.#said}, and shows\n${this.screen.lines.join('\n')}`)
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  type(keys: string): void {
    this.#child.stdin.write(`type ${Buffer.from(keys).toString('hex')}\n`)
  }

  resize(rows: number, columns: number): void {
    this.screen.resize(rows, columns)
    this.#child.stdin.write(`size ${rows} ${columns}\n`)
  }
}
