import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { tied } from '../tied.ts'
import type { Order, Report } from './worker.ts'

/** A worker in a process of its own. */
export class Child {
  readonly process: ChildProcess
  readonly #reports = new Set<(report: Report) => void>()
  dead = false

  private constructor(process: ChildProcess) {
    this.process = tied(process)
    process.once('exit', () => (this.dead = true))
    process.on('message', (report: Report) => {
      for (const on of [...this.#reports]) on(report)
    })
    // A message to one that was killed meanwhile is no error of the test.
    process.on('error', () => undefined)
  }

  static async start(file: string, mode = ''): Promise<Child> {
    const child = new Child(
      fork(join(import.meta.dirname, 'worker.ts'), [file, mode], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
    )
    await child.report((report) => 'ready' in report)
    return child
  }

  tell(order: Order): void {
    if (!this.dead && this.process.connected) this.process.send(order)
  }

  hear(on: (report: Report) => void): void {
    this.#reports.add(on)
  }

  /** The first report that is wanted; fails when the process ends before. */
  report<R extends Report>(wanted: (report: Report) => report is R): Promise<R>
  report(wanted: (report: Report) => boolean): Promise<Report>
  report(wanted: (report: Report) => boolean): Promise<Report> {
    return new Promise((resolve, reject) => {
      const on = (report: Report): void => {
        if (!wanted(report)) return
        this.#reports.delete(on)
        this.process.off('exit', ended)
        resolve(report)
      }
      const ended = (code: number | null, signal: NodeJS.Signals | null) =>
        reject(new Error(`the worker ended with ${code ?? signal}`))
      this.#reports.add(on)
      this.process.once('exit', ended)
    })
  }

  async kill(): Promise<void> {
    if (this.dead) return
    const gone = once(this.process, 'exit')
    // From now on what it held belongs to others, who may have it before we hear of the death.
    this.dead = true
    this.process.kill('SIGKILL')
    await gone
  }

  async end(): Promise<void> {
    if (this.dead) return
    const gone = once(this.process, 'exit')
    this.tell({ end: true })
    await gone
  }
}
