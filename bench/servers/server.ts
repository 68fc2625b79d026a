import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** How long a server may take until it accepts connections, and until it has stopped, in milliseconds. */
const START = 20_000
const STOP = 10_000

/** A server that was started as a process of its own and listens on a port of the loopback. */
export class Server {
  readonly port: number
  readonly pid: number
  readonly #child: ChildProcess
  readonly #gone: Promise<unknown>
  readonly #signal: NodeJS.Signals

  private constructor(child: ChildProcess, port: number, signal: NodeJS.Signals) {
    this.#child = child
    this.#signal = signal
    this.#gone = once(child, 'exit')
    this.port = port
    this.pid = child.pid as number
  }

  /**
   * @param command the program and its arguments, by the port
   * @param signal at which it stops, whoever is connected
   * @throws Error when it ends or hasn't begun to listen in time; with what it wrote
   */
  static async start(
    command: (port: number) => readonly string[],
    signal: NodeJS.Signals = 'SIGTERM',
  ): Promise<Server> {
    const port = await freePort()
    const [program, ...args] = command(port)
    const child = spawn(program as string, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => (said = (said + data.toString()).slice(-4000)))
    const failed = new Promise<never>((_, reject) => {
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`${[program, ...args].join(' ')} ended with ${code}: ${said}`)))
    })
    running.add(child)
    child.once('exit', () => running.delete(child))
    const server = new Server(child, port, signal)
    await Promise.race([accepts(port), failed])
    failed.catch(() => undefined)
    return server
  }

  async stop(): Promise<void> {
    this.#child.kill(this.#signal)
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP)
    await this.#gone
    clearTimeout(late)
  }
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function accepts(port: number): Promise<void> {
  const until = performance.now() + START
  while (!(await reaches(port))) {
    if (performance.now() > until) throw new Error(`Nothing listens on port ${port} after ${START} ms.`)
    await sleep(20)
  }
}

function reaches(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
