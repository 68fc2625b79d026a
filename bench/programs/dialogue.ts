import { connect, type Socket } from 'node:net'
import { quantile } from '../figures.ts'

/** Milliseconds. */
export interface Latency {
  p50: number
  p99: number
  max: number
  count: number
}

export function latency(times: readonly number[]): Latency {
  const sorted = times.toSorted((a, b) => a - b)
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), max: sorted.at(-1) ?? NaN, count: sorted.length }
}

/** A connection that asks one thing after another, each answered by one line, or by a job. */
export class Dialogue {
  readonly #socket: Socket
  #came = ''
  #answer: ((reply: string) => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (data: Buffer) => this.#read(data.toString('latin1')))
  }

  static open(port: number): Promise<Dialogue> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(new Dialogue(socket)))
      socket.once('error', reject)
    })
  }

  /** @returns the reply's line, without its end */
  ask(command: string): Promise<string> {
    this.#socket.write(command, 'latin1')
    return new Promise((resolve) => (this.#answer = resolve))
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(text: string): void {
    this.#came += text
    const end = this.#came.indexOf('\r\n')
    if (end < 0) return
    const line = this.#came.slice(0, end)
    const body = line.startsWith('RESERVED ') ? Number(line.split(' ')[2]) + 2 : 0
    if (this.#came.length < end + 2 + body) return
    this.#came = this.#came.slice(end + 2 + body)
    this.#answer?.(line)
  }
}
