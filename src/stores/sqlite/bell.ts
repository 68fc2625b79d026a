/**
 * How the processes that share a file wake each other: each listens on a Unix socket beside the file and keeps one connection to every other.
 * Through it goes "there may be a job for you"; its end says that the other is gone.
 */
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hint } from '../store.ts'

/** What a peer tells another. */
export type Ring = Pick<Hint, 'ready' | 'due' | 'records' | 'ended' | 'finished' | 'events'>

/** A line from a peer is never longer; who sends more isn't one of us. */
const LONGEST = 1 << 20

/** So many of the last leases that ended, and jobs that finished, are kept for a peer that is stopped; the others it finds out by itself. */
const MOST = 5000

/** The socket of the process so named, in the folder beside the file; elsewhere where the path would be too long for a socket. */
export function socketPath(folder: string, name: string): string {
  const beside = join(folder, `${name}.sock`)
  if (process.platform === 'win32') return `\\\\.\\pipe\\queueup-${hash(beside)}`
  return Buffer.byteLength(beside) <= 100 ? beside : join(tmpdir(), `queueup-${hash(beside)}.sock`)
}

/** Where others ring. */
export class Bell {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #path: string

  /** @param onConnect a process that has just opened the file said hello */
  constructor(folder: string, name: string, onRing: (ring: Ring) => void, onConnect: () => void) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#path = socketPath(folder, name)
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.unref()
      socket.on('error', () => socket.destroy())
      socket.on('close', () => this.#sockets.delete(socket))
      // Rings that come while this one is being looked into are covered by the look: the other may ring again after it.
      readLines(socket, (line) => {
        onRing(JSON.parse(line) as Ring)
        setImmediate(() => socket.write('ok\n'))
      })
      onConnect()
    })
    this.#server.unref()
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#path, () => {
        // In the folder beside the file nobody else gets at it; elsewhere its own mode says so.
        if (process.platform !== 'win32') chmodSync(this.#path, 0o600)
        resolve()
      })
    })
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    if (process.platform !== 'win32') rmSync(this.#path, { force: true })
  }
}

/** Another process that has the file open, and the line to its bell. */
export class Peer {
  readonly slot: number
  readonly name: string
  readonly #path: string
  readonly #onEnd: () => void
  #socket: Socket | undefined
  /** It heard the last ring. */
  #armed = true
  #pending:
    | {
        ready: Set<string>
        due: number
        records: number
        ended: NonNullable<Ring['ended']>[number][]
        finished: number[]
        events: number
      }
    | undefined
  #closed = false

  /** @param onEnd the line broke: it died, closed, or wasn't there */
  constructor(slot: number, name: string, folder: string, onEnd: () => void) {
    this.slot = slot
    this.name = name
    this.#path = socketPath(folder, name)
    this.#onEnd = onEnd
    this.#connect()
  }

  ring(ring: Ring): void {
    const pending = (this.#pending ??= {
      ready: new Set(),
      due: Infinity,
      records: 0,
      ended: [],
      finished: [],
      events: 0,
    })
    for (const queue of ring.ready ?? []) pending.ready.add(queue)
    if (ring.due !== undefined) pending.due = Math.min(pending.due, ring.due)
    if (ring.records !== undefined) pending.records = ring.records
    if (ring.ended) append(pending.ended, ring.ended)
    if (ring.events !== undefined) pending.events = Math.max(pending.events, ring.events)
    if (ring.finished) append(pending.finished, ring.finished)
    this.#send()
  }

  close(): void {
    this.#closed = true
    this.#socket?.destroy()
  }

  #connect(): void {
    const socket = connect(this.#path)
    this.#socket = socket
    socket.unref()
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      if (!this.#closed) this.#onEnd()
    })
    readLines(socket, () => {
      this.#armed = true
      this.#send()
    })
  }

  #send(): void {
    const pending = this.#pending
    if (!pending || !this.#armed || !this.#socket || this.#socket.destroyed) return
    this.#pending = undefined
    this.#armed = false
    const { ready, due, records, ended, finished, events } = pending
    const ring = {
      ...(ready.size > 0 && { ready: [...ready] }),
      ...(due !== Infinity && { due }),
      ...(records > 0 && { records }),
      ...(ended.length > 0 && { ended }),
      ...(finished.length > 0 && { finished }),
      ...(events > 0 && { events }),
    }
    this.#socket.write(`${JSON.stringify(ring)}\n`)
  }
}

/** In slices: what is dropped is not moved for each that comes. */
function append<T>(list: T[], more: readonly T[]): void {
  for (const one of more) list.push(one)
  if (list.length > 2 * MOST) list.splice(0, list.length - MOST)
}

function readLines(socket: Socket, on: (line: string) => void): void {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() as string
    if (rest.length > LONGEST) socket.destroy()
    for (const line of lines) on(line)
  })
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 24)
}
