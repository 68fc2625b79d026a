/** Keeps worker processes alive: `work --processes` and `--watch`. */
import { fork, type ChildProcess } from 'node:child_process'
import { systemClock } from '../clock.ts'
import type { Ms } from '../job.ts'
import type { Log } from '../log.ts'
import { onStopSignals } from './stop-signals.ts'
import { Watcher } from './watcher.ts'

interface Supervised {
  /** Of a child. */
  args: readonly string[]
  count: number
  watch: boolean
  /** How long a child may take to finish what it has in hand. */
  patience: Ms
  log: Log
}

/** A child that died is started again after so long, each time twice as long; one that worked for so long begins anew. */
const AGAIN: { first: Ms; longest: Ms; well: Ms } = { first: 500, longest: 30_000, well: 60_000 }
/** A child that doesn't end this much later than it may is killed. */
const KILL: Ms = 10_000

/** Ends the process: with 0 after a signal, with the code of a child that never came to work. */
export async function supervise(settings: Supervised): Promise<never> {
  return new Supervisor(settings).run()
}

class Supervisor {
  readonly #settings: Supervised
  readonly #children = new Set<ChildProcess>()
  readonly #restarts = new Set<NodeJS.Timeout>()
  readonly #watcher: Watcher | undefined
  readonly #ended = Promise.withResolvers<number>()
  /** Told to end. */
  readonly #told = new WeakSet<ChildProcess>()
  /** The exit code, from the moment at which it stops. */
  #code: number | undefined
  /** One of them has worked: the file and the flags are right. */
  #works = false

  constructor(settings: Supervised) {
    this.#settings = settings
    if (settings.watch) this.#watcher = new Watcher((file) => this.#changed(file))
  }

  async run(): Promise<never> {
    onStopSignals(
      (signal) => this.#signalled(signal),
      (signal) => this.#endNow(signal),
    )
    // A parent that ends by itself takes its children along.
    process.once('exit', () => this.#children.forEach((child) => child.kill('SIGKILL')))
    this.#startAll()
    process.exit(await this.#ended.promise)
  }

  #startAll(): void {
    for (let i = 0; i < this.#settings.count; i++) this.#start(AGAIN.first)
  }

  /** @param wait before it is started again, should it die soon */
  #start(wait: Ms): void {
    const { args, log } = this.#settings
    const child = fork(process.argv[1] as string, [...args])
    const since = performance.now()
    this.#children.add(child)
    child.on('message', (message) => {
      if (typeof message !== 'object') return
      if ('file' in message) this.#watcher?.add(String(message.file))
      if ('working' in message) this.#works = true
    })
    child.once('error', (error) => log.error({ err: error }, 'a process could not be started'))
    child.once('exit', (code, signal) => {
      this.#children.delete(child)
      if (this.#code !== undefined) this.#endWhenAlone()
      else if (!this.#told.has(child))
        this.#died(child, code, signal, performance.now() - since >= AGAIN.well ? AGAIN.first : wait)
    })
  }

  #died(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null, wait: Ms): void {
    const { log, watch } = this.#settings
    if (watch && code !== 0 && signal === null)
      return log.warn({ child: child.pid, code }, 'a process has ended; it is started again at the next change')
    // It says itself what is wrong, unless it was killed.
    if (!this.#works && signal === null) return this.#stop(code ?? 1)
    log.warn({ child: child.pid, code, signal, after: wait }, 'a process has ended, and is started again')
    const restart = setTimeout(() => {
      this.#restarts.delete(restart)
      this.#start(Math.min(AGAIN.longest, wait * 2))
    }, wait)
    this.#restarts.add(restart)
  }

  #signalled(signal: NodeJS.Signals): void {
    const { log } = this.#settings
    // It is stopping by itself.
    if (this.#code !== undefined) return this.#endNow(signal)
    log.info({ signal, processes: this.#children.size }, 'stopping: the processes finish what is in hand')
    this.#stop(0)
  }

  #endNow(signal: NodeJS.Signals): never {
    this.#settings.log.warn({ signal }, 'ending at once: what is in hand goes back')
    process.exit(1)
  }

  #stop(code: number): void {
    this.#code = code
    this.#watcher?.close()
    this.#endAll()
    this.#endWhenAlone()
  }

  #endAll(): void {
    for (const restart of this.#restarts) clearTimeout(restart)
    this.#restarts.clear()
    for (const child of this.#children) this.#end(child)
  }

  #endWhenAlone(): void {
    if (this.#children.size === 0) this.#ended.resolve(this.#code ?? 0)
  }

  #end(child: ChildProcess): void {
    this.#told.add(child)
    if (child.connected) child.send('stop')
    else child.kill('SIGTERM')
    const late = systemClock.after(this.#settings.patience + KILL, () => {
      this.#settings.log.error({ child: child.pid }, 'a process does not end, and is killed')
      child.kill('SIGKILL')
    })
    child.once('exit', late)
  }

  /** The old ones finish what they have in hand while the new ones begin. */
  #changed(file: string): void {
    if (this.#code !== undefined) return
    this.#settings.log.info({ file }, 'changed: starting again')
    this.#endAll()
    this.#startAll()
  }
}
