import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A way to a server that can be cut at any moment, and lead elsewhere later. */
export class Proxy {
  readonly url: string
  /** The server's port; undefined: it is away. */
  to: number | undefined
  readonly #listener
  readonly #sockets = new Set<Socket>()

  private constructor(listener: ReturnType<typeof createServer>, to: number | undefined) {
    this.#listener = listener
    this.to = to
    this.url = `beanstalkd://127.0.0.1:${(listener.address() as AddressInfo).port}`
    listener.on('connection', (client: Socket) => this.#lead(client))
  }

  static async open(to: number | undefined): Promise<Proxy> {
    const listener = createServer()
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
    return new Proxy(listener, to)
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  close(): void {
    this.#listener.close()
    this.cut()
  }

  #lead(client: Socket): void {
    if (this.to === undefined) return void client.destroy()
    const server = connect(this.to, '127.0.0.1')
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one)
      one.setNoDelay()
      one.on('error', () => undefined)
      one.on('close', () => {
        this.#sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  }
}
