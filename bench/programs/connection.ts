import { connect, type Socket } from 'node:net'

/** All connections read into one buffer: what came is taken in before anything else is read. */
const incoming = Buffer.allocUnsafe(1 << 18)

/**
 * A connection to a server of this machine, which says nothing before it is asked.
 * @param failed it can't be had, or the server has hung up
 * @param read what came: the first bytes of the buffer, which are there only until it returns
 */
export function connection(
  port: number,
  failed: (error: Error) => void,
  read: (buffer: Buffer, length: number) => void,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const callback = (length: number, buffer: Uint8Array): boolean => {
      read(buffer as Buffer, length)
      return true
    }
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer: incoming, callback } })
    socket.once('error', (error) => {
      reject(error)
      failed(error)
    })
    socket.once('end', () => failed(new Error('The server has hung up.')))
    socket.once('connect', () => resolve(socket))
  })
}
