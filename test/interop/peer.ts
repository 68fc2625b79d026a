import { spawn, type ChildProcess } from 'node:child_process'
import { connect, createServer, type NetConnectOpts } from 'node:net'
import { tied } from '../tied.ts'

/** A server of the beanstalkd protocol in a process of its own. */
export interface Peer {
  readonly port: number
  readonly process: ChildProcess
  /** Ends it with SIGTERM, and resolves when it is gone. */
  stop(): Promise<void>
}

/** Where a server listens whose flags say so already. Default: a free port of the loopback. */
export interface Listening {
  path: string
}

/** The real one. `flags`: its own. */
export function realBeanstalkd(flags: readonly string[] = [], at?: Listening): Promise<Peer> {
  return start(['beanstalkd'], flags, at)
}

/** Starts a program that takes beanstalkd's flags, and waits until it accepts connections. */
export async function start(program: readonly string[], flags: readonly string[], at?: Listening): Promise<Peer> {
  const port = await freePort()
  const [command = '', ...first] = program
  const child = spawn(command, [...first, ...flags, ...(at ? [] : ['-l', '127.0.0.1', '-p', String(port)])], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stdout.on('data', (bytes) => (said += bytes))
  child.stderr.on('data', (bytes) => (said += bytes))
  const gone = new Promise<string>((done) => {
    child.once('error', (error) => done(error.message))
    child.once('close', (code, signal) => done(`it ended with ${code ?? signal}: ${said}`))
  })
  tied(child)
  let over: string | undefined
  void gone.then((why) => (over = why))
  while (!(await accepts(at ?? { host: '127.0.0.1', port }))) {
    if (over !== undefined) throw new Error(`${program.join(' ')} did not start: ${over}`)
    await new Promise((done) => setTimeout(done, 20))
  }
  return {
    port,
    process: child,
    async stop() {
      child.kill('SIGTERM')
      await gone
    },
  }
}

/** Below the ports that systems give out by themselves, and another range for each process: no two test files that run at once take the same. */
let candidate = 10_000 + (process.pid % 220) * 100

async function freePort(): Promise<number> {
  const port = ++candidate
  return (await isFree(port)) ? port : freePort()
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer()
    server.once('error', () => done(false))
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)))
  })
}

/** Whether a server answers there. To listen is not enough: beanstalkd does so before it finds its folder locked. */
function accepts(at: NetConnectOpts): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(at, () => socket.write('list-tube-used\r\n'))
    socket.once('data', () => {
      socket.destroy()
      done(true)
    })
    socket.once('error', () => done(false))
    socket.once('close', () => done(false))
  })
}
