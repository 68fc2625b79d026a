import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { tied } from '../tied.ts'
import '../uncoloured.ts'

const cli = join(import.meta.dirname, '../../src/cli/queueup.ts')

export interface Answer {
  code: number | null
  out: string
  error: string
}

/** Runs a command in a folder, with what it reads on standard input. */
export async function queueup(
  cwd: string,
  args: readonly string[],
  o: { input?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Answer> {
  const child = spawn(process.execPath, [cli, ...args], { cwd, env: { ...process.env, ...o.env } })
  let out = ''
  let error = ''
  child.stdout.on('data', (bytes) => (out += bytes))
  child.stderr.on('data', (bytes) => (error += bytes))
  child.stdin.end(o.input ?? '')
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out, error }
}

/** A server that runs until it is stopped, and what it says. */
export class Served {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  readonly ended: Promise<number | null>
  out = ''
  log = ''

  private constructor(child: ChildProcessByStdio<null, Readable, Readable>) {
    this.child = tied(child)
    child.stdout.on('data', (bytes) => (this.out += bytes))
    child.stderr.on('data', (bytes) => (this.log += bytes))
    this.ended = once(child, 'close').then(([code]) => code as number | null)
  }

  /** Resolves when it listens. */
  static async start(
    cwd: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    program = cli,
  ): Promise<Served> {
    const served = new Served(
      spawn(process.execPath, [program, ...args], {
        cwd,
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    )
    await served.says('listening')
    return served
  }

  async says(word: string): Promise<void> {
    const over = this.ended.then((code) => {
      throw new Error(`it ended with ${code}: ${this.log}`)
    })
    while (!this.log.includes(word)) await Promise.race([once(this.child.stderr, 'data'), over])
    over.catch(() => undefined)
  }

  /** The port of its first address. */
  get port(): number {
    return Number(/"address":"[^"]*:(\d+)"/.exec(this.log)?.[1])
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal)
    return this.ended
  }

  /** Again and again, as somebody does who won't wait. */
  insist(signal: NodeJS.Signals): Promise<number | null> {
    const again = setInterval(() => this.child.kill(signal), 100)
    return this.ended.finally(() => clearInterval(again))
  }
}
