/** Answers as HTTP. */
import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { encodeError, type Answer } from './codec.ts'
import { SqsError } from './sqs-error.ts'

/**
 * @param id the request's
 * @param last the connection ends with it
 */
export function writeAnswer(
  res: ServerResponse,
  id: string,
  { status, type, body, queryError }: Answer,
  last: boolean,
): void {
  const head = ['x-amzn-RequestId', id, 'Content-Type', type, 'Content-Length', String(Buffer.byteLength(body))]
  if (queryError !== undefined) head.push('x-amzn-query-error', queryError)
  if (status === 405) head.push('Allow', 'GET, HEAD, POST')
  if (last) head.push('Connection', 'close')
  res.writeHead(status, head)
  res.end(body)
}

/** What isn't HTTP, or isn't whole in time. The connection can't be used any more. */
export function refuseBytes(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable) return void socket.destroy()
  const slow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const large = error.code === 'HPE_HEADER_OVERFLOW'
  const said = slow
    ? new SqsError('RequestTimeout', 'The request took too long to arrive.')
    : new SqsError('MalformedInput', large ? 'The headers are too large.' : 'The request is no HTTP.')
  const id = randomUUID()
  const { body, type } = encodeError('query', said, id)
  const status = slow ? '408 Request Timeout' : large ? '431 Request Header Fields Too Large' : '400 Bad Request'
  socket.end(
    `HTTP/1.1 ${status}\r\nx-amzn-RequestId: ${id}\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}
