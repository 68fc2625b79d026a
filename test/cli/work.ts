import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { tied } from '../tied.ts'
import type { Place } from './place.ts'

export const cli = join(import.meta.dirname, '../../src/cli/queueup.ts')

/** What works at quick jobs, at slow ones, which end when there is a file `go`, and at endless ones. The word that quick ones say is a module of its own. */
export const HANDLERS = {
  'handlers.ts': `
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Handlers } from 'queueup'
import { jobs } from './jobs.ts'
import { word } from './word.ts'
export { jobs }
export const handlers: Handlers<typeof jobs> = {
  async quick({ id }) {
    console.log(word + ' ' + id)
  },
  async slow({ id }) {
    console.log('begun ' + id)
    while (!existsSync('go')) await sleep(20)
    console.log('ended ' + id)
  },
  async endless({ id }, { signal }) {
    console.log('begun ' + id)
    await sleep(600_000, undefined, { signal })
  },
}
`,
  'word.ts': `export const word = 'did'\n`,
}

/** A command that goes on until it is stopped, and what it says on both its streams. */
export class Going {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  readonly ended: Promise<number | null>
  text = ''
  #wake: () => void = () => undefined
  #over = false

  constructor(place: Place, ...args: readonly string[]) {
    this.child = tied(spawn(process.execPath, [cli, ...args], { cwd: place.folder, stdio: ['ignore', 'pipe', 'pipe'] }))
    const heard = (bytes: Buffer) => {
      this.text += bytes.toString()
      this.#wake()
    }
    this.child.stdout.on('data', heard)
    this.child.stderr.on('data', heard)
    this.ended = once(this.child, 'close').then(([code]) => {
      this.#over = true
      this.#wake()
      return code as number | null
    })
  }

  /** Resolves when it has said this so often. */
  async says(word: string, times = 1): Promise<void> {
    while (this.text.split(word).length - 1 < times) {
      if (this.#over) throw new Error(`it ended without saying ${word}: ${this.text}`)
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** The processes that say that they work, in that order. */
  get working(): number[] {
    return [...this.text.matchAll(/"pid":(\d+)[^\n]*"msg":"working"/g)].map(([, pid]) => Number(pid))
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal)
    return this.ended
  }

  /** Again and again, as somebody does who won't wait. */
  insist(signal: NodeJS.Signals): Promise<number | null> {
    const again = setInterval(() => this.child.kill(signal), 100)
    return this.ended.finally(() => clearInterval(again))
  }
}

/** Works until no job waits any more. What the worker said. */
export async function workUntilEmpty(place: Place): Promise<string> {
  const worker = new Going(place, 'work')
  await worker.says('"msg":"working"')
  for (;;) {
    const stats = await place.json<{ queue: string; ready: number; reserved: number }[]>('stats')
    const left = stats
      .filter((one) => !one.queue.endsWith('.dead'))
      .reduce((sum, one) => sum + one.ready + one.reserved, 0)
    if (left === 0) break
  }
  await worker.stop()
  return worker.text
}
