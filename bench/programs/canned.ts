/** The limit: node canned.ts PORT, a bare server of node:net that looks for where commands end and answers always the same. */
import { createServer } from 'node:net'
import { BODY } from '../body.ts'

const INSERTED = Buffer.from('INSERTED 1000000\r\n')
const RESERVED = Buffer.concat([Buffer.from(`RESERVED 1000000 ${BODY.length}\r\n`), BODY, Buffer.from('\r\n')])
const DELETED = Buffer.from('DELETED\r\n')
const LF = 10

createServer({ noDelay: true }, (socket) => {
  let rest: Buffer | undefined
  socket.on('data', (chunk: Buffer) => {
    const from = rest ? Buffer.concat([rest, chunk]) : chunk
    const replies: Buffer[] = []
    let at = 0
    for (;;) {
      const line = from.indexOf(LF, at)
      if (line < 0) break
      const first = from[at]
      const next = first === 112 ? line + 1 + BODY.length + 2 : line + 1
      if (next > from.length) break
      replies.push(first === 112 ? INSERTED : first === 114 ? RESERVED : DELETED)
      at = next
    }
    rest = at < from.length ? from.subarray(at) : undefined
    if (replies.length > 0) socket.write(replies.length === 1 ? (replies[0] as Buffer) : Buffer.concat(replies))
  })
  socket.on('error', () => socket.destroy())
}).listen(Number(process.argv[2]), '127.0.0.1')
