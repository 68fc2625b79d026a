import { execFileSync, fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore } from '../../src/registry.ts'
import type { Queue, Where } from '../../src/job.ts'
import type { Unit } from '../../src/stores/store.ts'
import { compiler } from '../needs.ts'
import type { Answer, Report } from './disk-worker.ts'

export const queue: Queue = 'default/work'

/** What the disk does from now on; disk-shim.c says what each means. '': all is well. */
export type Orders = '' | 'sync' | 'full' | `full ${number}` | 'full grow'

interface Sync {
  pid: number
  thread: string
  failed: boolean
  size: number
  path: string
}

/** A folder on a disk that fails when it is told to, for processes that are started with `env`. */
export class Disk {
  readonly #root = mkdtempSync(join(tmpdir(), 'queueup-disk-'))
  readonly folder = this.#in('folder')
  readonly #orders = this.#in('orders')
  readonly #log = this.#in('log')
  #copies = 0

  constructor() {
    mkdirSync(this.folder)
    this.does('')
    writeFileSync(this.#log, '')
    execFileSync(compiler() ?? 'cc', [
      '-shared',
      '-fPIC',
      '-o',
      this.#in('shim.so'),
      join(import.meta.dirname, 'disk-shim.c'),
    ])
  }

  #in(name: string): string {
    return join(this.#root, name)
  }

  get env(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      LD_PRELOAD: this.#in('shim.so'),
      DISK_FOLDER: this.folder,
      DISK_ORDERS: this.#orders,
      DISK_LOG: this.#log,
    }
  }

  does(orders: Orders): void {
    writeFileSync(this.#orders, orders)
  }

  /** The syncs so far, of one process or of all. */
  syncs(pid?: number): Sync[] {
    return readFileSync(this.#log, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' '))
      .map(([pid, thread = '', , answer, size, path = '']) => {
        return { pid: Number(pid), thread, failed: answer === 'failed', size: Number(size), path }
      })
      .filter((sync) => pid === undefined || sync.pid === pid)
  }

  /** The keys of the jobs in the file, as one finds them who starts again. No process may have it open. */
  found(name: string): Promise<string[]> {
    return keysIn(join(this.#copy(), name))
  }

  /** The same, after the power failed: the log ends where its last sync that succeeded began. */
  foundAfterPowerCut(name: string): Promise<string[]> {
    const folder = this.#copy()
    const ok = this.syncs().filter((sync) => !sync.failed)
    const log = ok.filter((sync) => sync.path === join(this.folder, `${name}-wal`))
    if (ok.findLastIndex((sync) => sync.path === join(this.folder, name)) > ok.indexOf(log[0] as Sync))
      throw new Error('The log has begun anew, so its length tells nothing. Put less.')
    truncateSync(join(folder, `${name}-wal`), log.at(-1)?.size ?? 0)
    return keysIn(join(folder, name))
  }

  #copy(): string {
    const folder = this.#in(`copy-${++this.#copies}`)
    // The memory that the processes shared, and their sockets, are theirs.
    cpSync(this.folder, folder, { recursive: true, filter: (name) => !/-shm$|-processes/.test(name) })
    return folder
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, maxRetries: 5 })
  }
}

export async function withDisk(run: (disk: Disk) => Promise<void>): Promise<void> {
  const disk = new Disk()
  try {
    await run(disk)
  } finally {
    for (const child of running) child.kill('SIGKILL')
    disk.remove()
  }
}

async function keysIn(file: string): Promise<string[]> {
  const store = await openStore(`file:${file}`)
  const keys: string[] = []
  for (const { queue } of await store.stats()) {
    const where: Where = { queue, states: ['ready', 'reserved', 'buried', 'delayed'] }
    const { jobs, after } = await store.look({ where, order: 'id', limit: 10_000, with: ['body'] })
    if (after !== undefined) throw new Error('There are more jobs than one page shows. Put less.')
    for (const { body } of jobs) keys.push(Buffer.from(body ?? []).toString())
  }
  await store.close()
  return keys
}

/** Never outlives the tests. */
const running = new Set<ChildProcess>()
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')))

/** A store in a process of its own, on a disk that may fail. */
export class Worker {
  readonly process: ChildProcess
  readonly ended: Promise<number | null>
  readonly #answers = new Map<number, (answer: Answer) => void>()
  #no = 0

  private constructor(disk: Disk, name: string, pace: 'quick' | undefined) {
    this.process = fork(
      join(import.meta.dirname, 'disk-worker.ts'),
      [join(disk.folder, name), ...(pace ? [pace] : [])],
      {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        serialization: 'advanced',
        env: disk.env,
      },
    )
    running.add(this.process)
    this.process.on('message', (report: Report) => {
      if ('no' in report) this.#answers.get(report.no)?.(report.answer)
    })
    this.ended = once(this.process, 'exit').then(([code]) => {
      running.delete(this.process)
      return code as number | null
    })
  }

  /** @param pace disk-worker.ts says what it means; only for a worker that has the file to itself */
  static async start(disk: Disk, name: string, pace?: 'quick'): Promise<Worker> {
    const worker = new Worker(disk, name, pace)
    await Promise.race([once(worker.process, 'message'), worker.#early()])
    return worker
  }

  /** What the store answers. Fails when the process ends before. */
  commit(unit: Unit): Promise<Answer> {
    return this.#ask({ unit })
  }

  put(key: string): Promise<Answer> {
    return this.commit({ ops: [{ do: 'put', to: [{ queue, create: true }], msg: { body: Buffer.from(key) } }] })
  }

  /** Closes the store; the process then ends by itself. */
  async close(): Promise<number | null> {
    await this.#ask({ close: true })
    return this.ended
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.ended
  }

  #ask(what: { unit: Unit } | { close: true }): Promise<Answer> {
    const no = ++this.#no
    const answer = new Promise<Answer>((resolve) => this.#answers.set(no, resolve))
    this.process.send({ no, ...what })
    return Promise.race([answer, this.#early()])
  }

  async #early(): Promise<never> {
    throw new Error(`the worker ended with ${await this.ended}`)
  }
}
